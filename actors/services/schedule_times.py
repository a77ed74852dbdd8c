"""Up to when each schedule was dealt with, over restarts of ours."""

import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import attrs

from actors.services.schedule import Plan, Schedule, WallClock, utc_now, zone_of
from actors.settings import ScheduleOptions
from actors.store import Migrations, Store, StoreError

log = logging.getLogger("actors.services")

MIGRATIONS = Migrations(
    "schedule",
    ("CREATE TABLE schedule_times (service TEXT PRIMARY KEY, plan TEXT NOT NULL, seen TEXT NOT NULL) WITHOUT ROWID",),
)


class ScheduleTimes(Protocol):
    """Where it is kept. The *plan* says what was dealt with: another expression has times of its own."""

    def seen(self, service: str, plan: str) -> datetime | None: ...

    def remember(self, service: str, plan: str, seen: datetime) -> None: ...


class MemoryTimes:
    """Kept for as long as we run."""

    def __init__(self) -> None:
        self._times: dict[str, tuple[str, datetime]] = {}

    def seen(self, service: str, plan: str) -> datetime | None:
        """Up to when that schedule was dealt with; None if it never was."""
        kept = self._times.get(service)
        return kept[1] if kept is not None and kept[0] == plan else None

    def remember(self, service: str, plan: str, seen: datetime) -> None:
        """Keep it. Never waits."""
        self._times[service] = (plan, seen)


class StoredTimes(MemoryTimes):
    """Kept in the store. Made by `load_times`.

    Written moments after, with others: if we are killed in between, a job that catches up is run once more.
    """

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def put(self, service: str, plan: str, seen: datetime) -> None:
        """Note what was kept."""
        super().remember(service, plan, seen)

    def remember(self, service: str, plan: str, seen: datetime) -> None:
        """Keep it. Never waits."""
        super().remember(service, plan, seen)
        row = (service, plan, seen.astimezone(UTC).isoformat())
        self._store.write_later(
            lambda connection: connection.execute("INSERT OR REPLACE INTO schedule_times VALUES (?, ?, ?)", row)
        )


async def load_times(store: Store) -> ScheduleTimes:
    """What *store* keeps. Where it cannot be read schedules begin anew: that is no reason not to run."""
    times = StoredTimes(store)
    try:
        for service, plan, seen in await store.read(_rows):
            times.put(service, plan, datetime.fromisoformat(seen))
    except StoreError as error:
        log.error("schedule.times_unread error=%s next=begin_anew", error)
    return times


@attrs.frozen
class Timetable:
    """What schedules are made with."""

    zone: str | None = None
    """Of those that name none; None is the machine's own."""
    times: ScheduleTimes = attrs.field(factory=MemoryTimes)
    clock: WallClock = utc_now

    def schedule(self, service: str, options: ScheduleOptions, before: Schedule | None = None) -> Schedule:
        """The schedule of a service, off; turned on, it begins where it was left if it is to catch up, else now.

        Args:
            service: Its id.
            options: Its own.
            before: The one that it takes the place of, for its options are others now.
        """
        kept = self.times.seen(service, self._name(options)) if options.catch_up or before is not None else None
        now = self.clock()
        remember = self._keeper_of(service, options)
        if kept is None:
            remember(now)
        plan = Plan(options.cron, zone_of(options.zone or self.zone))
        made = Schedule(plan, options, self.clock, remember, now if kept is None else kept)
        if before is not None:
            made.take_over(before)
        return made

    def _keeper_of(self, service: str, options: ScheduleOptions) -> Callable[[datetime], None]:
        name = self._name(options)
        return lambda seen: self.times.remember(service, name, seen)

    def _name(self, options: ScheduleOptions) -> str:
        return f"{options.cron} {options.zone or self.zone or 'local'}"


def _rows(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return connection.execute("SELECT service, plan, seen FROM schedule_times").fetchall()
