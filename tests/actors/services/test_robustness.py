"""Nothing of ours that breaks stops a service that runs: its actor, its domain, the keeper, a holder."""

import os
import signal
from collections.abc import Callable

import attrs
import pytest
import trio

import actors.domains
import actors.services.attendance
import actors.services.launching
import actors.services.process
from actors import State, System, open_system
from actors.runtime import ActorCrashed, ActorFailed, ActorState, Backoff, Message, RestartIntensity
from actors.services import StartService, StopService, Wanted, process, waiting
from actors.services.keeper import Keeper, Run
from actors.services.process import ProcessService
from actors.settings import AliveOptions, ReadyOptions
from tests.actors.metrics.children import until
from tests.actors.services.yard import PATIENCE, Longest, Story, Yard, parent_of

POLITE = "trap 'echo goodbye; exit 0' TERM; echo up; while :; do sleep 0.01; done"
"""Says when it is up, and goodbye when it is asked to go."""


@attrs.frozen
class Break(Message[object, None]):
    """A message that no actor survives."""

    def deliver(self, to: object) -> None:
        raise RuntimeError("broken on purpose")


async def crash(system: System, service: str) -> None:
    """Crash the actor of *service*, and wait until it is back."""
    before = system.services.ref(service).statistics().restarts
    with pytest.raises(ActorCrashed):
        await system.services.ref(service).ask(Break())
    await until(lambda: came_back(system, service, before))


def came_back(system: System, service: str, restarts: int) -> bool:
    statistics = system.services.ref(service).statistics()
    return statistics.restarts > restarts and statistics.state is ActorState.RUNNING


def break_once(monkeypatch: pytest.MonkeyPatch, owner: object, method: str) -> None:
    """Have *method* raise the first time it is called, before it has done anything."""
    whole: Callable[..., object] = getattr(owner, method)
    left = [RuntimeError("broken on purpose")]

    def broken(*args: object, **kwargs: object) -> object:
        if left:
            raise left.pop()
        return whole(*args, **kwargs)

    monkeypatch.setattr(owner, method, broken)


async def running(system: System, service: str) -> int:
    """The pid of *service*, once it runs."""
    pid = (await system.services.wait_for(service, State.RUNNING)).pid
    assert pid is not None
    return pid


# --- its actor ---


