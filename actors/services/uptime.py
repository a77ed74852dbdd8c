"""For how much of the time a service was up. Pure.

Time is counted on a line that no change of the time of day bends: within one life of ours it passes as Trio's clock
does, and only the beginning of a life is taken from the time of day. Lives are counted each by itself, so that two that
overlap, because the clock was set back in between, do no more harm than to count some hours twice.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import attrs

DAY = 86_400.0

WINDOWS: Mapping[str, float] = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
"""Seconds that each looks back."""


@attrs.frozen
class Mark:
    """From `at` on, until the next mark of the same life, a service was like this."""

    life: int
    """Which run of WatchHamster."""
    at: float
    """Seconds since 1970, on that life's line; never falling within a life."""
    counted: bool
    """It was watched, and was to be up."""
    up: bool


@attrs.frozen
class Share:
    """How much of a window a service was up."""

    counted: float
    """Seconds of it in which the service was watched, and was to be up."""
    up: float
    """Seconds of those in which it was."""

    @property
    def percent(self) -> float | None:
        """0 to 100, rounded down: 100 is never a moment less. None: nothing was counted."""
        if self.counted <= 0.0:
            return None
        return 100.0 if self.up >= self.counted else math.floor(100_000.0 * self.up / self.counted) / 1000.0


def share(marks: Sequence[Mark], start: float, end: float, life: int) -> Share:
    """How much of the time from *start* to *end* the service was up.

    Args:
        marks: In the order they were made.
        start: Seconds since 1970.
        end: Not before *start*.
        life: The one that goes on at *end*. Of the others, what follows the last mark is not known and not counted.
    """
    counted = up = 0.0
    for mark, until in _spans(marks, end, life):
        if not mark.counted:
            continue
        seconds = max(0.0, min(until, end) - max(mark.at, start))
        counted += seconds
        if mark.up:
            up += seconds
    return Share(counted, min(up, counted))


def shares(marks: Sequence[Mark], now: float, life: int) -> Mapping[str, Share]:
    """The share of each of `WINDOWS`, all ending *now*."""
    return {name: share(marks, now - seconds, now, life) for name, seconds in WINDOWS.items()}


def _spans(marks: Sequence[Mark], end: float, life: int) -> Iterable[tuple[Mark, float]]:
    """Each mark and until when it holds."""
    latest: dict[int, Mark] = {}
    for mark in marks:
        before = latest.get(mark.life)
        if before is not None:
            yield before, mark.at
        latest[mark.life] = mark
    if life in latest:
        yield latest[life], end
