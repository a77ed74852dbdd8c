"""Count a stretch of our own log by arithmetic on many lines at once: the same answer as line by line.

A line that looks exactly like one of ours (a timestamp of one width, an upper-case level, a logger, a bracket) is
counted by what stands in its columns. A line that is indented or empty continues the record before it, whatever it
says. Any other is shown to the parser.
"""

import os
import re
from collections.abc import Sequence
from datetime import datetime

import attrs
import numpy as np
import numpy.typing as npt

from actors.logs.indexing.generation import BLOCK_BYTES, RANK, Block, Loggers, Minutes, count_logger
from actors.logs.indexing.tallying import Tally, tally
from actors.logs.parsing import RECORD_BYTES, Parser, decoded
from actors.logs.parsing.assembling import Arrived, unknown
from actors.logs.records import LEVELS, Origin

CHUNK = 8 * 1024 * 1024
_PADDING = b"\0" * 64
"""Behind a chunk, so that columns of its last line can be looked at."""

U64 = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_OURS = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d [A-Z]+ [\w.]+ \[")
_NAME = re.compile(rb"[A-Za-z0-9_.]+")
_STAMP = 30
"""Bytes of a timestamp with its offset, and the space behind it."""


def _word(values: Sequence[int]) -> np.uint64:
    return np.uint64(int.from_bytes(bytes(values).ljust(8, b"\0"), "little"))


@attrs.frozen
class _Shape:
    """What eight bytes must be: digits where the text has `0`, anything where it has `?`, else what the text has."""

    digits: np.uint64
    zeros: np.uint64
    sixes: np.uint64
    fixed: np.uint64
    signs: np.uint64

    @classmethod
    def of(cls, text: str) -> "_Shape":
        return cls(
            digits=_word([0xF0 if sign == "0" else 0 for sign in text]),
            zeros=_word([0x30 if sign == "0" else 0 for sign in text]),
            sixes=_word([0x06 if sign == "0" else 0 for sign in text]),
            fixed=_word([0 if sign in "0?" else 0xFF for sign in text]),
            signs=_word([0 if sign in "0?" else ord(sign) for sign in text]),
        )

    def fits(self, words: U64) -> npt.NDArray[np.bool_]:
        """Which of *words* are so. A digit is one with and without six added."""
        digits = (words & self.digits) == self.zeros
        digits &= ((words + self.sixes) & self.digits) == self.zeros
        return digits & ((words & self.fixed) == self.signs)


_SHAPES = tuple(map(_Shape.of, ("0000-00-", "00T00:00", ":00.000?", "00:00 ??")))
_LEVELS = tuple(
    (_word(f"{level} ".encode()[:8]), _word([0xFF] * min(len(level) + 1, 8)), len(level)) for level in LEVELS
)
_ONES, _HIGHS, _SPACES = (_word([byte] * 8) for byte in (0x01, 0x80, 0x20))
_NOTHING, _EVERYTHING = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)
_OFFSET_BYTES = _word([0xFF] * 5)
_SIGN_BYTE = _word([0, 0, 0, 0, 0, 0, 0, 0xFF])
_MIXERS = tuple(
    np.uint64(number)
    for number in (
        0x9E3779B97F4A7C15,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0xD6E8FEB86659FD93,
        0xA0761D6478BD642F,
        0xE7037ED1A0B428DB,
    )
)
"""Odd, their bits in no order: one for each eight bytes of a logger's name. What is behind them is not looked at."""


def fast_tally(
    fd: int, start: int, end: int, parser: Parser, arrived: Arrived = unknown, *, final: bool = False
) -> Tally:
    """As `tally`, of the bytes that are there."""
    end = min(end, os.fstat(fd).st_size)
    first = os.pread(fd, min(64 * 1024, max(end - start, 0)), start)
    ours = parser.log.origin is Origin.OURS and parser.log.pattern is None and not parser.wide
    ends_in_a_line = not final or os.pread(fd, 1, max(end - 1, start)) == b"\n"
    if not ours or not ends_in_a_line or not (_OURS.match(first) or (start > 0 and _OURS.search(first))):
        return tally(fd, start, end, parser, arrived, final=final)
    counting = _Counting(parser, start)
    while counting.at < end:
        # From the beginning of a line on; one that is longer than a chunk needs a longer one.
        size = CHUNK
        while not counting.take(os.pread(fd, min(size, end - counting.at), counting.at)):
            if size >= end - counting.at:
                return counting.done(final=final)  # the last line has no end yet
            size *= 2
    return counting.done(final=final)


@attrs.frozen
class _Record:
    """A record that begins in a chunk."""

    start: int
    """Its offset in the file."""
    rank: int
    time: float
    """Seconds since 1970."""
    logger: str | None
    spelled: bool
    """Whether its level stands in it as one would look for it."""


