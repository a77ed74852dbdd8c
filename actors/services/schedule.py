"""When a job is run: a cron expression in a zone, and what its time means for a run that is there. No I/O."""

import enum
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import attrs
from cronsim import CronSim

from actors.services.messages import State
from actors.settings import ScheduleOptions
from actors.settings.process import Overlap

WallClock = Callable[[], datetime]
"""The time of day, aware. It may jump."""

CORRECTION = timedelta(hours=3)
"""A clock that goes back by more was wrong before: the times it then comes to are run. By less, none is run twice. As
Debian's cron has it."""

CHANGE = timedelta(hours=2)
"""So far behind a time that was passed over the next one may be found, when the clock is changed by half an hour."""

LOOK_SECONDS = 30.0
"""Slept in one go at most: so long may a jump of the clock go unseen."""

UNDER_WAY = frozenset({State.STARTING, State.RUNNING, State.BACKOFF})
"""The run before has not ended, or is still being tried."""


class Turn(enum.Enum):
    """What becomes of a time of the schedule."""

    RUN = "run"
    SKIP = "skip"
    """The run before has not ended, and this one is left out."""
    QUEUE = "queue"
    """It is run once the one before has ended."""
    KILL = "kill"
    """The run before is ended for it."""
    COMING = "coming"
    """One is about to start anyway: the last is being ended for it."""


def turn(overlap: Overlap, state: State, *, queued: bool) -> Turn:
    """What becomes of a time that has come.

    Args:
        overlap: The job's policy.
        state: Where the job is.
        queued: One is waiting already; a second one is left out.
    """
    if state is State.STOPPING:
        return Turn.COMING
    if state not in UNDER_WAY:
        return Turn.RUN
    match overlap:
        case "skip":
            return Turn.SKIP
        case "queue":
            return Turn.SKIP if queued else Turn.QUEUE
        case "kill":
            return Turn.KILL


@attrs.frozen
class Plan:
    """The times of one cron expression.

    As Debian's cron: what is due at a time of day that the change to summer time leaves out is run right after it,
    and what is due at one that comes twice is run the first time. An expression whose minute or hour begins with `*`
    goes by elapsed time instead, and is run in both.
    """

    cron: str
    zone: tzinfo

    def after(self, when: datetime) -> datetime | None:
        """The first time after *when* (aware), in UTC; None where there is none within 50 years."""
        for time in CronSim(self.cron, when.astimezone(self.zone)):
            instant = time.astimezone(UTC)
            # In the second hour of a time that comes twice cronsim names the first, which is over; and two times that
            # a change of the clock left out are run at one.
            if instant > when:
                return self._sooner(when, instant)
        return None

    def _sooner(self, when: datetime, found: datetime) -> datetime:
        """*found*, or a time before it that cronsim passes over: it takes every change of the clock for an hour."""
        begins, ends = when.astimezone(self.zone), found.astimezone(self.zone)
        change = (ends.utcoffset() or timedelta()) - (begins.utcoffset() or timedelta())
        minute, hour, *_ = self.cron.split()
        if not change % timedelta(hours=1) or not (minute.startswith("*") or hour.startswith("*")):
            return found
        first = max(when, found - CHANGE).replace(second=0, microsecond=0)
        for number in range(1, int((found - first) / timedelta(minutes=1))):
            at = first + timedelta(minutes=number)
            local = at.astimezone(self.zone).replace(tzinfo=None)
            if at > when and next(CronSim(self.cron, local - timedelta(minutes=1))) == local:
                return at
        return found


@attrs.define(eq=False)
class Schedule:
    """One job's schedule, and up to when it was dealt with. It outlives crashes of the job's actor.

    Times that have come are dealt with once, however many: a clock that is put forward, or a machine that slept, leads
    to one run.
    """

    plan: Plan
    options: ScheduleOptions
    clock: WallClock
    remember: Callable[[datetime], None]
    """Told, whenever it changes, up to when it was dealt with, for `catch_up` after a restart of ours. Never waits."""
    seen: datetime
    """Everything up to then was run, left out, or is none of ours."""
    on: bool = False
    queued: bool = False
    """A run waits for the one before to end."""
    _due: datetime | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._due = self.plan.after(self.seen)

    def resume(self) -> None:
        """Deal with times from where it was left, as at our own start."""
        self.on = True

    def turn_on(self) -> None:
        """Deal with times from now on."""
        if not self.on:
            self._see(self.clock())
        self.on = True

    def turn_off(self) -> None:
        """Deal with no times any more, and forget the run that waits."""
        self.on = self.queued = False

    def comes(self) -> bool:
        """Whether, while it is on, a time has come since the last one that did: said once, however many have."""
        if not self.on:
            return False
        now = self.clock()
        if self.seen - now > CORRECTION:
            self._see(now)
        if self._due is None or self._due > now:
            return False
        self._see(now)
        return True

    @property
    def next_at(self) -> datetime | None:
        """The next time, in UTC; None while it is off, or where there is none."""
        return self._due if self.on else None

    def seconds_to_sleep(self) -> float:
        """How long until the next look, by the clock as it is now; at most `LOOK_SECONDS`."""
        if self._due is None:
            return LOOK_SECONDS
        return min(max(0.0, (self._due - self.clock()).total_seconds()), LOOK_SECONDS)

    def take_over(self, before: "Schedule") -> None:
        """Go on where *before* is, which is asked no more."""
        self.on, self.queued = before.on, before.queued

    def _see(self, now: datetime) -> None:
        self.seen = now
        self._due = self.plan.after(now)
        self.remember(now)


class MachineZone(tzinfo):
    """The machine's own zone, with its changes to summer time, whatever its name is."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return None if dt is None else dt.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, dt: datetime | None) -> timedelta | None:
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        return None if dt is None else dt.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, dt: datetime) -> datetime:
        """The local time of *dt*, whose fields are UTC."""
        there = dt.replace(tzinfo=UTC).astimezone()
        local = there.replace(tzinfo=None)
        second = local.astimezone().utcoffset() != there.utcoffset()  # the one that Python means without a fold
        return local.replace(tzinfo=self, fold=int(second))


def zone_of(name: str | None) -> tzinfo:
    """The zone of that name; the machine's own for None."""
    return MachineZone() if name is None else ZoneInfo(name)


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)
