"""The `report` kind: the periodic status message."""

import datetime as dt
import logging
import time
from zoneinfo import ZoneInfo

import attrs
import trio

from actors.alerts.messages import AlertChanged
from actors.metrics.messages import SampleTaken
from actors.runtime import Lagged, Message, Subscription
from actors.services.look import Look
from actors.services.messages import ServiceChanged, ServiceEvent, State
from actors.services.monitors.record import MonitorRecord
from actors.services.monitors.report.figures import plain, variables
from actors.services.monitors.report.schedule import due_after, last_due
from actors.services.monitors.report.table import begin, keep, make, report_row
from actors.services.monitors.report.tally import Tally
from actors.services.monitors.timed import TimedMonitor
from actors.services.probing import Judge
from actors.settings import ReportOptions
from actors.store import WRITE_SECONDS, OutcomeUnknown, StoreError
from actors.webhooks.messages import Notice, NoticesAdded, type_of

log = logging.getLogger("actors.services.report")

EVENTS = 10_000
"""Events that may wait to be counted; a storm of more is counted short, and said so."""
KEEP_SECONDS = 30.0
"""How often what was counted is kept: so much of it a SIGKILL may cost."""
RETRY_SECONDS = 10.0
"""To the next attempt when the store did not take a report."""
LONGEST_WAIT = 3600.0
"""Seconds between two looks at the schedule."""

Counted = ServiceChanged | ServiceEvent | AlertChanged | SampleTaken


@attrs.define(eq=False)
class ReportRecord(MonitorRecord):
    """A report's state. Belongs to its actor; outlives the actor's incarnations."""

    done_until: float | None = None
    """Of the last one that was made, in seconds since 1970; None before the store was asked."""
    tally: Tally = attrs.field(factory=lambda: Tally(time.time()))
    kept: str = ""
    """The tally as it was kept last."""


@attrs.frozen
class _Keep(Message["ReportMonitor", None]):
    def deliver(self, to: "ReportMonitor") -> None:
        to.keep()