async def test_a_crashed_actor_takes_over_its_running_service_and_watches_on(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            pid = await running(system, "a")
            before = system.services.view("a")
            await crash(system, "a")
            assert system.services.view("a") == before
            assert yard.processes() == [pid]

            os.kill(pid, signal.SIGKILL)
            recovered = await story.until("recovered")
            assert recovered.view.pid not in (None, pid)
            assert story.so_far() == ["started", "error", "recovered"]
            assert (await system.services.stop("a")).changed
            await system.services.wait_for("a", State.STOPPED)


@pytest.mark.slow
async def test_what_happens_while_an_actor_is_down_is_dealt_with_once_it_is_back(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a")), random=Longest()) as system:
            await system.services.start("a")
            pid = await running(system, "a")
            ref = system.services.ref("a")
            for _ in range(4):  # each makes the actor wait longer until it is back, then 0.4 s
                await crash(system, "a")
            ref.tell(Break())
            await until(lambda: ref.state is ActorState.BACKOFF)
            os.kill(pid, signal.SIGKILL)
            ref.tell(StopService())
            assert ref.state is ActorState.BACKOFF
            assert system.services.view("a").pid == pid, "nobody was there to see it"
            await system.services.wait_until(lambda board: board["a"].wanted is Wanted.DOWN)
            await system.services.wait_for("a", State.STOPPED)
            assert yard.processes() == []


@pytest.mark.slow
async def test_an_actor_that_crashes_while_its_service_starts_still_sees_it_come_up(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", start_seconds=0.3))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await crash(system, "a")
            assert system.services.view("a").state is State.STARTING
            await story.until("started")
            assert len(yard.processes()) == 1


@pytest.mark.slow
async def test_an_actor_that_crashes_during_a_backoff_still_starts_its_service_when_it_is_due(yard: Yard) -> None:
    flag = yard.directory / "works"
    script = f"test -e {flag} || exit 3; exec sleep 1000"
    service = yard.shell("a", script, backoff_initial=1.0, backoff_max=1.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.BACKOFF)
            flag.touch()
            await crash(system, "a")
            assert (await system.services.wait_for("a", State.RUNNING)).restarts == 1


async def test_an_actor_that_crashes_when_a_backoff_is_over_starts_its_service_all_the_same(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = yard.directory / "works"
    service = yard.shell("a", f"test -e {flag} || exit 3; exec sleep 1000", backoff_initial=0.3, backoff_max=0.3)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=Longest()) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.BACKOFF)
            flag.touch()
            break_once(monkeypatch, actors.services.process, "transition")
            assert (await system.services.wait_for("a", State.RUNNING)).restarts == 1
            assert system.services.ref("a").statistics().restarts == 1


@pytest.mark.parametrize(("owner", "name"), [(actors.services.launching, "spec_of"), (ProcessService, "_look_at_run")])
async def test_an_actor_that_crashes_before_or_after_a_spawn_leaves_exactly_one_process(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    break_once(monkeypatch, owner, name)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            system.services.ref("a").tell(StartService())
            await running(system, "a")
            assert system.services.ref("a").statistics().restarts == 1
            assert len(yard.processes()) == 1


@pytest.mark.parametrize(("owner", "name"), [(ProcessService, "_ended"), (actors.services.process, "begin_delay")])
async def test_an_actor_that_crashes_on_the_end_of_a_run_deals_with_it_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            pid = await running(system, "a")
            break_once(monkeypatch, owner, name)
            os.kill(pid, signal.SIGKILL)
            recovered = await story.until("recovered")
            assert recovered.failure is not None
            assert recovered.failure.signal == "SIGKILL"
            assert yard.processes() == [recovered.view.pid]
            assert system.services.ref("a").statistics().restarts == 1


async def test_an_actor_that_crashes_before_its_stop_was_sent_sends_it_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            await system.services.start("a")
            await running(system, "a")
            break_once(monkeypatch, Run, "stop")
            with pytest.raises(ActorCrashed):
                await system.services.stop("a")
            view = await system.services.wait_for("a", State.STOPPED)
            assert view.wanted is Wanted.DOWN
            assert yard.processes() == []


async def test_an_actor_that_crashes_before_it_ends_a_run_that_does_not_live_ends_it_all_the_same(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = yard.directory / "lives"
    flag.touch()
    alive = AliveOptions(exec=("test", "-e", str(flag)), interval=0.05, failures=1)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", alive=alive))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            pid = await running(system, "a")
            break_once(monkeypatch, Run, "stop")
            flag.unlink()
            error = await story.until("error")
            assert error.failure is not None
            assert error.failure.reason == "not_alive"
            flag.touch()
            assert (await story.until("recovered")).view.pid not in (None, pid)
            assert system.services.ref("a").statistics().restarts == 1
            assert len(yard.processes()) == 1


@pytest.mark.parametrize(("owner", "name"), [(waiting, "outlook"), (process, "launch")], ids=["outlook", "launch"])
async def test_an_actor_that_crashes_on_the_coming_of_what_it_waits_for_starts_its_service_all_the_same(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    flag = yard.directory / "ready"
    ready = ReadyOptions(exec=("test", "-e", str(flag)), interval=0.05)
    web = attrs.evolve(yard.service("web"), depends_on=["db"])
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(web, yard.service("db", ready=ready))) as system:
            await system.services.start("web")
            await system.services.wait_until(
                lambda board: board["web"].waits_for == ("db",) and board["db"].pid is not None
            )
            break_once(monkeypatch, owner, name)
            flag.touch()
            await running(system, "web")
            assert system.services.ref("web").statistics().restarts == 1
            assert len(yard.processes()) == 2


async def test_a_fault_in_a_probe_ends_neither_the_service_nor_its_actor(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors.services.attendance, "BROKEN_SECONDS", 0.05)
    break_once(monkeypatch, actors.services.attendance, "look")
    ready = ReadyOptions(exec=("true",), interval=0.05)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", ready=ready))) as system:
            await system.services.start("a")
            await running(system, "a")
            assert system.services.ref("a").statistics().restarts == 0
            assert system.services.view("a").restarts == 0


@pytest.mark.slow
async def test_an_actor_that_keeps_crashing_takes_no_other_service_with_it(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"), yard.service("b"))) as system:
            for service in "ab":
                await system.services.start(service)
            pids = [await running(system, service) for service in "ab"]
            for _ in range(100):
                system.services.ref("a").tell(Break())
            await until(lambda: system.services.ref("a").statistics().restarts >= 5)
            assert sorted(yard.processes()) == sorted(pids)
            assert system.services.ref("b").statistics().restarts == 0
            await system.services.stop("b")
            await system.services.wait_for("b", State.STOPPED)


@pytest.mark.slow
async def test_fifty_actors_that_crash_for_one_reason_all_come_back(yard: Yard) -> None:
    services = [yard.shell(f"s{number}", "exec sleep 1000", autostart=True) for number in range(50)]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.wait_until(lambda board: all(view.state is State.RUNNING for view in board.values()))
            pids = set(yard.processes())
            for service in services:
                system.services.ref(service.id).tell(Break())
            await until(lambda: all(came_back(system, service.id, 0) for service in services))
            assert set(yard.processes()) == pids


# --- its domain ---


async def test_a_domain_that_gives_up_leaves_its_services_running_and_comes_back(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors.domains, "DOMAIN_INTENSITY", RestartIntensity(0, 60.0))
    monkeypatch.setattr(actors.domains, "SERVICES_BACKOFF", Backoff(initial=0.0, maximum=0.0))
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"), yard.service("b"))) as system:
            story = Story.of(system.bus)
            for service in "ab":
                await system.services.start(service)
            pids = {service: await running(system, service) for service in "ab"}
            failures = system.bus.subscribe(ActorFailed)
            system.services.ref("a").tell(Break())
            await until(lambda: domain_restarts(system) == 1)
            told = [event.path for event in await failures.receive_batch() if isinstance(event, ActorFailed)]
            assert told == ["system/services/a", "system/services"]
            assert set(yard.processes()) == set(pids.values())

            os.kill(pids["b"], signal.SIGKILL)
            assert (await story.until("recovered")).view.id == "b"
            assert system.services.view("a").pid == pids["a"]


def domain_restarts(system: System) -> int:
    (services,) = [node for node in system.tree().children if node.name == "services"]
    return services.restarts if services.state is ActorState.RUNNING else 0


async def test_services_without_their_actors_are_stopped_politely_at_the_end(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors.domains, "DOMAIN_INTENSITY", RestartIntensity(0, 60.0))
    monkeypatch.setattr(actors.domains, "SERVICES_BACKOFF", Backoff(initial=600.0, maximum=600.0, at_once=0))
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", POLITE))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"up\n")
            ref = system.services.ref("a")
            ref.tell(Break())
            await until(lambda: ref.state is not ActorState.RUNNING)
            assert len(yard.processes()) >= 1
            started = trio.current_time()
        assert trio.current_time() - started < 4.0, "it was waited for in vain"
        assert system.services.view("a").state is State.STOPPED
        assert story.so_far()[-1] == "stopped"
        assert yard.log("a").endswith(b"goodbye\n")


@pytest.mark.slow
async def test_an_actor_that_comes_back_during_the_shutdown_starts_nothing(yard: Yard) -> None:
    script = "echo up; trap 'sleep 0.6; exit 1' TERM; while :; do sleep 0.01; done"
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", script)), random=Longest()) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await story.until("started")
            ref = system.services.ref("a")
            for _ in range(3):  # each makes the actor wait longer until it is back, then 0.2 s
                await crash(system, "a")
            ref.tell(Break())
            await until(lambda: ref.state is ActorState.BACKOFF)
            await system.stop_services()
            assert came_back(system, "a", 3), "it should have come back while its service was ending"
            assert system.services.view("a").state is State.STOPPED
            assert story.so_far() == ["started", "stopped"], "its end was no failure, which would be repaired"
        assert yard.log("a").count(b"up\n") == 1


async def test_an_actor_that_crashes_on_the_shutdown_itself_does_not_save_its_service(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: ProcessService) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(ProcessService, "shut_down", broken)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", POLITE))) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"up\n")
        assert system.services.view("a").state is State.STOPPED
        assert yard.log("a").endswith(b"goodbye\n")


# --- the keeper and a holder ---


async def test_a_killed_keeper_takes_the_services_down_and_all_of_them_come_back(yard: Yard) -> None:
    services = [yard.service(name, fatal_failures=1) for name in "abc"]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            story = Story.of(system.bus)
            for name in "abc":
                await system.services.start(name)
            pids = {name: await running(system, name) for name in "abc"}
            keeper = parent_of(parent_of(pids["a"]))
            os.kill(keeper, signal.SIGKILL)
            for name in "abc":
                recovered = await story.until("recovered")
                assert recovered.failure is not None, name
                assert recovered.failure.reason == "lost"
                assert recovered.failure.detail in ("keeper lost", "holder lost")
            new = {view.pid for view in system.services.board.value.values()}
            assert new == set(yard.processes())
            assert not new & set(pids.values())


async def test_what_is_never_restarted_is_not_run_twice_even_when_we_killed_it(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", "echo once; exec sleep 1000", restart="never"))) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"once\n")
            os.kill(parent_of(await running(system, "a")), signal.SIGKILL)
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "lost"
        assert yard.log("a") == b"once\n"


async def test_a_killed_holder_takes_down_its_own_service_alone(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"), yard.service("b"))) as system:
            story = Story.of(system.bus)
            for name in "ab":
                await system.services.start(name)
            pids = {name: await running(system, name) for name in "ab"}
            os.kill(parent_of(pids["a"]), signal.SIGKILL)
            recovered = await story.until("recovered")
            assert recovered.view.id == "a"
            assert recovered.failure is not None
            assert (recovered.failure.reason, recovered.failure.detail) == ("lost", "holder lost")
            assert yard.processes("b") == [pids["b"]]
            assert len(yard.processes("a")) == 1


@pytest.mark.slow
async def test_a_service_that_cannot_be_started_because_of_us_is_tried_until_it_can(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [OSError("no socket")] * 4
    start = Keeper.start

    async def refuse(self: Keeper, *args: object) -> Run:
        if left:
            raise left.pop()
        return await start(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Keeper, "start", refuse)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", fatal_failures=2))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            view = (await story.until("recovered")).view
            assert view.restarts == 4
            assert story.so_far().count("error") == 4
            assert view.last_failure is not None
            assert (view.last_failure.reason, view.last_failure.detail) == ("spawn", "no socket")
