"""The history on the disk: samples of the last hour, minutes of a week, hours of a year. Runs in the store's thread.

Every sample is added to its minute and its hour as it is saved, so that nothing has to be rolled up later and nothing
is missing after a crash. What is kept is bounded by number and the oldest written goes first, whatever the clock says:
a clock that jumps to next year and back costs the few rows written there, never the history. A minute that a clock
that went back lives through again holds the samples of both.
"""

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import cast

import attrs
import trio

from actors.metrics.records import FIGURES, Point, Sample
from actors.store import Migrations, Store, StoreError

log = logging.getLogger("actors.metrics")

MAX_SAMPLES = 20_000
"""Samples kept at most; as many as `[metrics]` allows in memory."""
BUDGET_BYTES = 24 * 1024 * 1024
"""What all of it takes at most on the disk, with every row of every tier there and as wide as can be."""

LOAD_SECONDS = 2.0
"""How long the start waits for the samples of before: the services wait for it."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class Tier:
    """Rows of *seconds* each; *rows* of them are kept."""

    name: str
    seconds: int
    rows: int

    @property
    def reach(self) -> timedelta:
        """How far back it goes."""
        return timedelta(seconds=self.seconds * self.rows)


MINUTES = Tier("metric_minutes", 60, 7 * 24 * 60)
HOURS = Tier("metric_hours", 3600, 366 * 24)
TIERS = (MINUTES, HOURS)

_TEXTS = ("network",)
_NUMBERS = (
    *FIGURES,
    "machine_uptime",
    "disk_read_bytes",
    "disk_write_bytes",
    "net_sent_bytes",
    "net_recv_bytes",
    "network_speed_mbps",
    "active_services",
    "load_5",
    "load_15",
    "open_files",
    "open_files_percent",
    "processes",
)
_COLUMNS = (*_TEXTS, *_NUMBERS)
PARTS = [(figure, f"{figure}_n", f"{figure}_sum", f"{figure}_low", f"{figure}_high") for figure in FIGURES]


def _tier_table(tier: Tier) -> str:
    columns = ", ".join(
        f"{n} INTEGER NOT NULL, {total} REAL, {low} REAL, {high} REAL" for _, n, total, low, high in PARTS
    )
    return (
        f"CREATE TABLE {tier.name} (number INTEGER PRIMARY KEY, bucket INTEGER NOT NULL UNIQUE, "
        f"samples INTEGER NOT NULL, {columns})"
    )


MIGRATIONS = Migrations(
    "metrics",
    (
        ";\n".join(
            [
                "CREATE TABLE metric_samples (number INTEGER PRIMARY KEY, taken_at REAL NOT NULL, "
                + ", ".join(_COLUMNS)
                + ")",
                _tier_table(MINUTES),
                _tier_table(HOURS),
            ]
        ),
    ),
)


def save(connection: sqlite3.Connection, samples: Sequence[Sample], *, keep: int) -> None:
    """Add *samples*, and let the oldest written go beyond *keep* samples and the rows of each tier."""
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    connection.executemany(
        f"INSERT INTO metric_samples (taken_at, {', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608 - our own names
        [(sample.taken_at.timestamp(), *(getattr(sample, name) for name in _COLUMNS)) for sample in samples],
    )
    _trim(connection, "metric_samples", min(keep, MAX_SAMPLES))
    for tier in TIERS:
        for bucket, members in _buckets(samples, tier).items():
            _add(connection, tier, bucket, members)
        _trim(connection, tier.name, tier.rows)


def load(connection: sqlite3.Connection, limit: int) -> list[Sample]:
    """The *limit* samples that were saved last, newest last."""
    rows = connection.execute(
        f"SELECT taken_at, {', '.join(_COLUMNS)} FROM metric_samples ORDER BY number DESC LIMIT ?",  # noqa: S608
        (limit,),
    ).fetchall()
    return [_sample(row) for row in reversed(rows)]


async def load_newest(store: Store, limit: int) -> list[Sample]:
    """As `load`, for the event loop; nothing where the store cannot say, or not within `LOAD_SECONDS`."""
    with trio.move_on_after(LOAD_SECONDS):
        try:
            return await store.read(lambda connection: load(connection, limit))
        except StoreError as error:
            log.error("metrics.history_not_loaded error=%s next=begin_with_none", error)
            return []
    log.error("metrics.history_not_loaded error=no_answer_in_time seconds=%g next=begin_with_none", LOAD_SECONDS)
    return []


def clear(connection: sqlite3.Connection) -> None:
    """Forget everything."""
    for table in ("metric_samples", *(tier.name for tier in TIERS)):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608


def chart(connection: sqlite3.Connection, tier: Tier, start: datetime, end: datetime, width: int) -> list[Point]:
    """The rows of *tier* from *start* to *end*, both included, as points of *width* seconds each.

    Args:
        connection: To read from.
        tier: Where from.
        start: Aware.
        end: Aware.
        width: A multiple of the tier's own seconds. Points lie on multiples of it since 1970.

    Returns:
        Oldest first. A stretch without rows is no point, and the next one is marked as behind a gap.
    """
    sums = ", ".join(f"sum({n}), sum({total}), min({low}), max({high})" for _, n, total, low, high in PARTS)
    per_point = width // tier.seconds
    rows = connection.execute(
        # Floor division, also for what is before 1970.
        f"SELECT (bucket - ((bucket % :per) + :per) % :per) / :per AS place, sum(samples), min(bucket), max(bucket), "  # noqa: S608
        f"{sums} FROM {tier.name} WHERE bucket BETWEEN :first AND :last GROUP BY place ORDER BY place",
        {"per": per_point, "first": bucket_of(start, tier.seconds), "last": bucket_of(end, tier.seconds)},
    ).fetchall()
    gaps = [False, *(later[2] - earlier[3] > 1 for earlier, later in pairwise(rows))]
    return [_point(row, width, start, after_gap=gap) for row, gap in zip(rows, gaps, strict=False)]


def _point(row: tuple[float, ...], width: int, start: datetime, *, after_gap: bool) -> Point:
    means: dict[str, float | None] = {}
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for place, figure in enumerate(FIGURES):
        count, total, least, greatest = row[4 + 4 * place : 8 + 4 * place]
        means[figure] = total / count if count else None
        if count:
            low[figure], high[figure] = least, greatest
    at = max(start, EPOCH + timedelta(seconds=row[0] * width))
    return Point(at=at, samples=int(row[1]), after_gap=after_gap, low=low, high=high, **means)


def _sample(row: Sequence[object]) -> Sample:
    values = dict(zip(_COLUMNS, row[1:], strict=True))
    taken_at = datetime.fromtimestamp(cast("float", row[0]), UTC)
    return Sample(taken_at=taken_at, **values)  # type: ignore[arg-type]  # as they were saved


def bucket_of(at: datetime, seconds: int) -> int:
    """Which of the stretches of *seconds* since 1970 *at* is in."""
    return (at - EPOCH) // timedelta(seconds=seconds)


def _buckets(samples: Iterable[Sample], tier: Tier) -> Mapping[int, Sequence[Sample]]:
    found: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        found[bucket_of(sample.taken_at, tier.seconds)].append(sample)
    return found


def _add(connection: sqlite3.Connection, tier: Tier, bucket: int, samples: Sequence[Sample]) -> None:
    values: list[float | None] = [bucket, len(samples)]
    for figure in FIGURES:
        known: list[float] = [value for sample in samples if (value := getattr(sample, figure)) is not None]
        values += [len(known), sum(known), min(known), max(known)] if known else [0, None, None, None]
    names = ["bucket", "samples", *(name for part in PARTS for name in part[1:])]
    # min() and max() of two values are NULL where one is: the other counts then.
    merged = ", ".join(
        f"{n} = {n} + excluded.{n}, "
        f"{total} = coalesce({total} + excluded.{total}, {total}, excluded.{total}), "
        f"{low} = coalesce(min({low}, excluded.{low}), {low}, excluded.{low}), "
        f"{high} = coalesce(max({high}, excluded.{high}), {high}, excluded.{high})"
        for _, n, total, low, high in PARTS
    )
    connection.execute(
        f"INSERT INTO {tier.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "  # noqa: S608
        f"ON CONFLICT (bucket) DO UPDATE SET samples = samples + excluded.samples, {merged}",
        values,
    )


def _trim(connection: sqlite3.Connection, table: str, rows: int) -> None:
    # Numbers rise by one with every row, and only the lowest ever go.
    connection.execute(f"DELETE FROM {table} WHERE number <= (SELECT max(number) FROM {table}) - ?", (rows,))  # noqa: S608
