"""The `feed` kind: news."""

import attrs

from actors.services.causes import SHUTDOWN, Cause
from actors.services.look import Look
from actors.services.monitors.feed.desk import Desk, FeedMemory, Surface
from actors.services.monitors.feed.reading.client import SECONDS
from actors.services.monitors.record import MonitorRecord
from actors.services.monitors.timed import TimedMonitor
from actors.services.probing import Judge
from actors.settings import FeedOptions, ServiceSettings
from actors.store import WRITE_SECONDS

BREATH = 1.0
"""Seconds between two looks at least: should one crash us again and again, it is not without a pause."""


@attrs.define(eq=False)
class FeedRecord(MonitorRecord):
    """A feed's state. Belongs to its actor; outlives the actor's incarnations."""

    memory: FeedMemory = attrs.field(factory=FeedMemory)


class FeedMonitor(TimedMonitor):
    """News out of feeds."""

    KEY = "url"
    RECORD = FeedRecord

    _desk: tuple[ServiceSettings, Desk] | None = None

    @classmethod
    def missing(cls, settings: ServiceSettings) -> str | None:
        options = settings.monitor
        return None if isinstance(options, FeedOptions) and options.has_address else cls.KEY

    async def look(self) -> Look:
        desk = self._opened()
        ticket = self.record.ticket
        return await desk.look(everything=ticket is not None, force=ticket is not None and ticket.force)

    def judge(self) -> Judge:
        # The desk counts errors by itself: of several documents, each has its own.
        options = self.options_as(FeedOptions)
        return Judge(
            failures=1,
            successes=1,
            interval=options.interval,
            retry_interval=options.retry_interval,
            flap_changes=options.flap_changes,
            flap_window=options.flap_window,
        )

    def next_look_at(self, began: float) -> float:
        options = self.options_as(FeedOptions)
        earliest = began + min(BREATH, options.interval, options.due_interval, options.retry_interval)
        if self._desk is None or self._desk[0] is not self.record.settings:
            return earliest
        return max(earliest, self._desk[1].due_at())

    def look_seconds(self) -> float:
        # Fetched, read (behind other feeds' documents, perhaps), remembered.
        return self.options_as(FeedOptions).timeout + 3 * SECONDS + 2 * WRITE_SECONDS

    def _end(self, by: Cause, **also: object) -> None:
        if self._desk is not None and by != SHUTDOWN:
            self._desk[1].drop_alerts()
        super()._end(by, **also)

    def _opened(self) -> Desk:
        """The desk for the present settings."""
        settings = self.record.settings
        if self._desk is None or self._desk[0] is not settings:
            record = self.record
            assert isinstance(record, FeedRecord)  # noqa: S101 - `RECORD` says so
            surface = Surface(
                store=self.store,
                bus=record.bus,
                zone=self.surroundings.zone,
                random=self.surroundings.random,
            )
            self._desk = settings, Desk(settings, self.options_as(FeedOptions), record.memory, surface)
        return self._desk[1]