class _Counting:
    """Counts chunk by chunk. The last record is held back until the next begins: only then it is complete."""

    def __init__(self, parser: Parser, start: int) -> None:
        self._parser = parser
        self.at = start
        """Where the next chunk begins: with a line."""
        self._blocks = [Block(start, start, [0] * len(LEVELS))]
        self._minutes: Minutes = {}
        self._loggers: Loggers = {}
        self._held: _Record | None = None

    def take(self, data: bytes) -> bool:
        """Count the whole lines of *data*; False if there is none."""
        size = data.rfind(b"\n") + 1
        if size:
            self._count(data, size)
            self.at += size
        return size > 0

    def done(self, *, final: bool) -> Tally:
        """What was counted, without the last record unless it is *final*."""
        held = self._held
        if held is not None and final:
            nothing = np.zeros(0, dtype=np.int64)
            self._add(nothing, nothing, np.zeros(0), [held], self.at)
        end = self.at if final else self._blocks[0].start if held is None else held.start
        self._blocks[-1].end = end
        return Tally([b for b in self._blocks if b.end > b.start], self._minutes, self._loggers, end)

    # -- a chunk

    def _count(self, data: bytes, size: int) -> None:
        short = len(data) - size < len(_PADDING)
        padded = np.frombuffer(data + _PADDING if short else data, dtype=np.uint8)
        words: U64 = np.ndarray((len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))
        ends = np.flatnonzero(padded[:size] == 10)
        lines: Places = np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1] + 1))
        fit, ranks, names_at = self._look(words, lines)
        minutes, valid = self._minutes_of(data, words, lines[fit])
        fit = fit[valid]
        ranks, names_at, starts = ranks[valid], names_at[valid], lines[fit]
        seconds = _number(padded, starts, (17, 18)) + _number(padded, starts, (20, 21, 22)) / 1000
        times = minutes[valid] * 60.0 + seconds
        strange = self._strange(data, padded, lines, fit)
        if not len(starts) and not strange:
            return
        if strange and (not len(starts) or strange[-1].start > self.at + int(starts[-1])):
            last = strange.pop()
        else:
            at = int(names_at[-1])
            name = data[at : data.find(b" ", at)]
            logger = name.decode() if _NAME.fullmatch(name) else None
            last = _Record(self.at + int(starts[-1]), int(ranks[-1]), float(times[-1]), logger, spelled=True)
            starts, ranks, names_at, times = starts[:-1], ranks[:-1], names_at[:-1], times[:-1]
        self._count_loggers(data, words, names_at, times)
        before = [] if self._held is None else [self._held]
        self._add(starts + self.at, ranks, times, [*before, *strange], last.start)
        self._held = last

    def _look(self, words: U64, lines: Places) -> tuple[Places, npt.NDArray[np.int64], Places]:
        """Which lines look like ours: their numbers, their levels, and where their loggers' names begin."""
        fit = np.flatnonzero(_SHAPES[0].fits(words[lines]))
        for number, shape in enumerate(_SHAPES[1:], 1):
            fit = fit[shape.fits(words[np.minimum(lines[fit] + 8 * number, len(words) - 1)])]
        level_words = words[np.minimum(lines[fit] + _STAMP, len(words) - 1)]
        ranks = np.full(len(fit), -1, dtype=np.int64)
        lengths = np.zeros(len(fit), dtype=np.int64)
        for rank, (word, mask, length) in enumerate(_LEVELS):
            found = (level_words & mask) == word
            ranks[found] = rank
            lengths[found] = length
        known = ranks >= 0
        fit, ranks = fit[known], ranks[known]
        names_at = lines[fit] + _STAMP + lengths[known]
        # Behind the level a space; the longest one fills its word, so that this is the first look at it.
        spaced = (words[np.minimum(names_at, len(words) - 1)] & np.uint64(0xFF)) == np.uint64(0x20)
        return fit[spaced], ranks[spaced], names_at[spaced] + 1

    def _minutes_of(
        self, data: bytes, words: U64, starts: Places
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """The minute since 1970 of each line, and whether there is such a time."""
        count = len(starts)
        minutes = np.zeros(count)
        valid = np.ones(count, dtype=np.bool_)
        if not count:
            return minutes, valid
        keys = (words[starts], words[starts + 8], words[starts + 16] & _SIGN_BYTE, words[starts + 24] & _OFFSET_BYTES)
        changed = np.zeros(count, dtype=np.bool_)
        changed[0] = True
        for key in keys:
            changed[1:] |= key[1:] != key[:-1]
        runs = np.flatnonzero(changed)
        for first, last in zip(runs, [*runs[1:], count], strict=True):
            at = int(starts[first])
            try:
                text = f"{data[at : at + 16].decode()}:00{data[at + 23 : at + 29].decode()}"
                minutes[first:last] = datetime.fromisoformat(text).timestamp() // 60
            except ValueError:
                valid[first:last] = False
        seconds = (words[starts + 16] >> np.uint64(8)) & np.uint64(0xFF)
        valid &= seconds < np.uint64(ord("6"))
        return minutes, valid

    def _strange(self, data: bytes, padded: npt.NDArray[np.uint8], lines: Places, fit: Places) -> list[_Record]:
        """Records that begin with a line that looks otherwise, in order."""
        others = np.ones(len(lines), dtype=np.bool_)
        others[fit] = False
        first = padded[lines]
        for inner in b" \t\n\r\0":
            others &= first != inner
        found: list[_Record] = []
        for at in lines[np.flatnonzero(others)].tolist():
            text = decoded(data[at : data.index(b"\n", at)].removesuffix(b"\r")[:RECORD_BYTES])
            head = self._parser.head(text)
            if head is not None and head.timestamp is not None:
                level, time = head.level or "INFO", head.timestamp.timestamp()
                found.append(_Record(self.at + at, RANK[level], time, head.logger, f" {level} " in text))
        return found

    def _count_loggers(self, data: bytes, words: U64, names_at: Places, times: npt.NDArray[np.float64]) -> None:
        """Count the names of loggers by the hour, without making a text of each."""
        mixed = np.zeros(len(names_at), dtype=np.uint64)
        still = np.ones(len(names_at), dtype=np.bool_)
        for number, mixer in enumerate(_MIXERS):
            part = words[np.minimum(names_at + 8 * number, len(words) - 1)]
            zeros = part ^ _SPACES
            space = (zeros - _ONES) & ~zeros & _HIGHS
            first = (space & (~space + np.uint64(1))) >> np.uint64(7)  # the low bit of the first byte that is a space
            kept = np.where(space == _NOTHING, _EVERYTHING, first - np.uint64(1))
            mixed = np.where(still, (mixed ^ (part & kept)) * mixer, mixed)
            still &= space == _NOTHING
            if not still.any():
                break
        hours = (times // 3600).astype(np.int64)
        one = len(hours) > 0 and hours.min() == hours.max()
        for hour in [int(hours[0])] if one else np.unique(hours).tolist():
            left = np.arange(len(hours)) if one else np.flatnonzero(hours == hour)
            while len(left):
                same = mixed[left] == mixed[left[0]]
                at = int(names_at[left[0]])
                name = data[at : data.find(b" ", at)]
                if _NAME.fullmatch(name):
                    count_logger(self._loggers, hour, name.decode(), int(np.count_nonzero(same)))
                left = left[~same]

    # -- blocks

    def _add(
        self,
        starts: Places,
        ranks: npt.NDArray[np.int64],
        times: npt.NDArray[np.float64],
        others: Sequence[_Record],
        end: int,
    ) -> None:
        """Count records: those of the arrays and *others*, which the last one ends at *end*."""
        spelled = np.ones(len(starts), dtype=np.bool_)
        if others:
            for record in others:
                if record.logger is not None:
                    count_logger(self._loggers, int(record.time // 3600), record.logger, 1)
            starts = np.concatenate((starts, np.array([record.start for record in others], dtype=np.int64)))
            ranks = np.concatenate((ranks, np.array([record.rank for record in others], dtype=np.int64)))
            times = np.concatenate((times, np.array([record.time for record in others], dtype=np.float64)))
            spelled = np.concatenate((spelled, np.array([record.spelled for record in others], dtype=np.bool_)))
            order = np.argsort(starts, kind="stable")
            starts, ranks, times, spelled = starts[order], ranks[order], times[order], spelled[order]
        if not len(starts):
            return
        ends = np.append(starts[1:], end)
        cut = ends - starts > RECORD_BYTES
        keys, counts = np.unique((times // 60).astype(np.int64) * 8 + ranks, return_counts=True)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            self._minutes.setdefault(key // 8, [0] * len(LEVELS))[key % 8] += count
        at = 0
        while at < len(starts):
            block = self._blocks[-1]
            stop = int(np.searchsorted(starts, block.start + BLOCK_BYTES))
            if stop > at:
                part = slice(at, stop)
                found = np.bincount(ranks[part], minlength=len(LEVELS)).tolist()
                block.counts = [known + count for known, count in zip(block.counts, found, strict=True)]
                low, high = float(times[part].min()), float(times[part].max())
                block.earliest = low if block.earliest is None else min(block.earliest, low)
                block.latest = high if block.latest is None else max(block.latest, high)
                block.spelled = block.spelled and bool(spelled[part].all())
                block.cut = block.cut or bool(cut[part].any())
                block.end = int(ends[stop - 1])
                at = stop
            if at < len(starts):
                block.end = int(starts[at])
                self._blocks.append(Block(block.end, block.end, [0] * len(LEVELS)))


def _number(padded: npt.NDArray[np.uint8], starts: Places, columns: Sequence[int]) -> npt.NDArray[np.float64]:
    """The number that the digits in *columns* of each line make."""
    found = np.zeros(len(starts))
    for column in columns:
        found = found * 10 + (padded[starts + column].astype(np.float64) - 48)
    return found
