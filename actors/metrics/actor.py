"""The actor that samples the machine, always, whether anybody looks or not."""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs
import trio

from actors.metrics.history import History, HistorySettingRefused
from actors.metrics.machine import Machine
from actors.metrics.messages import AlertChanged, HistoryPage, Readings, SampleTaken
from actors.metrics.records import Point, Sample
from actors.metrics.rules import DEFAULT_RULES, Rule, RuleState, changes, initial, step, system_health
from actors.metrics.sampler import Sampler
from actors.metrics.stability import Stability, StabilityView
from actors.metrics.usage import ProcessUsage, Usage
from actors.runtime import Actor, Bus, Cell, Lagged, Message, Subscription
from actors.services.messages import Board, ServiceEvent, State
from actors.settings import MetricsSettings

log = logging.getLogger("actors.metrics")

FIRST_SAMPLE_SECONDS = 0.15
"""After the start: a shorter window says nothing of CPU use."""


@attrs.define(eq=False)
class MetricsRecord:
    """What the metrics actor knows; outlives its incarnations."""

    history: History
    stability: Stability
    readings: Cell[Readings]
    events: Subscription[ServiceEvent]
    """Of the services; what comes while the actor is down waits here."""


def new_record(settings: MetricsSettings, bus: Bus, rules: Iterable[Rule] = DEFAULT_RULES) -> MetricsRecord:
    """The record before the first sample; from now on no event of a service is missed."""
    return MetricsRecord(
        History(settings.history_seconds, settings.interval),
        Stability(),
        Cell(Readings(rules=initial(rules))),
        bus.subscribe(ServiceEvent),
    )


@attrs.frozen
class _Due(Message["MetricsActor", None]):
    def deliver(self, to: "MetricsActor") -> None:
        to.due()


@attrs.frozen
class _Sampled(Message["MetricsActor", None]):
    sample: Sample
    usage: Mapping[str, Usage]

    def deliver(self, to: "MetricsActor") -> None:
        to.sampled(self.sample, self.usage)


class MetricsActor(Actor):
    """Takes a sample on every point of a grid, keeps the history and judges the health.

    Sampling is done in a thread, beside the mailbox: a disk that hangs makes a gap in the history, while
    questions are answered as ever.
    """

    def __init__(
        self,
        record: MetricsRecord,
        settings: MetricsSettings,
        data_dir: Path,
        board: Cell[Board],
        bus: Bus,
        *,
        machine: Machine | None = None,
    ) -> None:
        self._record = record
        self._interval = settings.interval
        self._data_dir = data_dir
        self._board = board
        self._bus = bus
        self._machine = machine
        self._sampling = False
        self._late = 0
        """Points of the grid that the sample being taken has missed."""
        self._usage_fails = False
        self._thread = trio.CapacityLimiter(1)

    async def on_start(self) -> None:
        self._sampler = Sampler(self._data_dir, machine=self._machine)
        self._usage = ProcessUsage()
        self.context.start_soon(self._follow_services, name="metrics: service events")
        self.context.every(self._interval, lambda _: _Due())
        # One at once for those who ask right after the start; CPU use needs a moment to be known.
        self.context.after(FIRST_SAMPLE_SECONDS, lambda _: _Due())

    # -- questions

    def history(self, limit: int, skip: int) -> HistoryPage:
        for setting, got in (("limit", limit), ("skip", skip)):
            if got < 0:
                raise HistorySettingRefused(setting, got, "0 or more")
        samples = self._record.history.last(limit + skip)
        return HistoryPage(tuple(samples[: max(0, len(samples) - skip)]), len(self._record.history))

    def chart(self, start: datetime, end: datetime, step: float | None) -> list[Point]:
        return self._record.history.between(start, end, step)

    def clear(self) -> int:
        return self._record.history.clear()

    def stability(self, now: datetime) -> StabilityView:
        self._catch_up()
        return self._record.stability.view(now)

    # -- sampling

    def due(self) -> None:
        """A point of the grid: take a sample, unless the last one is still being taken."""
        if self._sampling:
            if not self._late:
                log.warning("metrics.sample_late interval_s=%g", self._interval)
            self._late += 1
            self._judge(None)
            return
        self._sampling = True
        self.context.start_soon(self._take, name="metrics: sample")

    def sampled(self, sample: Sample, usage: Mapping[str, Usage]) -> None:
        """A sample was taken."""
        self._sampling = False
        if self._late:
            log.warning("metrics.sample_came missed=%d", self._late)
        self._late = 0
        for problem in sample.problems:
            log.warning("metrics.source_failed %s", problem)
        active = sum(view.state is State.RUNNING for view in self._board.value.values())
        sample = attrs.evolve(sample, active_services=active)
        self._record.history.append(sample)
        self._judge(sample, usage)
        self._bus.publish(SampleTaken(self._record.readings.value))

    def note(self, event: ServiceEvent) -> None:
        """A service failed or recovered."""
        service, failure = event.view.id, event.failure
        if event.event_type == "error" and failure is not None:
            self._record.stability.failure(service, failure.detail, event.at)
        elif event.event_type in ("started", "recovered", "restarted"):
            self._record.stability.recovered(service, event.at)

    async def _take(self) -> None:
        pids = {view.id: view.pid for view in self._board.value.values() if view.pid is not None}
        sample, usage = await trio.to_thread.run_sync(self._look, pids, abandon_on_cancel=True, limiter=self._thread)
        if not self.context.tell(_Sampled(sample, usage)):
            self._sampling = False  # a mailbox that full has other worries; the gap is in the history

    def _look(self, pids: Mapping[str, int]) -> tuple[Sample, Mapping[str, Usage]]:
        return self._sampler.take(datetime.now(UTC)), self._usages(pids)

    def _usages(self, pids: Mapping[str, int]) -> Mapping[str, Usage]:
        try:
            usage = self._usage.usage(pids)
        except Exception as error:  # A broken process table must not cost the machine's figures, whatever it raises.
            if not self._usage_fails:
                log.warning("metrics.source_failed source=processes error=%r", error)
            self._usage_fails = True
            return {}
        self._usage_fails = False
        return usage

    def _judge(self, sample: Sample | None, usage: Mapping[str, Usage] | None = None) -> None:
        old = self._record.readings.value
        rules = step(old.rules, sample, at=trio.current_time(), interval=self._interval)
        self._tell_changes(old.rules, rules)
        fatal = any(view.state is State.FATAL for view in self._board.value.values())
        self._record.readings.set(
            Readings(
                sample=sample or old.sample,
                usage=old.usage if usage is None else usage,
                rules=rules,
                health=system_health(rules, any_fatal=fatal),
            )
        )

    def _tell_changes(self, old: tuple[RuleState, ...], new: tuple[RuleState, ...]) -> None:
        for change in changes(old, new):
            rule, value = change.state.rule, change.state.value
            log.warning("metrics.alert rule=%s what=%s value=%s", rule.id, change.what, value)
            self._bus.publish(AlertChanged(change, datetime.now(UTC)))

    async def _follow_services(self) -> None:
        # Noted here and not by a message, which a full mailbox would refuse; nothing in it waits.
        async for event in self._record.events:
            self._note(event)

    def _catch_up(self) -> None:
        """Note what was published but not followed yet: who asks now is told of what happened before."""
        while True:
            try:
                event = self._record.events.receive_nowait()
            except trio.WouldBlock:
                return
            self._note(event)

    def _note(self, event: ServiceEvent | Lagged) -> None:
        if isinstance(event, ServiceEvent):
            self.note(event)
        else:
            log.error("metrics.service_events_missed count=%d", event.missed)
