"""A bounded memory of samples, and the charts drawn from it."""

import math
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

from actors.metrics.records import FIGURES, Point, Sample, require_aware

# Points a chart has at most: more than a screen has columns for, and still a small answer.
MAX_POINTS = 1_000

# Intervals between two samples from which they have a gap between them: one late sample is jitter, two
# missing are not.
GAP_INTERVALS = 2.5

# Seconds a chart's step may have at most, a leap year: beyond some thousand years datetime cannot count.
MAX_STEP_S = 366 * 86_400.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class HistorySettingRefused(ValueError):  # a house name: the fact, as `ServiceNotFound`
    """A history was asked for, or asked, with a number that makes no sense."""

    def __init__(self, setting: str, got: float, expected: str) -> None:
        super().__init__(f"{setting} is {got}; expected {expected}")
        self.setting = setting
        self.got = got
        self.expected = expected


def _require_positive(setting: str, got: float) -> None:
    if not (math.isfinite(got) and got > 0):
        raise HistorySettingRefused(setting, got, "a finite number of seconds above 0")


def require_step(step: float | None) -> None:
    """
    Raises:
        HistorySettingRefused: *step* is not above 0, or beyond `MAX_STEP_S`.
    """
    if step is None:
        return
    _require_positive("step", step)
    if step > MAX_STEP_S:
        raise HistorySettingRefused("step", step, f"seconds, {MAX_STEP_S:.0f} at most")


class History:
    """The last samples, in order of arrival; the oldest makes room.

    It holds as many samples as *seconds* has *interval*s, at least one. Their own instants may jump back with
    the wall
    clock: order of arrival stays, and charts are sorted by instant.

    Args:
        seconds: How far back it reaches when samples come on time.
        interval: Seconds between samples.

    Raises:
        HistorySettingRefused: One of them is not above 0.
    """

    def __init__(self, seconds: float, interval: float) -> None:
        _require_positive("seconds", seconds)
        _require_positive("interval", interval)
        self._interval = interval
        # Rounded first: 600 / 0.1 is a hair more than 6000.
        self._samples: deque[Sample] = deque(maxlen=max(1, math.ceil(round(seconds / interval, 6))))

    def resize(self, seconds: float, interval: float) -> None:
        """Reach as far back as a new one of these would; the newest samples stay. Raises as the constructor."""
        fresh = History(seconds, interval)
        fresh._samples.extend(self._samples)
        self._interval, self._samples = fresh._interval, fresh._samples

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def capacity(self) -> int:
        """Samples it holds at most."""
        return self._samples.maxlen or 0

    def append(self, sample: Sample) -> None:
        """Keep *sample* as the newest, without what it tells of single parts."""
        self._samples.append(sample.without_parts())

    def last(self, limit: int) -> list[Sample]:
        """The *limit* samples that arrived last, newest last; fewer when there are fewer.

        Raises:
            HistorySettingRefused: *limit* is below 0.
        """
        if limit < 0:
            raise HistorySettingRefused("limit", limit, "0 or more")
        newest = [sample for sample, _ in zip(reversed(self._samples), range(limit), strict=False)]
        return newest[::-1]

    def between(self, start: datetime, end: datetime, step: float | None = None) -> list[Point]:
        """A chart of the samples from *start* to *end*, both included.

        Without a step, and as long as they are at most `MAX_POINTS`, each sample is a point. Else they are
        put into buckets, which lie on multiples of the step since 1970, so that a chart drawn again a second
        later has the same ones. A step that would make more than `MAX_POINTS` buckets is lengthened. A bucket
        without samples is no point.

        Args:
            start: Aware.
            end: Aware; before *start*, there is nothing.
            step: Seconds per point.

        Returns:
            Oldest first by instant, at most `MAX_POINTS`.

        Raises:
            NaiveInstant: *start* or *end* has no offset.
            HistorySettingRefused: *step* is not above 0, or beyond `MAX_STEP_S`.
        """
        require_aware("start", start)
        require_aware("end", end)
        require_step(step)
        found = sorted(
            (sample for sample in self._samples if start <= sample.taken_at <= end),
            key=lambda sample: sample.taken_at,
        )
        if step is None and len(found) <= MAX_POINTS:
            return self._points([(sample.taken_at, [sample]) for sample in found])
        width = bucket_width(start, end, step, self._interval)
        buckets = groupby(found, key=lambda sample: (sample.taken_at - _EPOCH) // width)
        return self._points([(max(start, _EPOCH + number * width), list(samples)) for number, samples in buckets])

    def clear(self) -> int:
        """Forget everything.

        Returns:
            How many samples that were.
        """
        count = len(self._samples)
        self._samples.clear()
        return count

    def _points(self, groups: Sequence[tuple[datetime, Sequence[Sample]]]) -> list[Point]:
        limit = timedelta(seconds=GAP_INTERVALS * self._interval)
        gaps = [later[0].taken_at - earlier[-1].taken_at > limit for (_, earlier), (_, later) in pairwise(groups)]
        return [point(at, samples, after_gap=gap) for (at, samples), gap in zip(groups, [False, *gaps], strict=False)]


def bucket_width(start: datetime, end: datetime, step: float | None, interval: float) -> timedelta:
    """How long the buckets of a chart are.

    Never so short that *start* to *end* touches more than `MAX_POINTS` of them. Without a step, a whole
    number of intervals, so that each holds the same number of samples.
    """
    # Buckets lie where they lie: a span of n widths can touch n + 1 of them, and its end one more.
    least = max(_MICROSECOND, -((start - end) // (MAX_POINTS - 2)))
    if step is not None:
        return max(least, timedelta(seconds=step))
    intervals = max(1, math.ceil(least / timedelta(seconds=interval)))
    return max(least, timedelta(seconds=intervals * interval))


def point(at: datetime, samples: Sequence[Sample], *, after_gap: bool) -> Point:
    """*samples* as one point at *at*: mean, least and greatest of each figure over those that have it."""
    means: dict[str, float | None] = {}
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for figure in FIGURES:
        if len(samples) == 1:
            # Most charts have a sample per point, and the event loop waits for them: half the time of a chart.
            only: float | None = getattr(samples[0], figure)
            means[figure] = only
            if only is not None:
                low[figure] = high[figure] = only
            continue
        known: list[float] = [value for sample in samples if (value := getattr(sample, figure)) is not None]
        means[figure] = math.fsum(known) / len(known) if known else None
        if known:
            low[figure], high[figure] = min(known), max(known)
    return Point(at=at, samples=len(samples), after_gap=after_gap, low=low, high=high, **means)
