"""The history of parts: of each service, mount, disk and interface, minutes of a week and hours of a year.

Two figures of each. A minute is added up in memory and written once, so that a hundred services cost the disk a hundred
rows a minute; what is kept is bounded by the number of rows, and the oldest written go first: with many parts the
minutes reach less far back, and the hours begin sooner. The functions that take a connection run in the store's thread.
"""

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeAlias, cast, get_args

import attrs

from actors.metrics.records import Sample
from actors.metrics.tiers import EPOCH, HOURS, MINUTES, Tier, bucket_of
from actors.metrics.usage import Usage
from actors.store import Migrations

log = logging.getLogger("actors.metrics")

PartKind: TypeAlias = Literal["service", "mount", "disk", "interface"]
KINDS: tuple[PartKind, ...] = get_args(PartKind)

FIGURES_OF: Mapping[PartKind, tuple[str, str]] = {
    "service": ("cpu_percent", "memory_bytes"),
    "mount": ("percent", "used_bytes"),
    "disk": ("read_per_second", "write_per_second"),
    "interface": ("recv_per_second", "sent_per_second"),
}
"""What is kept of a part, by its kind: percent, bytes, or bytes per second. CPU as `top` has it: 100 is one core."""

ROWS = 250_000
"""Kept of each tier, whatever the number of parts: a week and a year of 24 parts."""
BUDGET_BYTES = 64 * 1024 * 1024
"""What all of it takes at most on the disk."""
NAMES = 1000
"""Parts that are kept at most; more names than that are made by something that never uses one twice."""

MINUTE_TABLE, HOUR_TABLE = "part_minutes", "part_hours"
_TABLES: Mapping[str, str] = {MINUTES.name: MINUTE_TABLE, HOURS.name: HOUR_TABLE}
_FIGURES = (1, 2)
_COLUMNS = tuple(f"{column}{number}" for number in _FIGURES for column in ("n", "total", "low", "high"))


def _table(name: str) -> str:
    columns = ", ".join(f"n{n} INTEGER NOT NULL, total{n} REAL, low{n} REAL, high{n} REAL" for n in _FIGURES)
    return (
        f"CREATE TABLE {name} (number INTEGER PRIMARY KEY, part INTEGER NOT NULL, bucket INTEGER NOT NULL, "
        f"samples INTEGER NOT NULL, {columns}, UNIQUE (part, bucket))"
    )


_NAME_TABLE = (
    "CREATE TABLE part_names (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name))"
)
MIGRATIONS = Migrations(
    "metric_parts",
    (
        ";\n".join(
            [
                _NAME_TABLE,
                _table(MINUTE_TABLE),
                _table(HOUR_TABLE),
            ]
        ),
    ),
)


@attrs.frozen
class Part:
    """Something that has figures of its own."""

    kind: PartKind
    name: str
    """A service's id, where a mount is, the name of a disk or of an interface."""


@attrs.frozen
class PartSpan:
    """What a figure was in a stretch of time."""

    mean: float
    low: float
    high: float


@attrs.frozen(kw_only=True)
class PartPoint:
    """A stretch of a part's history.

    Attributes:
        at: Its beginning.
        samples: How many went in, at least 1.
        after_gap: Samples are missing before it: a line must not be drawn across.
        figures: By name, see `FIGURES_OF`; without one that nothing is known of.
    """

    at: datetime
    samples: int
    after_gap: bool
    figures: Mapping[str, PartSpan]


def parts_of(sample: Sample, usage: Mapping[str, Usage]) -> Iterable[tuple[Part, float | None, float | None]]:
    """Each part with its two figures in one sample."""
    for service, used in usage.items():
        yield Part("service", service), used.cpu_percent, float(used.memory_bytes)
    for place, mount in sample.mounts.items():
        yield Part("mount", place), mount.percent, float(mount.used_bytes)
    for disk, moved in sample.disks.items():
        yield Part("disk", disk), moved.inward_per_second, moved.outward_per_second
    for interface, moved in sample.interfaces.items():
        yield Part("interface", interface), moved.inward_per_second, moved.outward_per_second


Sums: TypeAlias = list[float | None]
"""Samples, and for each figure its number, total, least and greatest: as the columns are."""


