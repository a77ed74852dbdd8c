"""The metrics actor: samples on their grid, questions, gaps, crashes and alerts."""

import os
import signal
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import attrs
import pytest
import trio

from actors import (
    AlertCleared,
    AlertRaised,
    ClearHistory,
    GetChart,
    GetHistory,
    GetStability,
    MetricsSettings,
    Readings,
    SampleTaken,
    ServiceEvent,
    ServiceSettings,
    ServiceView,
    State,
    open_system,
)
from actors.metrics import HistorySettingRefused, NaiveInstant, ProcessUsage, Rule, rules_of
from actors.metrics.actor import MetricsActor, new_record
from actors.metrics.messages import MetricsQuestions
from actors.runtime import ActorCrashed, Backoff, Bus, Cell, ChildSpec, Message, Ref, Subscription, open_supervisor
from actors.services import Board, Failure
from actors.settings import Figure
from actors.settings.alerts import default_rules
from tests.actors.metrics.children import until
from tests.actors.metrics.test_sampler import ScriptedMachine
from tests.actors.services.yard import PATIENCE, Story, Yard

INTERVAL = 0.1
DEFAULT_RULES = rules_of(default_rules())

NO_SERVICES: Board = MappingProxyType({})


@attrs.frozen
class Break(Message[object, None]):
    """A message that no actor survives."""

    def deliver(self, to: object) -> None:
        raise RuntimeError("broken on purpose")


class Sticking(ScriptedMachine):
    """A machine whose disk can be made to hang, as a network mount does."""

    def __init__(self) -> None:
        super().__init__()
        self.flows = threading.Event()
        self.flows.set()

    def disk_percent(self) -> float:
        self.flows.wait(PATIENCE)
        return super().disk_percent()


@attrs.frozen
class Made:
    """What a test looks at and asks."""

    readings: Cell[Readings]
    ref: Ref[MetricsQuestions]


@asynccontextmanager
async def metrics(
    machine: ScriptedMachine, bus: Bus, rules: tuple[Rule, ...] = DEFAULT_RULES, *, down_for: float = 0.0
) -> AsyncGenerator[Made, None]:
    """The metrics actor alone, sampling *machine*; after a crash it is down for at most *down_for* seconds."""
    settings = MetricsSettings(interval=INTERVAL, history_seconds=600.0)
    record = new_record(settings, bus, rules)
    backoff = Backoff(initial=down_for, maximum=down_for, at_once=0)

    def make() -> MetricsActor:
        return MetricsActor(record, Path("/"), Cell(NO_SERVICES), bus, machine=machine)

    with trio.fail_after(PATIENCE):
        async with open_supervisor(bus=bus) as root:
            yield Made(record.readings, await root.start(ChildSpec("sampler", make, backoff=backoff)))


async def taken(samples: Subscription[SampleTaken], count: int) -> list[Readings]:
    """The readings of the next *count* samples."""
    found: list[Readings] = []
    while len(found) < count:
        event = await samples.receive()
        assert isinstance(event, SampleTaken)
        found.append(event.readings)
    return found


def failed(service: str, detail: str) -> ServiceEvent:
    now = datetime.now(UTC)
    settings = ServiceSettings(id=service, kind="http")
    return ServiceEvent("error", ServiceView(settings, State.BACKOFF), now, Failure("exit", detail, now))


# --- sampling ---


@pytest.mark.slow
async def test_samples_come_on_their_grid_and_are_told_shown_and_kept() -> None:
    bus = Bus()
    samples = bus.subscribe(SampleTaken)
    started = trio.current_time()
    async with metrics(ScriptedMachine(memory=42.0), bus) as made:
        told = await taken(samples, 6)
        assert trio.current_time() - started >= 4 * INTERVAL, "they came faster than their interval"
        page = await made.ref.ask(GetHistory(1000))
        assert [reading.sample and reading.sample.without_parts() for reading in told] == list(page.samples[:6])
        assert page.total == len(page.samples)
        shown = made.readings.value.sample
        assert shown is not None
        assert shown.memory_percent == 42.0
        instants = [sample.taken_at for sample in page.samples]
        assert instants == sorted(instants)


