"""The actor that samples the machine, always, whether anybody looks or not."""

import logging
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs
import trio

from actors.alerts.messages import AlertCleared, AlertRaised, Value
from actors.metrics import parts, tiers
from actors.metrics.figures import RestartTally, values
from actors.metrics.history import History, HistorySettingRefused
from actors.metrics.machine import Machine
from actors.metrics.messages import HistoryPage, Readings, SampleTaken
from actors.metrics.records import Point, Sample
from actors.metrics.rules import Change, Rule, RuleState, changes, initial, step, system_health
from actors.metrics.sampler import Sampler
from actors.metrics.stability import Stability, StabilityView
from actors.metrics.usage import ProcessUsage, Usage
from actors.runtime import Actor, Bus, Cell, Lagged, Message, Subscription, Timer
from actors.services.messages import Board, ServiceEvent, State
from actors.settings import Figure, MetricsSettings
from actors.store import Store

log = logging.getLogger("actors.metrics")

FIRST_SAMPLE_SECONDS = 0.15
"""After the start: a shorter window says nothing of CPU use."""
SAVE_SECONDS = 10.0
"""Between two writes of the history: a disk is not kept awake by each sample. So much is lost when we are killed."""
SOURCE = "metrics"


@attrs.define(eq=False)
class MetricsRecord:
    """What the metrics actor knows; outlives its incarnations."""

    settings: MetricsSettings
    history: History
    stability: Stability
    readings: Cell[Readings]
    events: Subscription[ServiceEvent]
    """Of the services; what comes while the actor is down waits here."""
    rules: tuple[Rule, ...]
    orphans: list[str]
    """Keys of alerts that were raised before our start, by rules that are no more."""
    restarts: RestartTally = attrs.field(factory=RestartTally)
    unsaved: list[Sample] = attrs.field(factory=list[Sample])
    """Samples that are not yet given to the store."""
    gathered: parts.Gathered = attrs.field(factory=parts.Gathered)
    """Of the parts, the same."""
    saved_at: float = 0.0


def new_record(
    settings: MetricsSettings,
    bus: Bus,
    rules: Iterable[Rule] = (),
    *,
    active: Collection[str] = (),
    samples: Iterable[Sample] = (),
) -> MetricsRecord:
    """The record before the first sample; from now on no event of a service is missed.

    Args:
        settings: How long the history is.
        bus: For events of services.
        rules: What is watched.
        active: Keys of alerts of this source that lasted when we ended.
        samples: The newest of before, newest last.
    """
    rules = tuple(rules)
    history = History(settings.history_seconds, settings.interval)
    for sample in samples:
        history.append(sample)
    states = initial(rules, active)
    known = {key for state in states for key in (state.key, state.lost_key)}
    return MetricsRecord(
        settings,
        history,
        Stability(),
        Cell(Readings(rules=states)),
        bus.subscribe(ServiceEvent),
        rules,
        [key for key in active if key not in known],
    )


