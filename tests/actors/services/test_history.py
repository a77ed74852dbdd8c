"""What a service's history is made of: every change with its reason, in order, none missing and none made up."""

import itertools
import os
import signal
from contextlib import suppress

import attrs
import pytest
import trio

from actors import ServiceSettings, State, open_system
from actors.alerts.messages import AlertCleared, AlertRaised
from actors.runtime import Bus, Subscription
from actors.services import Happened, Health, ServiceView, Wanted
from actors.services import history_rows as rows
from actors.services.board import BoardWriter
from actors.services.causes import Cause
from actors.services.rolling import RollingEnded
from actors.settings import ExecOptions, ReadyOptions
from tests.actors.metrics.children import until
from tests.actors.services.test_robustness import crash
from tests.actors.services.yard import PATIENCE, Yard, seeded

Line = tuple[str, str | None, str | None, str]


@attrs.define
class Chronicle:
    """All that happened since it was opened."""

    events: Subscription[Happened]
    told: list[Happened] = attrs.field(factory=list[Happened])

    @classmethod
    def of(cls, bus: Bus) -> "Chronicle":
        return cls(bus.subscribe(Happened))

    def read(self) -> list[Happened]:
        with suppress(trio.WouldBlock):
            while True:
                event = self.events.receive_nowait()
                assert isinstance(event, Happened), f"the history has a hole: {event}"
                self.told.append(event)
        return self.told

    def lines(self, service_id: str = "a") -> list[Line]:
        """In short, for one service."""
        return [(h.what, h.old, h.new, h.reason) for h in self.read() if h.service_id == service_id]


def whole(lines: list[Line], what: str) -> bool:
    """Whether each change of *what* begins where the one before ended."""
    ways = [(old, new) for axis, old, new, _ in lines if axis == what]
    return all(old == was for (_, was), (old, _) in itertools.pairwise(ways))


# --- the board ---


def test_a_change_of_several_things_is_told_of_each_and_one_of_none_of_nothing(yard: Yard) -> None:
    bus = Bus()
    chronicle = Chronicle.of(bus)
    view = ServiceView(yard.service("a"), pid=7)
    board = BoardWriter({"a": view}, bus)
    board.put(view, Cause("nothing"))
    board.put(attrs.evolve(view, restarts=1), Cause("no matter"))
    assert chronicle.read() == []
    new = attrs.evolve(view, state=State.FATAL, wanted=Wanted.UP, health=Health.UNHEALTHY, pid=None)
    board.put(new, Cause("why", "in detail", 3, "SIGKILL", by="whom"))
    assert chronicle.lines() == [
        ("wanted", "down", "up", "whom"),
        ("state", "stopped", "fatal", "why"),
        ("health", "unknown", "unhealthy", "why"),
    ]
    assert {(h.detail, h.exit_code, h.signal, h.pid) for h in chronicle.told} == {("in detail", 3, "SIGKILL", 7)}


# --- a life ---


