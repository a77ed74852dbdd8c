"""Charts of any time: of the newest from memory, of the rest from the history on the disk."""

import math
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from actors.metrics import parts, tiers
from actors.metrics.history import MAX_POINTS, require_step
from actors.metrics.messages import GetChart, MetricsQuestions
from actors.metrics.parts import Part, PartPoint
from actors.metrics.records import Point, require_aware
from actors.metrics.tiers import HOURS, MINUTES, Tier
from actors.runtime import Ref
from actors.settings import MetricsSettings
from actors.store import Store

_ASKED = timedelta(seconds=1)
"""Between working out "an hour ago" and being asked."""


def tier_of(start: datetime, now: datetime, step: float | None, *, in_memory: timedelta) -> Tier | None:
    """Where a chart comes from that begins at *start*: the finest that reaches so far back; None is the memory.

    A step as long as a coarser tier's own is answered by that one: it says the same, and is read sooner.
    """
    back = now - start - _ASKED
    if back <= in_memory and (step is None or step < in_memory.total_seconds()):
        return None
    return MINUTES if back <= MINUTES.reach and (step is None or step < HOURS.seconds) else HOURS


def width_of(tier: Tier, start: datetime, end: datetime, step: float | None) -> int:
    """Seconds of a point: a multiple of the tier's own, and so long that there are at most `MAX_POINTS`."""
    # Points lie where they lie: a span of n widths can touch n + 1 of them, and its end one more.
    least = max(0.0, (end - start).total_seconds()) / (MAX_POINTS - 2)
    return tier.seconds * max(1, math.ceil(max(least, step or 0.0) / tier.seconds))


class Charts:
    """Draws charts; a reader of the store, so that a long one holds up no actor."""

    def __init__(
        self,
        ref: Ref[MetricsQuestions],
        store: Store,
        settings: MetricsSettings,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ref = ref
        self._store = store
        self._in_memory = timedelta(seconds=settings.history_seconds)
        self._clock = clock

    def configure(self, settings: MetricsSettings) -> None:
        """Know how far back the memory reaches now."""
        self._in_memory = timedelta(seconds=settings.history_seconds)

    async def draw(self, start: datetime, end: datetime, step: float | None = None) -> list[Point]:
        """Points from *start* to *end* (aware), both included, one per *step* seconds or as many as fit.

        Oldest first, at most `MAX_POINTS`; a stretch without samples has none, and the point behind it says so.

        Raises:
            NaiveInstant: *start* or *end* has no offset.
            HistorySettingRefused: *step* is not above 0, or too long.
            StoreError: The history on the disk cannot be read.
        """
        require_aware("start", start)
        require_aware("end", end)
        require_step(step)
        tier = tier_of(start, self._clock(), step, in_memory=self._in_memory)
        if tier is None:
            return await self._ref.ask(GetChart(start, end, step))
        if end < start:
            return []
        width = width_of(tier, start, end, step)
        return await self._store.read(lambda connection: tiers.chart(connection, tier, start, end, width))

    async def parts(self) -> Sequence[Part]:
        """Everything that there is a history of beside the machine as a whole: services, mounts, disks, interfaces.

        Raises:
            StoreError: The history on the disk cannot be read.
        """
        return await self._store.read(parts.listed)

    async def draw_part(
        self, part: Part, start: datetime, end: datetime, step: float | None = None
    ) -> tuple[int, Sequence[PartPoint]]:
        """The history of *part* from *start* to *end*: the seconds of a point, a minute or more, and the points.

        Arguments and errors are those of `draw`. The last minute is not in it yet; the newest figures are in the
        readings.
        """
        require_aware("start", start)
        require_aware("end", end)
        require_step(step)
        if end < start:
            return MINUTES.seconds, ()

        def read(connection: sqlite3.Connection) -> tuple[int, Sequence[PartPoint]]:
            tier = tier_of(start, self._clock(), step, in_memory=timedelta(0)) or MINUTES
            if tier is MINUTES and not parts.reaches(connection, part, start):
                tier = HOURS
            width = width_of(tier, start, end, step)
            return width, parts.chart(connection, part, tier, start, end, width)

        return await self._store.read(read)