@pytest.mark.slow
async def test_the_usage_of_each_running_service_is_shown_by_its_id(yard: Yard) -> None:
    busy = yard.shell("busy", "while :; do :; done")
    services = busy, yard.shell("family", "sleep 1000 & exec sleep 1000"), yard.service("down")
    with trio.fail_after(PATIENCE):
        async with open_system(
            yard.settings(*services, metrics=MetricsSettings(interval=INTERVAL, history_seconds=600.0))
        ) as system:
            for name in ("busy", "family"):
                await system.services.start(name)
            watch = system.metrics.readings.subscribe()
            with watch.changes:
                usage = watch.value.usage
                while set(usage) != {"busy", "family"} or not usage["busy"].cpu_percent:
                    usage = (await watch.changes.receive(), system.metrics.readings.value.usage)[1]
                assert usage["family"].processes == 2
                assert usage["family"].memory_bytes > 0
                await system.services.stop("busy")
                while "busy" in usage:
                    usage = (await watch.changes.receive(), system.metrics.readings.value.usage)[1]
                assert set(usage) == {"family"}


async def test_a_broken_process_table_costs_the_usage_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: ProcessUsage, pids: object) -> None:
        raise PermissionError("/proc")

    monkeypatch.setattr(ProcessUsage, "usage", broken)
    bus = Bus()
    samples = bus.subscribe(SampleTaken)
    async with metrics(ScriptedMachine(memory=42.0), bus) as made:
        told = await taken(samples, 3)
        assert [readings.usage for readings in told] == [{}, {}, {}]
        assert made.ref.statistics().restarts == 0


@pytest.mark.slow
async def test_a_machine_that_hangs_makes_a_gap_and_questions_are_answered_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus, machine = Bus(), Sticking()
    samples, alerts = bus.subscribe(SampleTaken), bus.subscribe(AlertRaised)
    try:
        async with metrics(machine, bus) as made:
            await taken(samples, 2)
            before = caplog.text.count("metrics.sample_late"), caplog.text.count("metrics.sample_came")
            machine.flows.clear()
            lost = await alerts.receive()
            assert isinstance(lost, AlertRaised)
            assert (lost.key, lost.code) == ("memory_high/no_data", "no_data")
            assert made.readings.value.health == "warning"
            page = await made.ref.ask(GetHistory(1000), timeout=1.0)
            assert page.total >= 2
            with pytest.raises(trio.WouldBlock):
                while True:
                    samples.receive_nowait()
            machine.flows.set()
            (back,) = await taken(samples, 1)
            assert back.health != "critical"
            await taken(samples, 1)
            now = datetime.now(UTC)
            chart = await made.ref.ask(GetChart(now - timedelta(minutes=1), now))
            assert [point.after_gap for point in chart].count(True) == 1
            assert caplog.text.count("metrics.sample_late") <= before[0] + 1, "said once, not at every interval"
            assert caplog.text.count("metrics.sample_came") == before[1] + 1
    finally:
        machine.flows.set()


async def test_leaving_does_not_wait_for_a_machine_that_hangs() -> None:
    bus, machine = Bus(), Sticking()
    machine.flows.clear()
    try:
        async with metrics(machine, bus) as made:
            await until(lambda: made.ref.statistics().counts.handled >= 3)
            leaving = trio.current_time()
        assert trio.current_time() - leaving < 2.0
    finally:
        machine.flows.set()


# --- questions ---


@pytest.mark.slow
async def test_pages_of_the_history_fit_together_and_clearing_says_how_much_there_was() -> None:
    bus = Bus()
    samples = bus.subscribe(SampleTaken)
    async with metrics(ScriptedMachine(), bus) as made:
        await taken(samples, 5)
        whole = await made.ref.ask(GetHistory(1000))
        newest, older = await made.ref.ask(GetHistory(2)), await made.ref.ask(GetHistory(2, skip=2))
        assert len(whole.samples) == newest.total == older.total
        assert (*older.samples, *newest.samples) == whole.samples[-4:]
        assert (await made.ref.ask(GetHistory(2, skip=1000))).samples == ()

        assert await made.ref.ask(ClearHistory()) == whole.total
        assert (await made.ref.ask(GetHistory(1000))).total == 0
        newest_sample = made.readings.value.sample
        assert newest_sample is not None
        assert newest_sample.without_parts() == whole.samples[-1], "the newest figures are no history"


