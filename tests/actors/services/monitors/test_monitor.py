"""Monitors as services: real systems that look at real servers."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from actors import MetricsSettings, ServiceSettings, State, System, SystemSettings, open_system
from actors.alerts.messages import AlertCleared, AlertRaised
from actors.runtime import Bus, Subscription
from actors.services import (
    CheckAborted,
    Happened,
    Health,
    Look,
    NotCheckable,
    NotRunning,
    ServiceEvent,
    ServiceUnconfigured,
    ServiceView,
    Wanted,
)
from actors.services.messages import Configure
from actors.services.monitors import Surroundings, new_monitor
from actors.services.monitors.checks import ExecMonitor, HttpMonitor, TcpMonitor
from actors.services.record import BoardWriter
from actors.settings import ExecOptions, HttpOptions, TcpOptions
from tests.actors.metrics.children import until
from tests.actors.services.probing.servers import PATIENCE, Served, Stream, answer, head_of, serving
from tests.actors.services.yard import Yard, seeded

QUICK = {"interval": 0.05, "retry_interval": 0.05, "failures": 2, "successes": 2, "timeout": PATIENCE / 2}


@attrs.define
class Target:
    """What is looked at: it answers as it is told, and counts."""

    status: str = "200 OK"
    hold: bool = False
    """Never answer."""
    asked: int = 0
    at_once: int = 0
    most_at_once: int = 0

    async def handle(self, _: Served, stream: Stream) -> None:
        await head_of(stream)
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.hold:
                await stream.receive_some()  # until whoever looks goes away
            else:
                await stream.send_all(answer(status=self.status))
        finally:
            self.at_once -= 1


def http(served: Served, **options: object) -> ServiceSettings:
    values = {"url": served.url(), **QUICK, **options}
    return ServiceSettings(id="site", kind="http", autostart=False, monitor=HttpOptions(**values))  # pyright: ignore[reportArgumentType] - of a test's own making


@asynccontextmanager
async def watching(directory: Path, *services: ServiceSettings) -> AsyncGenerator[System, None]:
    settings = SystemSettings(data_dir=directory / "data", services=services, metrics=MetricsSettings(interval=60.0))
    with trio.fail_after(2 * PATIENCE):
        async with open_system(settings, random=seeded()) as system:
            yield system


async def healthy(system: System, health: Health, service: str = "site") -> ServiceView:
    with trio.fail_after(PATIENCE):
        return (await system.services.wait_until(lambda board: board[service].health is health))[service]


def so_far(subscription: Subscription[Any]) -> list[object]:
    found: list[object] = []
    with suppress(trio.WouldBlock):
        while True:
            found.append(subscription.receive_nowait())
    return found


def event_types(events: Iterable[object]) -> list[str]:
    return [event.event_type for event in events if isinstance(event, ServiceEvent)]


# --- down and up ---


async def test_an_outage_is_told_once_with_its_reason_and_its_end_with_how_long_it_took(tmp_path: Path) -> None:
    target = Target()
    async with serving(target.handle) as served, watching(tmp_path, http(served)) as system:
        events = system.bus.subscribe(ServiceEvent, Happened, AlertRaised, AlertCleared, capacity=1000)
        await system.services.start("site")
        view = await healthy(system, Health.HEALTHY)
        assert (view.state, view.wanted, view.pid) == (State.RUNNING, Wanted.UP, None)
        assert view.ready_at is not None
        assert view.health_detail is not None
        assert view.health_detail.startswith("status 200 in ")
        target.status = "503 Down"
        view = await healthy(system, Health.UNHEALTHY)
        assert view.state is State.RUNNING, "it does its work: it looks"
        assert view.last_failure is not None
        assert (view.last_failure.reason, view.last_failure.detail) == ("down", 'status 503, expected "200-299"')
        target.status = "200 OK"
        await healthy(system, Health.HEALTHY)
        await system.services.stop("site")
        heard = so_far(events)
    assert event_types(heard) == ["started", "error", "recovered", "stopped"]
    _, error, recovered, _ = (event for event in heard if isinstance(event, ServiceEvent))
    assert error.failure == view.last_failure == recovered.failure
    assert recovered.duration is not None
    assert 0 < recovered.duration < PATIENCE
    happened = [(h.what, h.old, h.new, h.reason) for h in heard if isinstance(h, Happened)]
    assert happened == [
        ("wanted", "down", "up", "command"),
        ("state", "stopped", "running", "command"),
        ("health", "unknown", "healthy", "probe"),
        ("health", "healthy", "unhealthy", "probe"),
        ("health", "unhealthy", "healthy", "probe"),
        ("health", "healthy", "unknown", "command"),
        ("wanted", "up", "down", "command"),
        ("state", "running", "stopped", "command"),
    ]
    found = [alert for alert in heard if isinstance(alert, AlertRaised | AlertCleared)]
    alerts = [(type(alert), alert.source, alert.key) for alert in found]
    key = "services", "monitor_down/site"
    assert alerts == [(AlertRaised, *key), (AlertCleared, *key)]
    raised = found[0]
    assert isinstance(raised, AlertRaised)
    assert (raised.code, raised.level, raised.service_id) == ("monitor_down", "critical", "site")
    assert raised.values == {"name": "site", "error": 'status 503, expected "200-299"'}


async def test_one_bad_look_is_no_outage(tmp_path: Path) -> None:
    target = Target()
    async with serving(target.handle) as served, watching(tmp_path, http(served)) as system:
        events = system.bus.subscribe(ServiceEvent, capacity=1000)
        await system.services.start("site")
        await healthy(system, Health.HEALTHY)
        target.status = "503 Down"
        look = await (await system.services.check("site")).wait()
        target.status = "200 OK"
        assert not look.ok
        assert (await (await system.services.check("site")).wait()).ok
        assert "error" not in event_types(so_far(events))


@pytest.mark.slow
async def test_a_flapping_target_is_told_once_and_its_alert_is_another_one(tmp_path: Path) -> None:
    target = Target()
    options = {"flap_changes": 3, "flap_window": 600.0, "failures": 1, "successes": 1}
    async with serving(target.handle) as served, watching(tmp_path, http(served, **options)) as system:
        events = system.bus.subscribe(ServiceEvent, AlertRaised, capacity=1000)
        await system.services.start("site")
        for _ in range(4):
            target.status = "200 OK"
            await healthy(system, Health.HEALTHY)
            target.status = "503 Down"
            await healthy(system, Health.UNHEALTHY)
        view = system.services.view("site")
        assert view.health_detail is not None
        assert view.health_detail.startswith("flapping; status 503")
        heard = so_far(events)
    assert event_types(heard) == ["started", "error", "recovered", "error"]
    failures = [event.failure for event in heard if isinstance(event, ServiceEvent) and event.event_type == "error"]
    assert failures[1] is not None
    assert failures[1].detail.startswith("flapping: 3 changes between up and down within 600 s; last: ")
    codes = [alert.code for alert in heard if isinstance(alert, AlertRaised)]
    assert codes == ["monitor_down", "monitor_flapping"]


async def test_the_other_kinds_look_too(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    async with serving(Target().handle) as served:
        tcp = TcpOptions(address=f"127.0.0.1:{served.port}", **QUICK)  # pyright: ignore[reportArgumentType] - ours
        command = ("sh", "-c", f'test -e {flag} && echo "$HAMSTER_SERVICE $A"')
        run = ExecOptions(command=command, env={"A": "1"}, **QUICK)  # pyright: ignore[reportArgumentType] - ours
        services = (
            ServiceSettings(id="port", kind="tcp", monitor=tcp),
            ServiceSettings(id="run", kind="exec", monitor=run),
        )
        async with watching(tmp_path, *services) as system:
            await healthy(system, Health.HEALTHY, "port")  # both start by themselves
            assert (await healthy(system, Health.HEALTHY, "run")).health_detail == "exit code 0: run 1"
            flag.unlink()
            await healthy(system, Health.UNHEALTHY, "run")


# --- life ---


async def test_a_monitor_without_anything_to_watch_stays_stopped_and_names_the_key(tmp_path: Path) -> None:
    kinds = {"http": "url", "tcp": "address", "exec": "command"}
    services = [ServiceSettings(id=kind, kind=kind) for kind in ("http", "tcp", "exec")]
    async with watching(tmp_path, *services) as system:
        for kind, key in kinds.items():
            for command in (system.services.start, system.services.restart):
                with pytest.raises(ServiceUnconfigured, match=f"services.{kind}.{key} is not set") as refused:
                    await command(kind)
                assert refused.value.key == key
            view = system.services.view(kind)
            assert (view.state, view.available, view.wanted) == (State.STOPPED, False, Wanted.DOWN)
            assert not (await system.services.stop(kind)).changed


async def test_commands_that_change_nothing_say_so_and_a_restart_forgets_what_was_seen(tmp_path: Path) -> None:
    async with serving(Target().handle) as served, watching(tmp_path, http(served)) as system:
        events = system.bus.subscribe(ServiceEvent, capacity=1000)
        assert not (await system.services.stop("site")).changed
        assert (await system.services.start("site")).changed
        assert not (await system.services.start("site")).changed
        await healthy(system, Health.HEALTHY)
        accepted = await system.services.restart("site")
        assert (accepted.changed, accepted.view.state, accepted.view.health) == (True, State.RUNNING, Health.UNKNOWN)
        await healthy(system, Health.HEALTHY)
        assert event_types(so_far(events)) == ["started", "restarted"]


async def test_a_stop_ends_the_look_that_is_on_at_once(tmp_path: Path) -> None:
    target = Target(hold=True)
    async with serving(target.handle) as served, watching(tmp_path, http(served, timeout=600.0)) as system:
        await system.services.start("site")
        await until(lambda: target.at_once == 1)
        began = trio.current_time()
        assert (await system.services.stop("site")).view.state is State.STOPPED
        await until(lambda: target.at_once == 0)
        assert trio.current_time() - began < 5.0
        target.hold = False
        await system.services.start("site")
        await healthy(system, Health.HEALTHY)
        assert target.most_at_once == 1


async def test_leaving_ends_a_look_at_once_and_what_is_wanted_stays(tmp_path: Path) -> None:
    target = Target(hold=True)
    async with serving(target.handle) as served:
        async with watching(tmp_path, http(served, timeout=600.0)) as system:
            await system.services.start("site")
            await until(lambda: target.at_once == 1)
            began = trio.current_time()
        assert trio.current_time() - began < 5.0
        view = system.services.view("site")
        assert (view.state, view.wanted) == (State.STOPPED, Wanted.UP)
    assert "monitor.stopped by=shutdown" in (tmp_path / "data" / "logs" / "site.log").read_text()


@pytest.mark.slow
async def test_looks_never_overlap_however_slow_the_target(tmp_path: Path) -> None:
    target = Target()

    async def slow(served: Served, stream: Stream) -> None:
        target.at_once += 1
        target.most_at_once = max(target.most_at_once, target.at_once)
        await trio.sleep(0.12)
        target.at_once -= 1
        await target.handle(served, stream)

    async with serving(slow) as served, watching(tmp_path, http(served)) as system:
        await system.services.start("site")
        await until(lambda: target.asked >= 4)
    assert target.most_at_once == 1


@pytest.mark.parametrize(("interval", "spread"), [(60.0, 3.0), (0.5, 0.5)])
async def test_first_looks_of_many_are_spread(tmp_path: Path, interval: float, spread: float) -> None:
    settings = ServiceSettings(id="port", kind="tcp", monitor=TcpOptions(address="127.0.0.1:9", interval=interval))
    bus = Bus()
    record = new_monitor(settings, BoardWriter({"port": ServiceView(settings)}, bus), bus, tmp_path)
    monitor, now = TcpMonitor(record, Surroundings(seeded())), trio.current_time()
    delays = sorted(monitor.first_look_at() - now for _ in range(200))
    assert 0 <= delays[0] < 0.1 * spread
    assert 0.9 * spread < delays[-1] <= spread + 0.1
    assert 0.3 * spread < delays[100] < 0.7 * spread


async def test_a_monitor_that_crashes_in_a_look_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, crashes = HttpMonitor.look, 0

    async def crashing(self: HttpMonitor) -> Look:
        nonlocal crashes
        if self.record.standing.health is Health.UNHEALTHY and not crashes:
            crashes += 1
            raise RuntimeError("a mistake of ours")
        return await look(self)

    monkeypatch.setattr(HttpMonitor, "look", crashing)
    target = Target(status="503 Down")
    async with serving(target.handle) as served, watching(tmp_path, http(served)) as system:
        events = system.bus.subscribe(ServiceEvent, capacity=1000)
        await system.services.start("site")
        await until(lambda: crashes == 1)
        ref = system.services.ref("site")
        await until(lambda: ref.statistics().restarts == 1)
        view = system.services.view("site")
        assert (view.state, view.health) == (State.RUNNING, Health.UNHEALTHY)
        target.status = "200 OK"
        await healthy(system, Health.HEALTHY)
        assert event_types(so_far(events)) == ["started", "error", "recovered"]


# --- looking on command ---


async def test_a_check_answers_what_the_look_found(tmp_path: Path) -> None:
    target = Target()
    async with (
        serving(target.handle) as served,
        watching(tmp_path, http(served, interval=600.0, successes=1)) as system,
    ):
        with pytest.raises(NotRunning):
            await system.services.check("site")
        await system.services.start("site")
        look = await (await system.services.check("site")).wait()
        assert (look.ok, look.figures["status"]) == (True, 200)
        target.status = "404 Gone"
        before = target.asked
        look = await (await system.services.check("site")).wait()
        assert (look.ok, look.figures["status"], target.asked) == (False, 404, before + 1)


async def test_several_who_check_share_a_look_and_a_stop_answers_them_all(tmp_path: Path) -> None:
    target = Target(hold=True)
    async with serving(target.handle) as served, watching(tmp_path, http(served, timeout=600.0)) as system:
        await system.services.start("site")
        tickets = [await system.services.check("site") for _ in range(3)]
        await until(lambda: target.at_once == 1)
        await system.services.stop("site")
        for ticket in tickets:
            with pytest.raises(CheckAborted):
                await ticket.wait()
        assert target.asked == 1


async def test_a_forced_check_is_answered_by_a_look_that_begins_after_it(tmp_path: Path) -> None:
    target, first = Target(), trio.Event()

    async def handle(served: Served, stream: Stream) -> None:
        if target.asked == 0:
            target.asked += 1
            await head_of(stream)
            await first.wait()
            await stream.send_all(answer(status="404 Gone"))
            return
        await target.handle(served, stream)

    async with serving(handle) as served, watching(tmp_path, http(served, interval=600.0, timeout=60.0)) as system:
        await system.services.start("site")
        joined = await system.services.check("site")
        await until(lambda: target.asked == 1)
        forced = await system.services.check("site", force=True)
        assert forced is joined, "one ticket for all who wait"
        first.set()
        assert (await forced.wait()).ok
        assert target.asked == 2


async def test_a_process_has_nothing_to_check(yard: Yard) -> None:
    async with open_system(yard.settings(yard.service("a"))) as system:
        with pytest.raises(NotCheckable, match="kind 'process'"):
            await system.services.check("a")


# --- configured anew ---


async def test_a_monitor_takes_other_settings_while_it_runs(tmp_path: Path) -> None:
    first, second = Target(), Target(status="503 Down")
    async with serving(first.handle) as one, serving(second.handle) as two:
        settings = http(one)
        async with watching(tmp_path, settings) as system:
            await system.services.start("site")
            await healthy(system, Health.HEALTHY)
            await system.services.ref("site").ask(Configure(http(two)))
            view = system.services.view("site")
            assert (view.state, view.health, view.settings) == (State.RUNNING, Health.UNKNOWN, http(two))
            await healthy(system, Health.UNHEALTHY)
            named = attrs.evolve(http(two), name="Seite")
            await system.services.ref("site").ask(Configure(named))
            assert system.services.view("site").health is Health.UNHEALTHY, "a name is nothing to look at"
            await system.services.ref("site").ask(Configure(attrs.evolve(settings, monitor=HttpOptions())))
            view = system.services.view("site")
            assert (view.state, view.wanted, view.available) == (State.STOPPED, Wanted.UP, False)
            await system.services.ref("site").ask(Configure(settings))
            await healthy(system, Health.HEALTHY)


# --- its log ---


async def test_every_look_is_a_line_in_its_log(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    command = ("sh", "-c", f'test -e {flag} || {{ echo "no flag"; exit 1; }}')
    run = ExecOptions(command=command, **{**QUICK, "failures": 1})  # pyright: ignore[reportArgumentType] - ours
    settings = ServiceSettings(id="run", kind="exec", monitor=run)
    async with watching(tmp_path, settings) as system:
        await healthy(system, Health.UNHEALTHY, "run")
        flag.touch()
        await healthy(system, Health.HEALTHY, "run")
    lines = (tmp_path / "data" / "logs" / "run.log").read_text().splitlines()
    words = [line.split(" ") for line in lines]
    assert {word[2] for word in words} == {"monitor.exec"}
    events = [(word[1], word[3]) for word in words]
    assert events[:3] == [("INFO", "monitor.started"), ("WARNING", "look.failed"), ("ERROR", "monitor.down")]
    assert ("INFO", "monitor.up") in events
    assert events[-1] == ("INFO", "monitor.stopped")
    assert 'look.failed detail="exit code 1, expected 0: no flag" latency_s=0.' in lines[1]
    assert lines[1].endswith(" exit_code=1")


def test_every_kind_that_only_looks_says_what_it_needs() -> None:
    assert ExecMonitor.missing(ServiceSettings(id="a", kind="exec")) == "command"
    assert ExecMonitor.missing(ServiceSettings(id="a", kind="exec", monitor=ExecOptions(command="true"))) is None