class Gathered:
    """What has come since the last time that it was written down."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[Part, int], Sums] = {}
        self._newest: int | None = None

    def add(self, sample: Sample, usage: Mapping[str, Usage]) -> bool:
        """Add a sample; whether it begins another minute than the one before."""
        bucket = bucket_of(sample.taken_at, MINUTES.seconds)
        for part, first, second in parts_of(sample, usage):
            sums = self._minutes.get((part, bucket))
            if sums is None:
                sums = self._minutes[part, bucket] = [0, 0, None, None, None, 0, None, None, None]
            sums[0] = (sums[0] or 0) + 1
            _count(sums, 1, first)
            _count(sums, 5, second)
        other = self._newest is not None and bucket != self._newest
        self._newest = bucket
        return other

    def take(self) -> Mapping[tuple[Part, int], Sums]:
        """All of it, which is then no more here."""
        taken, self._minutes = self._minutes, {}
        return taken


def _count(sums: Sums, at: int, value: float | None) -> None:
    if value is None:
        return
    number, total, low, high = sums[at : at + 4]
    sums[at] = (number or 0) + 1
    sums[at + 1] = value if total is None else total + value
    sums[at + 2] = value if low is None else min(low, value)
    sums[at + 3] = value if high is None else max(high, value)


def save(connection: sqlite3.Connection, minutes: Mapping[tuple[Part, int], Sums]) -> None:
    """Add what was gathered to the minutes and to their hours; the oldest written go beyond `ROWS` of each."""
    ids = _ids(connection, {part for part, _ in minutes})
    for table, per in ((MINUTE_TABLE, 1), (HOUR_TABLE, HOURS.seconds // MINUTES.seconds)):
        connection.executemany(
            _UPSERT.format(table=table),
            [(ids[part], bucket // per, *sums) for (part, bucket), sums in minutes.items() if part in ids],
        )
        connection.execute(f"DELETE FROM {table} WHERE number <= (SELECT max(number) FROM {table}) - ?", (ROWS,))  # noqa: S608 - our own names


_MERGED = ", ".join(
    f"n{n} = n{n} + excluded.n{n}, "
    f"total{n} = coalesce(total{n} + excluded.total{n}, total{n}, excluded.total{n}), "
    f"low{n} = coalesce(min(low{n}, excluded.low{n}), low{n}, excluded.low{n}), "
    f"high{n} = coalesce(max(high{n}, excluded.high{n}), high{n}, excluded.high{n})"
    for n in _FIGURES
)
_UPSERT = (
    f"INSERT INTO {{table}} (part, bucket, samples, {', '.join(_COLUMNS)}) "  # noqa: S608 - our own names
    f"VALUES ({', '.join('?' * (3 + len(_COLUMNS)))}) "
    f"ON CONFLICT (part, bucket) DO UPDATE SET samples = samples + excluded.samples, {_MERGED}"
)


def _ids(connection: sqlite3.Connection, parts: set[Part]) -> Mapping[Part, int]:
    """The numbers of *parts*; new ones are made as long as there is room."""
    known = _known(connection)
    new = sorted(parts - known.keys(), key=lambda part: (part.kind, part.name))
    if new and len(known) + len(new) > NAMES:
        used = f"SELECT part FROM {MINUTE_TABLE} UNION SELECT part FROM {HOUR_TABLE}"  # noqa: S608 - our own names
        connection.execute(f"DELETE FROM part_names WHERE id NOT IN ({used})")  # noqa: S608 - as above
        known = _known(connection)
    for part in new[: max(0, NAMES - len(known))]:
        connection.execute("INSERT INTO part_names (kind, name) VALUES (?, ?)", (part.kind, part.name))
    if len(new) > NAMES - len(known):
        log.warning("metrics.too_many_parts limit=%d left_out=%d", NAMES, len(new) - max(0, NAMES - len(known)))
    return _known(connection)


def _known(connection: sqlite3.Connection) -> dict[Part, int]:
    rows = connection.execute("SELECT kind, name, id FROM part_names ORDER BY id").fetchall()
    return {Part(cast("PartKind", kind), name): number for kind, name, number in rows}


def listed(connection: sqlite3.Connection) -> list[Part]:
    """All parts that there is a history of, by kind and name."""
    known = _known(connection)
    return sorted(known, key=lambda part: (KINDS.index(part.kind), part.name))


def clear(connection: sqlite3.Connection) -> None:
    """Forget everything."""
    for table in (MINUTE_TABLE, HOUR_TABLE, "part_names"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names


def reaches(connection: sqlite3.Connection, part: Part, start: datetime) -> bool:
    """Whether the minutes of *part* go back to *start*, or as far as its hours do."""
    oldest = [
        connection.execute(
            f"SELECT min(bucket) FROM {table} WHERE part = (SELECT id FROM part_names WHERE kind = ? AND name = ?)",  # noqa: S608 - our own names
            (part.kind, part.name),
        ).fetchone()[0]
        for table in (MINUTE_TABLE, HOUR_TABLE)
    ]
    if None in oldest:
        return True
    per = HOURS.seconds // MINUTES.seconds
    return oldest[0] <= bucket_of(start, MINUTES.seconds) or oldest[0] // per <= oldest[1]


def chart(
    connection: sqlite3.Connection, part: Part, tier: Tier, start: datetime, end: datetime, width: int
) -> Sequence[PartPoint]:
    """The history of *part* from *start* to *end*, both included, as points of *width* seconds each, oldest first.

    Args:
        connection: To read from.
        part: Of what.
        tier: Where from: `MINUTES` or `HOURS`.
        start: Aware.
        end: Aware.
        width: A multiple of the tier's own seconds. Points lie on multiples of it since 1970.
    """
    sums = ", ".join(f"sum(n{n}), sum(total{n}), min(low{n}), max(high{n})" for n in _FIGURES)
    rows = connection.execute(
        # Floor division, also for what is before 1970.
        f"SELECT (bucket - ((bucket % :per) + :per) % :per) / :per AS place, sum(samples), min(bucket), max(bucket), "  # noqa: S608 - our own names
        f"{sums} FROM {_TABLES[tier.name]} "
        "WHERE part = (SELECT id FROM part_names WHERE kind = :kind AND name = :name) "
        "AND bucket BETWEEN :first AND :last GROUP BY place ORDER BY place",
        {
            "per": width // tier.seconds,
            "kind": part.kind,
            "name": part.name,
            "first": bucket_of(start, tier.seconds),
            "last": bucket_of(end, tier.seconds),
        },
    ).fetchall()
    gaps = [False, *(later[2] - earlier[3] > 1 for earlier, later in pairwise(rows))]
    return [_point(part, row, width, start, after_gap=gap) for row, gap in zip(rows, gaps, strict=False)]


def _point(part: Part, row: Sequence[float], width: int, start: datetime, *, after_gap: bool) -> PartPoint:
    figures: dict[str, PartSpan] = {}
    for place, name in enumerate(FIGURES_OF[part.kind]):
        number, total, low, high = row[4 + 4 * place : 8 + 4 * place]
        if number:
            figures[name] = PartSpan(total / number, low, high)
    at = max(start, EPOCH + timedelta(seconds=row[0] * width))
    return PartPoint(at=at, samples=int(row[1]), after_gap=after_gap, figures=figures)
