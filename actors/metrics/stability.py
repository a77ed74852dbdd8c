"""How often services failed and came back in the last 24 hours."""

from collections import deque
from datetime import UTC, datetime, timedelta

import attrs

from actors.metrics.records import require_aware

# How far back the view looks: the contract's 24 h.
LOOK_BACK = timedelta(hours=24)

# Failures and recoveries kept one by one; older ones are still counted. A service that restarts every minute
# fills it in two thirds of a day, at about 0.3 MB.
DEFAULT_LIMIT = 1_000

# Characters kept of an error: its sentence and where it came from, not a traceback with its data.
MAX_ERROR_CHARS = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


@attrs.frozen
class ServiceFailure:
    """One failure of one service.

    Attributes:
        timestamp: When it was noticed; aware.
        resolved: The service has run again since.
    """

    service_id: str
    error: str
    timestamp: datetime
    resolved: bool


@attrs.frozen
class StabilityView:
    """The last 24 hours.

    Attributes:
        error_count: All failures, those not listed included.
        recovery_count: Services that ran again after a failure.
        failures: The newest, oldest first.
        dropped_failures: Failures counted, to the minute, but no longer listed for want of room.
    """

    error_count: int
    recovery_count: int
    failures: tuple[ServiceFailure, ...]
    dropped_failures: int


class Stability:
    """A bounded tally of failures and recoveries.

    Args:
        limit: Failures listed at most, and services remembered as failed; at least 1.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; expected 1 or more; remove it to use {DEFAULT_LIMIT}")
        self._limit = limit
        self._failures: deque[ServiceFailure] = deque()
        self._dropped = _MinuteTally()
        self._recoveries = _MinuteTally()
        # Who failed and has not run again, with the failure's order kept: it outlives its failure's place in
        # the list.
        self._down: dict[str, None] = {}

    def failure(self, service_id: str, error: str, at: datetime) -> None:
        """*service_id* failed.

        Raises:
            NaiveInstant: *at* has no offset.
        """
        require_aware("at", at)
        if len(self._failures) == self._limit:
            self._dropped.add(self._failures.popleft().timestamp)
        self._failures.append(ServiceFailure(service_id, _shortened(error), at, resolved=False))
        self._down.pop(service_id, None)
        if len(self._down) == self._limit:
            del self._down[next(iter(self._down))]
        self._down[service_id] = None

    def recovered(self, service_id: str, at: datetime) -> None:
        """*service_id* runs. That is a recovery if it had failed since it last ran; else nothing.

        Raises:
            NaiveInstant: *at* has no offset.
        """
        require_aware("at", at)
        if service_id not in self._down:
            return
        del self._down[service_id]
        self._recoveries.add(at)
        self._failures = deque(
            attrs.evolve(failure, resolved=True)
            if failure.service_id == service_id and not failure.resolved
            else failure
            for failure in self._failures
        )

    def view(self, now: datetime) -> StabilityView:
        """What the 24 hours before *now* held.

        An instant after *now* (the wall clock went back) counts: it did happen.

        Raises:
            NaiveInstant: *now* has no offset.
        """
        since = require_aware("now", now) - LOOK_BACK
        listed = tuple(failure for failure in self._failures if failure.timestamp >= since)
        dropped = self._dropped.count(since)
        return StabilityView(
            error_count=len(listed) + dropped,
            recovery_count=self._recoveries.count(since),
            failures=listed,
            dropped_failures=dropped,
        )


class _MinuteTally:
    """Counts by minute: exact numbers of a day in at most 1,441 entries, however many are counted."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, at: datetime) -> None:
        minute = (at - _EPOCH) // _MINUTE
        self._counts[minute] = self._counts.get(minute, 0) + 1
        if len(self._counts) > LOOK_BACK // _MINUTE + 1:
            del self._counts[min(self._counts)]

    def count(self, since: datetime) -> int:
        """How many there were from the minute of *since* on."""
        first = (since - _EPOCH) // _MINUTE
        return sum(count for minute, count in self._counts.items() if minute >= first)


def _shortened(error: str) -> str:
    return error if len(error) <= MAX_ERROR_CHARS else error[: MAX_ERROR_CHARS - 1] + "…"