@pytest.mark.slow
async def test_a_chart_holds_the_samples_between_two_instants() -> None:
    bus = Bus()
    samples = bus.subscribe(SampleTaken)
    async with metrics(ScriptedMachine(memory=42.0), bus) as made:
        first, *_, last = await taken(samples, 4)
        assert first.sample is not None
        assert last.sample is not None
        chart = await made.ref.ask(GetChart(first.sample.taken_at, last.sample.taken_at))
        assert [point.memory_percent for point in chart] == [42.0] * 4
        one = await made.ref.ask(GetChart(first.sample.taken_at, last.sample.taken_at, step=3600.0))
        assert sum(point.samples for point in one) == 4
        assert len(one) <= 2, "an hour's buckets; the four may lie in two of them"


async def test_a_wrong_question_is_answered_with_what_is_wrong_and_crashes_nothing() -> None:
    now, naive = datetime.now(UTC), datetime(2024, 1, 1)  # noqa: DTZ001 - what is refused
    async with metrics(ScriptedMachine(), Bus()) as made:
        for question, error in (
            (GetHistory(-1), HistorySettingRefused),
            (GetHistory(5, skip=-3), HistorySettingRefused),
            (GetChart(naive, now), NaiveInstant),
            (GetChart(now, now, step=0.0), HistorySettingRefused),
            (GetStability(naive), NaiveInstant),
        ):
            with pytest.raises(error):
                await made.ref.ask(question)
        assert made.ref.statistics().restarts == 0


async def test_failures_and_recoveries_of_services_are_counted(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            pid = (await story.until("started")).view.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await story.until("error")
            view = await system.metrics.ref.ask(GetStability(datetime.now(UTC)))
            assert (view.error_count, view.recovery_count) == (1, 0)
            assert [(failure.service_id, failure.error, failure.resolved) for failure in view.failures] == [
                ("a", "killed by SIGKILL", False)
            ]
            await story.until("recovered")
            view = await system.metrics.ref.ask(GetStability(datetime.now(UTC)))
            assert (view.error_count, view.recovery_count) == (1, 1)
            assert view.failures[0].resolved


# --- crashes ---


@pytest.mark.slow
async def test_a_crash_keeps_the_history_and_misses_no_failure_of_a_service() -> None:
    bus = Bus()
    samples = bus.subscribe(SampleTaken)
    async with metrics(ScriptedMachine(), bus, down_for=0.5) as made:
        await taken(samples, 2)
        bus.publish(failed("a", "before"))
        before = await made.ref.ask(GetHistory(1000))
        with pytest.raises(ActorCrashed):
            await made.ref.ask(Break())
        bus.publish(failed("b", "while it was down"))
        after = await made.ref.ask(GetHistory(1000))
        assert made.ref.statistics().restarts == 1
        assert after.samples[: before.total] == before.samples
        view = await made.ref.ask(GetStability(datetime.now(UTC)))
        assert [failure.error for failure in view.failures] == ["before", "while it was down"]
        await taken(samples, 2)


# --- alerts and health ---


@pytest.mark.slow
async def test_an_alert_is_told_when_it_fires_and_when_it_clears_and_shows_in_the_health() -> None:
    rule = Rule(
        id="full",
        figure=Figure("memory_percent"),
        level="critical",
        above=90.0,
        for_s=0.25,
        clear=80.0,
        clear_for_s=0.0,
    )
    bus, machine = Bus(), ScriptedMachine(memory=95.0)
    alerts = bus.subscribe(AlertRaised, AlertCleared)
    started = trio.current_time()
    async with metrics(machine, bus, (rule,)) as made:
        assert made.readings.value.health == "warning", "what nobody has seen is not well"
        fired = await alerts.receive()
        assert isinstance(fired, AlertRaised)
        assert (fired.key, fired.level, fired.values["value"]) == ("full", "critical", 95.0)
        assert trio.current_time() - started >= rule.for_s
        assert made.readings.value.health == "critical"
        machine.memory = 50.0
        cleared = await alerts.receive()
        assert isinstance(cleared, AlertCleared)
        assert cleared.key == "full"
        assert made.readings.value.health == "healthy"


async def test_a_service_that_is_given_up_is_critical_until_it_is_commanded(yard: Yard) -> None:
    service = yard.service("a", "false", fatal_failures=1)
    with trio.fail_after(PATIENCE):
        async with open_system(
            yard.settings(service, metrics=MetricsSettings(interval=INTERVAL, history_seconds=600.0))
        ) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.FATAL)
            await until(lambda: system.metrics.readings.value.health == "critical")
            await system.services.stop("a")
            await until(lambda: system.metrics.readings.value.health != "critical")