def watch_by(record: MetricsRecord, rules: Iterable[Rule]) -> None:
    """Have *record* watched by these rules from the next sample on.

    A rule that is another one begins to measure anew; what it had raised lasts until it says that it is over. What a
    rule had raised that is no more ends with it.
    """
    rules = tuple(rules)
    named = {rule.id: rule for rule in rules}
    old = record.readings.value
    states = tuple(
        attrs.evolve(state, rule=named[state.rule.id], breach_since=None, clear_since=None)
        if named.get(state.rule.id, state.rule) != state.rule
        else state
        for state in old.rules
    )
    record.rules = rules
    record.readings.set(attrs.evolve(old, rules=states))


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
        data_dir: Path,
        board: Cell[Board],
        bus: Bus,
        *,
        store: Store | None = None,
        machine: Machine | None = None,
    ) -> None:
        self._record = record
        self._store = store
        self._timer: Timer | None = None
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
        self._tick()
        for key in self._record.orphans:
            self._bus.publish(AlertCleared(source=SOURCE, key=key, detail="its rule is gone"))
        self._record.orphans.clear()
        # One at once for those who ask right after the start; CPU use needs a moment to be known.
        self.context.after(FIRST_SAMPLE_SECONDS, lambda _: _Due())

    def configure(self, settings: MetricsSettings) -> None:
        """Sample by these settings from now on."""
        if settings != self._record.settings:
            self._record.settings = settings
            self._record.history.resize(settings.history_seconds, settings.interval)
            self._tick()

    @property
    def _interval(self) -> float:
        return self._record.settings.interval

    def _tick(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.context.every(self._interval, lambda _: _Due())

    async def on_stop(self) -> None:
        self._save()
        self._save_parts()

    # -- questions

    def history(self, limit: int, skip: int) -> HistoryPage:
        for setting, got in (("limit", limit), ("skip", skip)):
            if got < 0:
                raise HistorySettingRefused(setting, got, "0 or more")
        samples = self._record.history.last(limit + skip)
        return HistoryPage(tuple(samples[: max(0, len(samples) - skip)]), len(self._record.history))

    def chart(self, start: datetime, end: datetime, step: float | None) -> list[Point]:
        return self._record.history.between(start, end, step)

    async def clear(self) -> int:
        self._record.unsaved.clear()
        self._record.gathered.take()
        if self._store is not None:
            await self._store.write_in_turn(_clear)
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
        self._record.unsaved.append(sample)
        if trio.current_time() - self._record.saved_at >= SAVE_SECONDS:
            self._save()
        if self._record.gathered.add(sample, usage):
            self._save_parts()
        self._record.restarts.note(self._board.value, trio.current_time())
        self._judge(sample, usage)
        self._bus.publish(SampleTaken(self._record.readings.value))

    def note(self, event: ServiceEvent) -> None:
        """A service failed or recovered."""
        service, failure = event.view.id, event.failure
        if event.event_type == "error" and failure is not None:
            self._record.stability.failure(service, failure.detail, event.at)
        elif event.event_type in ("started", "recovered", "restarted"):
            self._record.stability.recovered(service, event.at)

    def _save(self) -> None:
        """Give the store what it does not have yet."""
        samples, self._record.unsaved = tuple(self._record.unsaved), []
        self._record.saved_at = trio.current_time()
        if self._store is not None and samples:
            keep = self._record.history.capacity
            self._store.write_later(lambda connection: tiers.save(connection, samples, keep=keep))

    def _save_parts(self) -> None:
        """The same of the parts: a row of each, once a minute."""
        minutes = self._record.gathered.take()
        if self._store is not None and minutes:
            self._store.write_later(lambda connection: parts.save(connection, minutes))

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
        known = old.usage if usage is None else usage

        def look(figure: Figure) -> Mapping[str, float | None]:
            assert sample is not None  # noqa: S101 - else nobody looks
            return values(figure, sample, self._board.value, known, self._record.restarts)

        rules = step(
            self._record.rules,
            old.rules,
            None if sample is None else look,
            at=trio.current_time(),
            interval=self._interval,
        )
        self._tell_changes(old.rules, rules)
        fatal = any(view.state is State.FATAL for view in self._board.value.values())
        self._record.readings.set(
            Readings(
                sample=sample or old.sample,
                usage=known,
                rules=rules,
                health=system_health(rules, any_fatal=fatal),
            )
        )

    def _tell_changes(self, old: Sequence[RuleState], new: Sequence[RuleState]) -> None:
        for change in changes(old, new):
            log.warning("metrics.alert rule=%s what=%s value=%s", change.state.key, change.what, change.state.value)
            self._bus.publish(alert_of(change))

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


def _clear(connection: sqlite3.Connection) -> None:
    tiers.clear(connection)
    parts.clear(connection)


def alert_of(change: Change) -> AlertRaised | AlertCleared:
    """What is told of *change*."""
    state = change.state
    figure, rule = state.rule.figure, state.rule
    threshold = rule.above if rule.above is not None else rule.below
    shown: dict[str, Value] = {
        "figure": figure.name,
        "part": figure.part,
        "service": state.target or None,
        "value": state.value,
        "threshold": threshold,
        "side": "above" if rule.above is not None else "below",
        "clear": threshold if rule.clear is None else rule.clear,
        "seconds": rule.for_s,
        "what": change.what,
        "message": rule.message,
    }
    name = f"{figure.name} of {state.target or figure.part or 'the machine'}"
    match change.what:
        case "fired":
            code, key, detail = "figure", state.key, f"{name} is {state.value}, {shown['side']} {threshold}"
        case "cleared":
            code, key, detail = "", state.key, f"{name} is {state.value}"
        case "lost":
            code, key, detail = "no_data", state.lost_key, f"{name} does not come any more"
        case "found":
            code, key, detail = "", state.lost_key, f"{name} is {state.value}"
    if change.gone:
        detail = f"{name} is not there any more"
    if not code:
        return AlertCleared(source=SOURCE, key=key, detail=detail, values=shown)
    return AlertRaised(
        source=SOURCE,
        key=key,
        level=rule.level,
        code=code,
        detail=detail,
        values=shown,
        service_id=state.target or None,
    )