class ReportMonitor(TimedMonitor):
    """Counts what happens, and says it when it is due."""

    KEY = "webhook_url"
    RECORD = ReportRecord

    @property
    def _own(self) -> ReportRecord:
        assert isinstance(self.record, ReportRecord)  # noqa: S101 - `RECORD` says so
        return self.record

    async def on_start(self) -> None:
        await super().on_start()
        events = self.record.bus.subscribe(ServiceChanged, ServiceEvent, AlertChanged, SampleTaken, capacity=EVENTS)
        self.context.start_soon(self._count, events)
        self.context.every(KEEP_SECONDS, lambda _: _Keep())

    async def on_stop(self) -> None:
        self.keep()
        await super().on_stop()

    # -- what a monitor says

    async def look(self) -> Look:
        began = trio.current_time()
        try:
            detail = await self._due()
        except OutcomeUnknown as error:
            # Perhaps it is made; asking again finds out, since each is made once.
            return Look(ok=False, detail=str(error), latency=trio.current_time() - began, ours=True)
        except StoreError as error:
            return Look(ok=False, detail=f"the report is not made: {error}", latency=trio.current_time() - began)
        return Look(ok=not detail.startswith("refused"), detail=detail, latency=trio.current_time() - began)

    def judge(self) -> Judge:
        return Judge(failures=1, successes=1, interval=LONGEST_WAIT, retry_interval=RETRY_SECONDS)

    def first_look_at(self) -> float:
        return trio.current_time()

    def look_seconds(self) -> float:
        return 3 * WRITE_SECONDS

    def next_look_at(self, began: float) -> float:
        if self._own.done_until is None or (self.record.last is not None and not self.record.last.ok):
            return began + RETRY_SECONDS
        due = self._next_due()
        wait = LONGEST_WAIT if due is None else due.timestamp() - time.time()
        return max(began + 0.05, trio.current_time() + min(max(wait, 0.0), LONGEST_WAIT))

    # -- when

    @property
    def _zone(self) -> dt.tzinfo:
        name = self.options_as(ReportOptions).zone
        return ZoneInfo(name) if name else self.surroundings.zone

    def _next_due(self) -> dt.datetime | None:
        done = self._own.done_until
        if done is None:
            return None
        return due_after(self.options_as(ReportOptions), _instant(done), self._zone)

    async def _due(self) -> str:
        """Make the report that is due, if one is; what came of it, in words.

        Raises:
            StoreError: It is not made, or not known to be.
        """
        record = self._own
        if record.done_until is None:
            await self._remember()
        now = dt.datetime.now(dt.UTC)
        due = last_due(self.options_as(ReportOptions), now, self._zone)
        if due is not None and record.done_until is not None and due.timestamp() > record.done_until:
            return await self._make(due)
        following = self._next_due()
        return "never due" if following is None else f"next at {following.astimezone(self._zone).isoformat()}"

    async def _remember(self) -> None:
        record, service, now = self._own, self.record.settings.id, time.time()
        empty = Tally(record.tally.since).encoded()  # what was counted since the start is added below
        await self.store.write(lambda connection: begin(connection, service, now, empty))
        row = await self.store.read(lambda connection: report_row(connection, service))
        if row is None:  # written a line above
            return
        record.done_until = row.done_until
        if row.tally is not None:
            record.tally = row.tally.plus(record.tally)

    async def _make(self, due: dt.datetime) -> str:
        record, options = self._own, self.options_as(ReportOptions)
        service, url = record.settings.id, options.webhook_url or ""
        values = variables(record.board.cell.value, record.tally, due, self._zone)
        at = due.timestamp()
        kind = options.webhook_type or type_of(url)
        notice = Notice(f"report:{service}:{at:.3f}", url, kind, None, options.template, values)
        counted, following = record.tally, Tally(time.time())
        # What happens from now on is of the next one, also while this one is written.
        record.tally = following
        encoded = following.encoded()
        word = "known"
        try:
            with trio.CancelScope(shield=True):  # bounded by the store
                word = await self.store.write(
                    lambda connection: make(connection, service, at, encoded, notice, plain(values))
                )
        except BaseException:
            record.tally = counted.plus(record.tally)
            raise
        record.done_until = at
        if word == "known":  # made by an attempt whose outcome nobody knew
            return f"the report of {due.isoformat()} was made before"
        self.say(logging.INFO, "report.made", {"due": due.astimezone(self._zone).isoformat(), **values})
        self.record.bus.publish(NoticesAdded())
        if word == "made_plain":
            log.warning("report.template_unusable service=%s template=%s next=sent_plain", service, options.template)
        if word == "refused":
            return f"refused: the address or its type cannot be used for the report of {due.isoformat()}"
        return f"made, due at {due.isoformat()}"

    # -- counting

    async def _count(self, events: Subscription[Counted]) -> None:
        with events:
            while True:
                try:
                    batch = await events.receive_batch()
                except trio.EndOfChannel:
                    return
                for event in batch:
                    if isinstance(event, Lagged):
                        log.warning("report.events_missed service=%s count=%d", self.record.settings.id, event.missed)
                    elif self.record.view.state is State.RUNNING:
                        count(self._own.tally, event)

    def keep(self) -> None:
        """Have the store keep what was counted; never waits."""
        record, service = self._own, self.record.settings.id
        encoded = record.tally.encoded()
        if encoded != record.kept and record.done_until is not None:
            record.kept = encoded
            self.store.write_later(lambda connection: keep(connection, service, encoded))


def count(tally: Tally, event: Counted) -> None:
    """Count one event."""
    match event:
        case ServiceChanged():
            tally.restarts += max(0, event.new.restarts - event.old.restarts)
        case ServiceEvent(event_type="error"):
            tally.fail(event.view.id)
        case ServiceEvent(event_type="recovered"):
            tally.recoveries += 1
        case AlertChanged(what="fired", told=True):
            tally.alerts += 1
        case AlertChanged(what="cleared"):
            tally.alerts_over += 1
        case SampleTaken():
            sample = event.readings.sample
            if sample is not None:
                for figure, value in (
                    (tally.cpu, sample.cpu_percent),
                    (tally.memory, sample.memory_percent),
                    (tally.disk, sample.disk_percent),
                ):
                    if value is not None:
                        figure.add(value)
        case _:
            pass


def _instant(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
