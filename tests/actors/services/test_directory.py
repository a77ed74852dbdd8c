"""Services that come, change and go while others run; with real processes."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trio

from actors import ServiceSettings, State, System, open_system
from actors.runtime import Bus, open_supervisor
from actors.services import (
    Happened,
    Reconfigured,
    ServiceExists,
    ServiceIsGroup,
    ServiceNeeded,
    ServiceNotFound,
    ServiceOwned,
    Services,
    ServicesConfigured,
    Wanted,
)
from actors.services.keeper import open_keeper
from actors.setting_rules import SettingsError
from actors.settings import HttpOptions, LogOptions
from actors.store import StoreFull
from tests.actors.metrics.children import until
from tests.actors.services.yard import DEAF, PATIENCE, Story, Yard, kill_all, seeded


async def running(system: System, *services: str) -> dict[str, int | None]:
    """The pids of *services* once all of them run."""
    return {service: (await system.services.wait_for(service, State.RUNNING)).pid for service in services}


def with_options(settings: ServiceSettings, **options: object) -> ServiceSettings:
    assert settings.process is not None
    return attrs.evolve(settings, process=attrs.evolve(settings.process, **options))


# --- another configuration ---


async def test_a_reload_stops_what_went_starts_what_came_restarts_what_changed_and_leaves_the_rest(yard: Yard) -> None:
    old = [yard.service(name, autostart=True) for name in ("goes", "stays", "changes", "renamed")]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*old)) as system:
            before = await running(system, "goes", "stays", "changes", "renamed")
            outcome = await system.services.reconfigure(
                [
                    yard.service("comes", autostart=True),
                    attrs.evolve(old[3], name="another name"),
                    with_options(old[2], command=("sleep", "999")),
                    old[1],
                    yard.service("rests"),
                ]
            )
            assert outcome == Reconfigured(
                added=("comes", "rests"), removed=("goes",), restarted=("changes",), changed=("renamed",)
            )
            assert yard.processes("goes") == []
            assert list(system.services.board.value) == ["comes", "renamed", "changes", "stays", "rests"]
            assert system.services.view("renamed").settings.name == "another name"
            with pytest.raises(ServiceNotFound):
                system.services.ref("goes")
            after = await running(system, "comes", "stays", "changes", "renamed")
            assert (after["stays"], after["renamed"]) == (before["stays"], before["renamed"])
            assert after["changes"] != before["changes"]
            assert len(yard.processes("changes")) == 1
            assert system.services.view("changes").restarts == 0, "it was told to, and did not fail"
            assert system.services.view("rests").state is State.STOPPED
            assert [child.name for child in system.tree().children[-1].children] == [
                *("stays", "changes", "renamed", "comes", "rests")
            ]


async def test_the_same_configuration_again_changes_nothing_and_tells_nothing(yard: Yard) -> None:
    services = [yard.service("a", autostart=True), ServiceSettings(id="site", kind="http", autostart=False)]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            before = await running(system, "a")
            with system.bus.subscribe(ServicesConfigured, Happened) as events:
                outcome = await system.services.reconfigure(services)
                assert outcome.nothing
                assert events.statistics().queued == 0
            assert await running(system, "a") == before


async def test_every_change_is_told_with_the_keys_that_are_different(yard: Yard) -> None:
    old = [yard.service("a"), yard.service("b"), ServiceSettings(id="site", kind="http", autostart=False)]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*old)) as system:
            story = Story.of(system.bus)
            site = attrs.evolve(old[2], monitor=HttpOptions(url="http://h/"))
            with system.bus.subscribe(Happened, ServicesConfigured) as events:
                outcome = await system.services.reconfigure(
                    [with_options(old[0], stop_grace=1.0, cwd="/"), site, yard.service("c")]
                )
                told = [await events.receive() for _ in range(5)]
            assert {(e.service_id, e.what, e.new, e.reason, e.detail) for e in told if isinstance(e, Happened)} == {
                ("a", "configured", "changed", "reload", "cwd, stop_grace"),
                ("site", "configured", "changed", "reload", "url"),
                ("b", "configured", "removed", "reload", ""),
                ("c", "configured", "added", "reload", ""),
            }
            assert told[-1] == ServicesConfigured(outcome)
            assert story.so_far() == ["config_changed", "config_changed"]
            assert system.services.view("site").settings == site


async def test_what_runs_on_goes_by_its_new_settings(yard: Yard) -> None:
    deaf = yard.shell("a", DEAF, autostart=True, stop_grace=1000.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(deaf)) as system:
            await until(lambda: yard.log("a") == b"up\n")
            before = await running(system, "a")
            outcome = await system.services.reconfigure([with_options(deaf, stop_grace=0.05, restart="never")])
            assert (outcome.changed, outcome.restarted) == (("a",), ())
            assert await running(system, "a") == before
            await system.services.stop("a")
            await system.services.wait_for("a", State.STOPPED)
            await system.services.start("a")
            await running(system, "a")
            kill_all(yard.processes("a"))
            await system.services.wait_for("a", State.FATAL)


async def test_a_service_that_was_given_up_is_tried_again_with_the_command_that_was_put_right(yard: Yard) -> None:
    broken = yard.service("a", "no-such-program", autostart=True, restart="never")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(broken)) as system:
            await system.services.wait_for("a", State.FATAL)
            outcome = await system.services.reconfigure([with_options(broken, command=("sleep", "1000"))])
            assert outcome.restarted == ("a",)
            await running(system, "a")


async def test_what_is_stopped_stays_stopped_whatever_changes_and_starts_by_the_new_settings(yard: Yard) -> None:
    old = yard.service("a")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(old)) as system:
            outcome = await system.services.reconfigure([with_options(old, command=("sleep", "998"), nice=None)])
            assert (outcome.changed, outcome.restarted) == (("a",), ())
            assert system.services.view("a").state is State.STOPPED
            await system.services.start("a")
            await running(system, "a")
            (pid,) = yard.processes("a")
            assert b"998" in _command_line(pid)


async def test_another_kind_by_the_same_id_is_another_service(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", autostart=True))) as system:
            await running(system, "a")
            outcome = await system.services.reconfigure([ServiceSettings(id="a", kind="http", autostart=False)])
            assert (outcome.added, outcome.removed) == (("a",), ("a",))
            assert yard.processes() == []
            assert system.services.view("a").settings.kind == "http"


async def test_a_changed_log_counts_from_the_next_start_and_is_said_so(yard: Yard) -> None:
    old = yard.service("a", autostart=True)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(old)) as system:
            before = await running(system, "a")
            outcome = await system.services.reconfigure([attrs.evolve(old, log=LogOptions(keep=1))])
            assert (outcome.changed, outcome.later) == (("a",), ("a",))
            assert await running(system, "a") == before


async def test_services_that_cannot_be_together_change_nothing(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", autostart=True))) as system:
            before = await running(system, "a")
            lost = attrs.evolve(yard.service("b"), depends_on={"nobody": "started"})
            with pytest.raises(SettingsError, match=r'b\.depends_on is "nobody"'):
                await system.services.reconfigure([lost])
            with pytest.raises(SettingsError, match="each id once"):
                await system.services.reconfigure([yard.service("b"), yard.service("b")])
            assert list(system.services.board.value) == ["a"]
            assert await running(system, "a") == before


@pytest.mark.slow
async def test_commands_on_other_services_do_not_wait_for_one_that_takes_long_to_go(yard: Yard) -> None:
    deaf, other = yard.shell("deaf", DEAF, autostart=True, stop_grace=1.0), yard.service("other")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(deaf, other)) as system, trio.open_nursery() as nursery:
            await until(lambda: yard.log("deaf") == b"up\n")
            began = trio.current_time()
            nursery.start_soon(system.services.reconfigure, [other])
            await system.services.wait_for("deaf", State.STOPPING)
            await system.services.start("other")
            await running(system, "other")
            assert "deaf" in system.services.board.value, "the one that goes is gone already"
            # A second configuration waits for the first, and finds what that left.
            outcome = await system.services.reconfigure([other, yard.service("third")])
            assert outcome == Reconfigured(added=("third",))
            assert trio.current_time() - began >= 1.0
            assert yard.processes("deaf") == []


@pytest.mark.slow
async def test_a_reload_is_carried_out_to_its_end_though_nobody_waits_any_more(yard: Yard) -> None:
    deaf = yard.shell("deaf", DEAF, autostart=True, stop_grace=0.3)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(deaf)) as system:
            await until(lambda: yard.log("deaf") == b"up\n")
            with trio.move_on_after(0.05):
                await system.services.reconfigure([yard.service("comes", autostart=True)])
            assert list(system.services.board.value) == ["comes"]
            assert yard.processes("deaf") == []
            await running(system, "comes")


async def test_a_service_whose_actor_cannot_take_it_is_as_it_was_and_the_next_reload_tries_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [yard.service("a", autostart=True), yard.service("b", autostart=True)]
    new = [with_options(one, command=("sleep", "997")) for one in old]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*old)) as system:
            before = await running(system, "a", "b")

            def break_down(*_: object) -> bool:
                raise RuntimeError("a mistake of ours")

            with monkeypatch.context() as broken:
                broken.setattr("actors.services.process.starts_anew", break_down)
                outcome = await system.services.reconfigure(new)
            assert set(outcome.failed) == {"a", "b"}
            assert "a mistake of ours" in outcome.failed["a"]
            assert await running(system, "a", "b") == before, "a crash of ours has touched what runs"
            assert set((await system.services.reconfigure(new)).changed) <= {"a", "b"}


# --- instances ---


async def test_instances_have_their_number_their_own_log_and_come_and_go_at_the_end(yard: Yard) -> None:
    web = yard.shell(
        "web", 'echo "$HAMSTER_INSTANCE of $HAMSTER_INSTANCES"; exec sleep 1000', autostart=True, instances=2
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(web)) as system:
            before = await running(system, "web-1", "web-2")
            assert list(system.services.board.value) == ["web-1", "web-2"]
            assert [*system.services.declared] == ["web"]
            await until(lambda: (yard.log("web-1"), yard.log("web-2")) == (b"1 of 2\n", b"2 of 2\n"))
            outcome = await system.services.reconfigure([with_options(web, instances=3)])
            assert (outcome.added, outcome.restarted, outcome.later) == (("web-3",), (), ("web-1", "web-2"))
            after = await running(system, "web-1", "web-2", "web-3")
            assert before.items() <= after.items()
            await until(lambda: yard.log("web-3") == b"3 of 3\n")
            outcome = await system.services.reconfigure([with_options(web, instances=2)])
            assert outcome.removed == ("web-3",)
            assert await running(system, "web-1", "web-2") == before
            assert yard.processes("web-3") == []


async def test_a_group_is_named_by_its_id_its_tags_and_patterns_but_is_no_service_itself(yard: Yard) -> None:
    web = attrs.evolve(yard.service("web", instances=2), tags=("front",))
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(web, yard.service("db"))) as system:
            services = system.services
            assert services.matching("web") == services.matching("tag:front") == services.matching("web-*")
            with pytest.raises(ServiceIsGroup, match="runs as web-1, web-2") as refused:
                services.view("web")
            assert refused.value.instances == ("web-1", "web-2")
            with pytest.raises(ServiceIsGroup):
                await services.start("web")
            with pytest.raises(ServiceNotFound):
                services.matching("tag:nobody")


# --- added at run time ---


async def test_a_service_that_was_added_is_there_after_a_restart_with_all_of_its_settings(yard: Yard) -> None:
    added = attrs.evolve(yard.service("extra", autostart=True, stop_grace=3.5), tags=("x",), name="더")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            outcome = await system.services.add(added)
            assert outcome == Reconfigured(added=("extra",))
            await running(system, "extra")
            assert system.services.view("extra").settings == attrs.evolve(added, origin="api")
            assert list(system.services.board.value) == ["a", "extra"]
        assert yard.processes() == []
        async with open_system(yard.settings(yard.service("a"), yard.service("b"))) as system:
            assert list(system.services.board.value) == ["a", "b", "extra"]
            await running(system, "extra")
            assert system.services.view("extra").settings == attrs.evolve(added, origin="api")


async def test_a_service_that_was_added_can_be_changed_and_removed_for_good(yard: Yard) -> None:
    added = yard.service("extra", autostart=True)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings()) as system:
            await system.services.add(added)
            before = await running(system, "extra")
            outcome = await system.services.change(with_options(added, stop_grace=2.0))
            assert outcome.changed == ("extra",)
            assert await running(system, "extra") == before
            await system.services.change(with_options(added, instances=2))
            await running(system, "extra-1", "extra-2")
            assert yard.processes("extra") == []
        async with open_system(yard.settings()) as system:
            await running(system, "extra-1", "extra-2")
            outcome = await system.services.remove("extra")
            assert outcome.removed == ("extra-1", "extra-2")
            assert yard.processes() == []
        async with open_system(yard.settings()) as system:
            assert dict(system.services.board.value) == {}


async def test_a_reload_of_the_configuration_leaves_what_was_added_alone(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            await system.services.add(yard.service("extra", autostart=True))
            before = await running(system, "extra")
            await system.services.reconfigure([yard.service("b")])
            assert list(system.services.board.value) == ["b", "extra"]
            assert await running(system, "extra") == before
            with pytest.raises(SettingsError, match="an id that no service added over the API has"):
                await system.services.reconfigure([yard.service("extra")])


async def test_each_service_has_one_owner_and_one_id(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"), yard.service("web", instances=2))) as system:
            services = system.services
            for taken in ("a", "web", "web-1"):
                with pytest.raises(ServiceExists):
                    await services.add(yard.service(taken))
            for owned in ("a", "web", "web-2"):
                with pytest.raises(ServiceOwned) as refused:
                    await services.change(yard.service(owned))
                assert refused.value.origin == "file"
                with pytest.raises(ServiceOwned):
                    await services.remove(owned)
            with pytest.raises(ServiceNotFound):
                await services.remove("nobody")
            with pytest.raises(SettingsError, match="nobody"):
                await services.add(attrs.evolve(yard.service("b"), depends_on={"nobody": "started"}))
            assert list(services.board.value) == ["a", "web-1", "web-2"]


async def test_what_others_depend_on_stays(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings()) as system:
            await system.services.add(yard.service("db"))
            await system.services.add(attrs.evolve(yard.service("b"), depends_on={"db": "started"}))
            with pytest.raises(ServiceNeeded, match="b depend on it") as refused:
                await system.services.remove("db")
            assert refused.value.by == ("b",)
            await system.services.remove("b")
            await system.services.remove("db")


async def test_on_a_full_disk_nothing_is_added_and_nothing_touched(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", autostart=True))) as system:
            before = await running(system, "a")

            async def full(_: Callable[[sqlite3.Connection], object]) -> None:
                await trio.lowlevel.checkpoint()
                raise StoreFull(system.store.path)

            with monkeypatch.context() as broken:
                broken.setattr(system.store, "write", full)
                with pytest.raises(StoreFull):
                    await system.services.add(yard.service("b"))
            assert list(system.services.board.value) == ["a"]
            assert await running(system, "a") == before
            await system.services.add(yard.service("b"))


async def test_a_service_that_the_file_has_meanwhile_is_the_files(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings()) as system:
            for name in ("x", "y", "web-2"):
                await system.services.add(yard.service(name))
            await system.services.add(attrs.evolve(yard.service("z"), depends_on={"y": "started"}))
        web = yard.service("web", instances=2)
        async with open_system(yard.settings(yard.service("y", stop_grace=1.5), web)) as system:
            assert list(system.services.board.value) == ["y", "web-1", "web-2", "x", "z"]
            assert system.services.view("y").settings.origin == "file"
            assert "services.set_aside service=y " in caplog.text
            assert "services.set_aside service=web-2 " in caplog.text
        async with open_system(yard.settings()) as system:
            assert list(system.services.board.value) == ["x", "y", "web-2", "z"], "what was set aside is lost"


async def test_what_cannot_be_read_back_is_set_aside_and_the_rest_is_there(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO added_services VALUES ('later', 7, '{\"kind\": \"from a later version\"}')")
        connection.execute("INSERT INTO added_services VALUES ('cut', 8, '{\"comm')")

    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings()) as system:
            await system.services.add(yard.service("x"))
            await system.store.write(spoil)
        async with open_system(yard.settings()) as system:
            assert list(system.services.board.value) == ["x"]
            assert "services.set_aside service=later " in caplog.text
            assert "services.set_aside service=cut " in caplog.text


async def test_what_is_wanted_from_before_counts_more_than_autostart(yard: Yard) -> None:
    bus = Bus()
    settings = [yard.service("down", autostart=True), yard.service("up"), yard.service("auto", autostart=True)]
    services = Services(settings, bus)
    logs = yard.settings().logs_dir
    logs.mkdir(parents=True)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper, open_supervisor("services", bus=bus) as supervisor:
            wanted = {"down": Wanted.DOWN, "up": Wanted.UP, "gone": Wanted.UP}
            await services.open(supervisor, keeper, logs, seeded(), wanted)
            await services.wait_for("up", State.RUNNING)
            await services.wait_for("auto", State.RUNNING)
            assert services.view("down").state is State.STOPPED
            await services.shut_down()


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
