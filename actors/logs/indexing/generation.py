"""The index of one file of a log, its generation."""

import bisect
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from actors.logs.records import LEVELS, Level, LogRecord

BLOCK_BYTES = 1024 * 1024
"""About so many bytes of whole records are a block."""

HEAD_BYTES = 256
"""At the beginning of a file tell it from another that has its inode."""

_MARK_SECONDS = 1.0
_MARKS = 20_000
_LOGGERS = 200
"""Names of loggers that are counted in one hour; the rest is counted as a whole."""

OTHERS = "..."
"""What the other loggers are counted as."""

RANK = {level: number for number, level in enumerate(LEVELS)}

Minutes: TypeAlias = dict[int, list[int]]
"""Counts by level, in the order of `LEVELS`, by minutes since 1970 (UTC)."""

Loggers: TypeAlias = dict[int, dict[str, int]]
"""Counts by the name of the logger, by hours since 1970 (UTC)."""


class Block(msgspec.Struct, array_like=True):
    """Some whole records that follow each other: where they are, when, and how many of each level."""

    start: int
    end: int
    counts: list[int]
    """In the order of `LEVELS`."""
    earliest: float | None = None
    """Of the timestamps, seconds since 1970; None: no record has one."""
    latest: float | None = None
    timeless: int = 0
    """Records without a timestamp."""
    spelled: bool = True
    """Whether every record has its level's own name between two spaces, so that one can look for that."""
    cut: bool = False
    """Whether one is longer than what is looked at of it."""

    @property
    def records(self) -> int:
        """How many."""
        return sum(self.counts)

    def add(self, level: Level, timestamp: float | None) -> None:
        """Count a record."""
        self.counts[RANK[level]] += 1
        if timestamp is None:
            self.timeless += 1
            return
        self.earliest = timestamp if self.earliest is None else min(self.earliest, timestamp)
        self.latest = timestamp if self.latest is None else max(self.latest, timestamp)


class Generation(msgspec.Struct):
    """One file of a log: what it is known by, and what is in it up to `indexed`."""

    number: int
    inode: int
    head: bytes
    """Its first bytes, `HEAD_BYTES` at most."""
    blocks: list[Block] = msgspec.field(default_factory=list[Block])
    """In the order of the file; the last one may still grow."""
    minutes: Minutes = msgspec.field(default_factory=dict[int, list[int]])
    loggers: Loggers = msgspec.field(default_factory=dict[int, dict[str, int]])
    marks: list[tuple[int, float]] = msgspec.field(default_factory=list[tuple[int, float]])
    """From an offset on, when it came: of lines that do not say it themselves."""

    @property
    def indexed(self) -> int:
        """The offset up to which the blocks reach: the start of a record."""
        return self.blocks[-1].end if self.blocks else 0

    @property
    def counts(self) -> list[int]:
        """Records by level, in the order of `LEVELS`."""
        return summed(self.blocks)

    def is_file(self, inode: int, head: bytes) -> bool:
        """Whether a file with that inode and those first bytes is this one."""
        return inode == self.inode and head.startswith(self.head)

    def is_copy(self, head: bytes) -> bool:
        """Whether a file with those first bytes has been made of this one: a copy, or a compressed one."""
        return bool(self.head) and head.startswith(self.head)

    def add(self, record: LogRecord) -> None:
        """Count a record behind all others; the rest of one that was counted already only adds its bytes."""
        last = self.blocks[-1] if self.blocks else None
        if last is not None and record.continued:
            last.end = record.end
            return
        if last is None or last.end - last.start >= BLOCK_BYTES:
            last = Block(record.offset, record.offset, [0] * len(LEVELS))
            self.blocks.append(last)
        timestamp = None if record.timestamp is None else record.timestamp.timestamp()
        last.add(record.level, timestamp)
        last.spelled = last.spelled and f" {record.level} " in record.text
        last.cut = last.cut or record.truncated
        last.end = record.end
        if timestamp is not None:
            count_minute(self.minutes, int(timestamp // 60), record.level)
            if record.logger is not None:
                count_logger(self.loggers, int(timestamp // 3600), record.logger, 1)

    def extend(self, blocks: Sequence[Block], minutes: Minutes, loggers: Loggers) -> None:
        """Add what was counted elsewhere, of what follows `indexed`."""
        self.blocks += blocks
        for minute, counts in minutes.items():
            known = self.minutes.setdefault(minute, [0] * len(LEVELS))
            for rank, count in enumerate(counts):
                known[rank] += count
        for hour, names in loggers.items():
            for name, count in names.items():
                count_logger(self.loggers, hour, name, count)

    def mark(self, offset: int, now: float) -> None:
        """Note that what begins at *offset* comes now, seconds since 1970; said at most once a second."""
        if self.marks and (now - self.marks[-1][1] < _MARK_SECONDS or offset <= self.marks[-1][0]):
            return
        self.marks.append((offset, now))
        if len(self.marks) > _MARKS:
            del self.marks[1::2]  # times become coarser, the older ones first and most

    def arrived(self, offset: int) -> datetime | None:
        """When the byte at *offset* came, to a second or so; None: nobody saw it come."""
        at = bisect.bisect_right(self.marks, offset, key=lambda mark: mark[0]) - 1
        return None if at < 0 else datetime.fromtimestamp(self.marks[at][1], UTC)


def summed(blocks: Sequence[Block]) -> list[int]:
    """Records of *blocks* by level, in the order of `LEVELS`."""
    return [sum(column) for column in zip(*(block.counts for block in blocks), strict=True)] or [0] * len(LEVELS)


def count_minute(minutes: Minutes, minute: int, level: Level) -> None:
    """Count one record."""
    counts = minutes.get(minute)
    if counts is None:
        counts = minutes[minute] = [0] * len(LEVELS)
    counts[RANK[level]] += 1


def count_logger(loggers: Loggers, hour: int, name: str, count: int) -> None:
    """Count records of a logger; one too many of them is counted among the others."""
    names = loggers.setdefault(hour, {})
    if name not in names and len(names) >= _LOGGERS:
        name = OTHERS
    names[name] = names.get(name, 0) + count