async def test_a_start_and_a_stop_are_told_with_who_asked_and_how_it_ended(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            chronicle = Chronicle.of(system.bus)
            await system.services.start("a")
            pid = (await system.services.wait_for("a", State.RUNNING)).pid
            await system.services.stop("a")
            await system.services.wait_for("a", State.STOPPED)
            assert chronicle.lines() == [
                ("wanted", "down", "up", "command"),
                ("state", "stopped", "starting", "start"),
                ("state", "starting", "running", "up"),
                ("wanted", "up", "down", "command"),
                ("state", "running", "stopping", "stop"),
                ("state", "stopping", "stopped", "gone"),
            ]
            end = chronicle.told[-1]
            assert (end.detail, end.signal, end.exit_code) == ("killed by SIGTERM", "SIGTERM", None)
            assert [h.pid for h in chronicle.told[2:5]] == [pid] * 3
            assert [h.at for h in chronicle.told] == sorted(h.at for h in chronicle.told)


@pytest.mark.slow
async def test_a_crash_and_its_repair_are_told_with_signal_and_exit_code(yard: Yard) -> None:
    flag = yard.directory / "works"
    flag.touch()
    script = f"test -e {flag} || exit 3; exec sleep 1000"
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", script)), random=seeded()) as system:
            await system.services.start("a")
            pid = (await system.services.wait_for("a", State.RUNNING)).pid
            assert pid is not None
            chronicle = Chronicle.of(system.bus)
            flag.unlink()
            os.kill(pid, signal.SIGKILL)
            await system.services.wait_until(lambda board: board["a"].restarts == 1)
            await system.services.wait_for("a", State.BACKOFF)
            flag.touch()
            await system.services.wait_for("a", State.RUNNING)
            told = [h for h in chronicle.read() if h.what == "state"]
            first, begun, second = told[:3]
            assert (first.old, first.new, first.reason) == ("running", "backoff", "again")
            assert (first.detail, first.signal, first.pid) == ("killed by SIGKILL", "SIGKILL", pid)
            assert (begun.old, begun.new, begun.reason) == ("backoff", "starting", "due")
            assert (second.old, second.new, second.exit_code) == ("starting", "backoff", 3)
            assert second.detail == "exit code 3"
            assert whole(chronicle.lines(), "state")
            assert chronicle.lines()[-1] == ("state", "starting", "running", "up")


@pytest.mark.slow
async def test_what_a_probe_said_is_told_with_the_health_and_with_the_end_that_it_led_to(yard: Yard) -> None:
    flag = yard.directory / "ready"
    flag.touch()
    probe = ReadyOptions(exec=("sh", "-c", f"test -e {flag} || (echo no flag; exit 9)"), interval=0.05, failures=1)
    service = yard.service("a", ready=attrs.evolve(probe, deadline=0.5), restart="never")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            chronicle = Chronicle.of(system.bus)
            await system.services.start("a")
            await system.services.wait_for("a", State.RUNNING)
            flag.unlink()
            await system.services.wait_until(lambda board: board["a"].health is Health.UNHEALTHY)
            await system.services.restart("a")
            await system.services.wait_for("a", State.FATAL)
            health = [line for line in chronicle.lines() if line[0] == "health"]
            assert [line[1:] for line in health] == [
                ("unknown", "healthy", "probe"),
                ("healthy", "unhealthy", "probe"),
                ("unhealthy", "unknown", "end"),
            ]
            (ill,) = [h for h in chronicle.told if h.new == "unhealthy"]
            assert "exit code 9" in ill.detail
            assert "no flag" in ill.detail
            end = chronicle.told[-1]
            assert (end.old, end.new, end.reason, end.signal) == ("starting", "fatal", "give_up", "SIGTERM")
            assert end.detail.startswith("not ready within 0.5 s: exit code 9")
            assert end.detail.endswith("; ended: killed by SIGTERM")


async def test_a_missed_dependency_is_told_with_its_name(yard: Yard) -> None:
    web = attrs.evolve(yard.service("a"), depends_on=["db"])
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(web, yard.service("db", "false", fatal_failures=1))) as system:
            chronicle = Chronicle.of(system.bus)
            await system.services.start("a")
            await system.services.wait_for("a", State.FATAL)
            end = [h for h in chronicle.read() if h.service_id == "a"][-1]
            assert (end.old, end.new, end.reason) == ("starting", "fatal", "missed")
            assert end.detail == "db is fatal: exit code 1"


async def test_it_is_told_who_had_a_service_started_or_restarted(yard: Yard) -> None:
    web = attrs.evolve(yard.service("web", instances=2, autostart=True), depends_on=["db"])
    look = ServiceSettings(
        id="look", kind="exec", autostart=True, monitor=ExecOptions(command=("true",)), depends_on={"db": "started"}
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(web, yard.service("db"), look)) as system:
            services, bus = system.services, system.bus
            for name in ("web-1", "web-2", "look"):
                await services.wait_for(name, State.RUNNING)
            with bus.subscribe(RollingEnded) as ended:
                chronicle = Chronicle.of(bus)
                await services.roll("web")
                await ended.receive()
            asked = [h for h in chronicle.read() if h.old == "running" and h.what == "state"]
            assert [(h.service_id, h.reason, h.detail) for h in asked] == [
                (name, "rolling", "in a rolling restart of web") for name in ("web-1", "web-2")
            ]

            async def first(name: str, what: rows.What) -> tuple[str, str]:
                while True:
                    events = await system.history.events(name, what=[what])
                    if events:
                        return events[-1].happened.reason, events[-1].happened.detail

            assert (await first("db", "wanted"))[0] == "dependency"
            assert (await first("db", "wanted"))[1] in {f"{n} depends on it" for n in ("web-1", "web-2", "look")}
            for name in ("web-1", "look"):
                assert await first(name, "wanted") == ("autostart", "")
            await services.stop("look")
            await services.restart("look")
            last = [h for h in chronicle.read() if h.service_id == "look" and h.what == "state"]
            assert [(h.new, h.reason) for h in last] == [("stopped", "command"), ("running", "command")]


