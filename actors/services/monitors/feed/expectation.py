"""When news is expected, whether it is late, and when to look for it. Pure: clock and calendar are arguments.

A *slot* is an instant at which news is expected: a time of day in a zone, on the days on which there is some. What was
published from `early` seconds before a slot on is there for it. Instants are aware; a time of day that a change to
summer time leaves out is that much later, one that comes twice is meant the first time.
"""

import datetime as dt
import enum
from collections.abc import Callable, Iterator

import attrs

HORIZON = 40
"""Days that are searched for a slot, forward and back: no country's holidays are so long."""

DAY = dt.timedelta(days=1)


class Status(enum.Enum):
    """How a source of news is."""

    LATEST = "latest"
    """What should be there is."""
    DELAYED = "delayed"
    """What was due last is late."""
    OUTDATED = "outdated"
    """What was due last is late, and what was due before it never came."""
    ERROR = "error"
    """It cannot be fetched: nothing can be said."""
    UNKNOWN = "unknown"
    """Nothing was seen yet, and nothing was due since we look."""


def every_day(_: dt.date) -> bool:
    """News comes on every day."""
    return True


@attrs.frozen(kw_only=True)
class Expectation:
    """When news is expected."""

    at: dt.time
    zone: dt.tzinfo
    tolerance: float
    """Seconds after a slot from which on it is late."""
    early: float
    """Seconds before a slot from which on news is there for it."""
    publishes: Callable[[dt.date], bool] = every_day
    check_times: tuple[dt.time, ...] = ()

    def satisfied(self, slot: dt.datetime, published: dt.datetime | None) -> bool:
        """Whether news published at *published* is there for *slot*, or for a later one."""
        return published is not None and published >= slot - dt.timedelta(seconds=self.early)


@attrs.frozen
class Verdict:
    """What can be said of a source at one moment."""

    status: Status
    slot: dt.datetime | None = None
    """The newest slot that is late, or would be by now; None where none was."""
    delay: float = 0.0
    """Of what is late: seconds since its slot. Of what came late for it: seconds from there to its coming."""


def slot_at_or_before(expectation: Expectation, instant: dt.datetime) -> dt.datetime | None:
    """The newest slot that is not after *instant*; None within `HORIZON` days."""
    slots = _slots(expectation, expectation.at, instant, forward=False)
    return next((slot for slot in slots if slot <= instant), None)


def slot_after(expectation: Expectation, instant: dt.datetime) -> dt.datetime | None:
    """The first slot after *instant*; None within `HORIZON` days."""
    return _first_after(expectation, expectation.at, instant)


def judge(
    expectation: Expectation | None,
    *,
    now: dt.datetime,
    published: dt.datetime | None,
    watched_since: dt.datetime,
) -> Verdict:
    """What can be said of a source that can be fetched.

    Args:
        expectation: None: it is never late.
        now: The time.
        published: Of its newest news; None where none was ever seen.
        watched_since: From when on what was not there would have been seen. Of a slot whose tolerance ended before,
            nothing is said as long as nothing was ever seen.
    """
    nothing_wrong = Status.UNKNOWN if published is None else Status.LATEST
    if expectation is None:
        return Verdict(nothing_wrong)
    tolerance = dt.timedelta(seconds=expectation.tolerance)
    slot = slot_at_or_before(expectation, now - tolerance)
    if slot is None:
        return Verdict(nothing_wrong)
    if expectation.satisfied(slot, published):
        return Verdict(Status.LATEST, slot)
    if published is None and slot + tolerance < watched_since:
        return Verdict(Status.UNKNOWN, slot)
    before = slot_at_or_before(expectation, slot - dt.timedelta(microseconds=1))
    seen_before = before is not None and (published is not None or before + tolerance >= watched_since)
    missed = seen_before and before is not None and not expectation.satisfied(before, published)
    return Verdict(Status.OUTDATED if missed else Status.DELAYED, slot, (now - slot).total_seconds())


def late_at(expectation: Expectation, *, now: dt.datetime, published: dt.datetime | None) -> dt.datetime | None:
    """The first instant after *now* at which a source may become late, if nothing comes; None within the horizon.

    By then it is, unless nothing was ever seen of it.
    """
    tolerance = dt.timedelta(seconds=expectation.tolerance)
    begin = now - tolerance
    if published is not None:  # the slots up to there are satisfied
        begin = max(begin, published + dt.timedelta(seconds=expectation.early))
    slot = slot_after(expectation, begin)
    return None if slot is None else slot + tolerance


def is_due(expectation: Expectation, *, now: dt.datetime, published: dt.datetime | None) -> bool:
    """Whether the newest slot has come, within its tolerance, and its news has not: to be looked for often."""
    slot = slot_at_or_before(expectation, now)
    if slot is None or now > slot + dt.timedelta(seconds=expectation.tolerance):
        return False
    return not expectation.satisfied(slot, published)


def look_at(expectation: Expectation, *, now: dt.datetime, published: dt.datetime | None) -> dt.datetime | None:
    """The first instant after *now* at which the calendar asks for a look: a slot, a check time, or being late."""
    times = [_first_after(expectation, at, now) for at in (expectation.at, *expectation.check_times)]
    times.append(late_at(expectation, now=now, published=published))
    return min((time for time in times if time is not None), default=None)


def arrival_delay(slot: dt.datetime, published: dt.datetime) -> float:
    """How many seconds after its slot news came that was late; 0.0 for what was published before it."""
    return max(0.0, (published - slot).total_seconds())


def _first_after(expectation: Expectation, at: dt.time, instant: dt.datetime) -> dt.datetime | None:
    slots = _slots(expectation, at, instant, forward=True)
    return next((slot for slot in slots if slot > instant), None)


def _slots(expectation: Expectation, at: dt.time, instant: dt.datetime, *, forward: bool) -> Iterator[dt.datetime]:
    """The instants of *at* on the days near *instant*, from a day too early on, or backwards from one too late."""
    here = instant.astimezone(expectation.zone).date()
    step = 1 if forward else -1
    for days in range(-1, HORIZON):
        try:
            date = here + step * days * DAY
            if expectation.publishes(date):
                yield dt.datetime.combine(date, at, expectation.zone).astimezone(dt.UTC)
        except OverflowError:  # the year 1 or 9999, of a clock that is that wrong
            continue