@pytest.mark.slow
async def test_a_history_has_no_holes_whatever_crashes(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", fatal_failures=50)), random=seeded()) as system:
            chronicle = Chronicle.of(system.bus)
            await system.services.start("a")
            for _ in range(3):
                pid = (await system.services.wait_for("a", State.RUNNING)).pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                await crash(system, "a")
                await system.services.wait_until(lambda board, pid=pid: board["a"].pid not in (None, pid))
            await system.services.wait_for("a", State.RUNNING)
            lines = chronicle.lines()
            assert whole(lines, "state")
            assert [line[3] for line in lines if line[0] == "state"] == ["start", "up", *["again", "due", "up"] * 3]


async def test_the_end_of_everything_changes_no_wish(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.RUNNING)
            chronicle = Chronicle.of(system.bus)
            await system.stop_services()
            assert chronicle.lines() == [
                ("state", "running", "stopping", "shutdown"),
                ("state", "stopping", "stopped", "gone"),
            ]
            assert system.services.view("a").wanted is Wanted.UP


# --- alerts ---


async def test_a_service_that_is_given_up_is_an_alert_until_it_runs_again(yard: Yard) -> None:
    flag = yard.directory / "works"
    script = f"test -e {flag} || exit 3; exec sleep 1000"
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", script, fatal_failures=1))) as system:
            alerts = system.bus.subscribe(AlertRaised, AlertCleared)
            await system.services.start("a")
            raised = await alerts.receive()
            assert isinstance(raised, AlertRaised)
            assert (raised.source, raised.key, raised.code) == ("services", "service_fatal/a", "service_fatal")
            assert (raised.service_id, raised.values["error"]) == ("a", "exit code 3")
            await system.services.start("a")  # it fails once more: the same alert, which is not raised again
            await system.services.wait_for("a", State.FATAL)
            flag.touch()
            await system.services.start("a")
            cleared = await alerts.receive()
            assert isinstance(cleared, AlertCleared)
            assert (cleared.source, cleared.key) == (raised.source, raised.key)


async def test_who_only_misses_a_dependency_raises_no_alert_of_its_own(yard: Yard) -> None:
    web = attrs.evolve(yard.service("a"), depends_on=["db"])
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(web, yard.service("db", "false", fatal_failures=1))) as system:
            alerts = system.bus.subscribe(AlertRaised)
            await system.services.start("a")
            await system.services.wait_for("a", State.FATAL)
            raised = await alerts.receive()
            assert isinstance(raised, AlertRaised)
            assert raised.service_id == "db"
            with pytest.raises(trio.WouldBlock):
                alerts.receive_nowait()


@pytest.mark.slow
async def test_a_log_that_cannot_be_written_is_one_alert_and_stops_nothing(yard: Yard) -> None:
    log = yard.directory / "data" / "logs" / "a.log"
    log.mkdir(parents=True)
    script = "while :; do echo 12345; sleep 0.02; done"
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", script))) as system:
            alerts = system.bus.subscribe(AlertRaised, AlertCleared)
            await system.services.start("a")
            raised = await alerts.receive()
            assert isinstance(raised, AlertRaised)
            assert (raised.key, raised.code, raised.service_id) == ("log_lost/a", "log_lost", "a")
            pid = (await system.services.wait_for("a", State.RUNNING)).pid
            await system.services.wait_until(lambda board: board["a"].lost_output_bytes > 12)
            log.rmdir()
            cleared = await alerts.receive()
            assert isinstance(cleared, AlertCleared), "it was raised twice"
            assert cleared.key == raised.key
            await until(lambda: yard.log("a").endswith(b"12345\n"))
            assert system.services.view("a").pid == pid
