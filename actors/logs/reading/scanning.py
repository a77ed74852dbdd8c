"""Find the wanted records in the bytes of a log, the newest first. Blocking: for threads."""

import bisect
import os
import re
from collections.abc import Iterator, Sequence

from actors.logs.indexing import Block
from actors.logs.parsing import RECORD_BYTES, Assembler, Parser, decoded
from actors.logs.reading.filters import Filter
from actors.logs.reading.source import Part
from actors.logs.records import LogRecord

STRETCH = 128 * 1024
"""Bytes of what nobody has counted yet that are parsed at a time."""
LONGEST = 16 * 1024 * 1024
"""How far a stretch may reach to find where a record begins."""


def newest_first(part: Part, parser: Parser, wanted: Filter, before: int | None = None) -> Iterator[LogRecord | None]:
    """The wanted records of *part* that begin before the offset *before*; None between two stretches."""
    end = part.size if before is None else min(before, part.size)
    blocks = part.blocks()
    counted = blocks[-1].end if blocks else 0
    if end > counted:
        for start, stop in reversed(stretches(part, parser, counted, end)):
            yield from reversed(_within(part, parser, wanted, start, stop, None))
            yield None
    for block in reversed(blocks[: bisect.bisect_left(blocks, end, key=lambda block: block.start)]):
        if wanted.may_be_in(block):
            whole = block.end <= end
            if wanted.looks_inside or wanted.levels is not None:
                found = _by_hits(part, parser, wanted, block, end)
                if found is not None:
                    yield from found
                    yield None
                    continue
            for start, stop in reversed(stretches(part, parser, block.start, min(block.end, end))):
                yield from reversed(_within(part, parser, wanted, start, stop, block if whole else None))
                yield None
        else:
            yield None


def oldest_first(part: Part, parser: Parser, wanted: Filter, start: int) -> Iterator[LogRecord | None]:
    """The wanted records of *part* from the offset *start* on, where a line begins; None between two stretches."""
    assembler = Assembler(parser, start, part.generation.arrived, after_record=start > 0)
    while data := part.read(start, min(start + STRETCH, part.size)):
        start += len(data)
        yield from filter(wanted.wants, assembler.feed(data))
        yield None
    yield from filter(wanted.wants, assembler.finish())


def count(part: Part, parser: Parser, wanted: Filter) -> Iterator[int]:
    """How many records of *part* are wanted, as numbers to be added up."""
    blocks = part.blocks()
    scratch = _Scratch()
    searching = wanted.is_a_search and not parser.wide and not parser.every_line_is_one
    for block in blocks:
        known = wanted.counts(block)
        if known is None and searching and not block.cut:
            known = _search(scratch.read(part, block), parser, wanted, block)
        yield _count(part, parser, wanted, block) if known is None else known
    counted = blocks[-1].end if blocks else 0
    for start, stop in stretches(part, parser, counted, part.size):
        yield len(_within(part, parser, wanted, start, stop, None))


class _Scratch:
    """Where one block after the other is read to: memory that is used again is in the processor's cache."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._used = 0

    def read(self, part: Part, block: Block) -> bytearray:
        """The bytes of *block*, and line feeds behind them."""
        size = block.end - block.start
        if len(self._data) < size:
            self._data = bytearray(b"\n" * (size + STRETCH))
        with memoryview(self._data) as view:
            got = os.preadv(part.fd, [view[:size]], block.start)
            view[got : self._used] = b"\n" * max(0, self._used - got)
            self._used = got
        return self._data


def _search(data: bytearray, parser: Parser, wanted: Filter, block: Block) -> int | None:
    """How many records of a block have what is looked for; None if its bytes do not say."""
    if not _is_plain(parser, data):
        return None
    hits = wanted.hits(data, block)
    return None if hits is None else _records_of(parser, data, hits)


def _count(part: Part, parser: Parser, wanted: Filter, block: Block) -> int:
    if not wanted.may_be_in(block):
        return 0
    data = part.read(block.start, block.end)
    if _is_one_a_line(data, block) and _is_plain(parser, data) and (lines := wanted.lines(data)) is not None:
        return lines
    found = _by_hits(part, parser, wanted, block, block.end, data)
    if found is not None:
        return sum(1 for _ in found)
    return sum(
        len(_within(part, parser, wanted, start, stop, None))
        for start, stop in stretches(part, parser, block.start, block.end)
    )


# The beginning of most records, seen at a glance.
_GLANCE = re.compile(
    rb"[\[(]?\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d[.,Z+-]"
)


def _records_of(parser: Parser, data: bytes | bytearray, hits: Sequence[int]) -> int:
    """How many records have a hit, where hits are in order."""
    found, last, behind = 0, -1, 0
    glance, rfind, find = _GLANCE.match, data.rfind, data.find
    for hit in hits:
        if hit < behind:
            continue  # on the line of the hit before
        start = rfind(b"\n", behind, hit) + 1 or behind
        if not glance(data, start):
            start = _begins(parser, data, hit, single=False)
        if start != last:
            found, last = found + 1, start
        behind = find(b"\n", hit) + 1 or len(data)
    return found


def _is_plain(parser: Parser, data: bytes | bytearray) -> bool:
    """Whether text can be looked for in the bytes: it is written in UTF-8, or has nothing but ASCII."""
    return not parser.wide and (parser.encoding in (None, "utf-8") or data.isascii())


def _within(part: Part, parser: Parser, wanted: Filter, start: int, stop: int, block: Block | None) -> list[LogRecord]:
    """The wanted records from *start*, where one begins, to *stop*, where another does or the file ends."""
    data = part.read(start, stop)
    if wanted.looks_inside and _is_plain(parser, data) and wanted.hits(data, block) == []:
        return []
    return [record for record in _parsed(part, parser, data, start) if wanted.wants(record)]


def _parsed(part: Part, parser: Parser, data: bytes, start: int) -> list[LogRecord]:
    assembler = Assembler(parser, start, part.generation.arrived)
    return assembler.feed(data) + assembler.finish()


def _is_one_a_line(data: bytes, block: Block) -> bool:
    return not block.cut and data.count(b"\n") == block.records and data.endswith(b"\n")


def _by_hits(
    part: Part, parser: Parser, wanted: Filter, block: Block, end: int, data: bytes | None = None
) -> Iterator[LogRecord] | None:
    """The wanted records of *block* that begin before *end*, the newest first, by looking at what may be them alone.

    None if their borders cannot be found from within.
    """
    data = part.read(block.start, block.end) if data is None else data
    if not _is_plain(parser, data):
        return None
    single = _is_one_a_line(data, block)
    if parser.every_line_is_one and not single:
        return None
    hits = wanted.hits(data, block)
    if hits is None:
        return None
    return _around(part, parser, wanted, block.start, data, hits, end, single=single)


def _around(
    part: Part, parser: Parser, wanted: Filter, at: int, data: bytes, hits: list[int], end: int, *, single: bool
) -> Iterator[LogRecord]:
    last = len(data)
    for hit in reversed(hits):
        if hit >= last:
            continue  # in the record that was just looked at
        start = _begins(parser, data, hit, single=single)
        stop = _ends(parser, data, hit, last, single=single)
        last = start
        if at + start >= end:
            continue
        for record in _parsed(part, parser, data[start:stop], at + start):
            if wanted.wants(record):
                yield record


def _begins(parser: Parser, data: bytes | bytearray, hit: int, *, single: bool) -> int:
    start = data.rfind(b"\n", 0, hit) + 1
    while start > 0 and not single and not _is_start(parser, data, start):
        start = data.rfind(b"\n", 0, start - 1) + 1
    return start


def _ends(parser: Parser, data: bytes, hit: int, last: int, *, single: bool) -> int:
    stop = data.find(b"\n", hit, last) + 1
    while 0 < stop < last and not single and not _is_start(parser, data, stop):
        stop = data.find(b"\n", stop, last) + 1
    return stop if stop > 0 else last


def _is_start(parser: Parser, data: bytes | bytearray, at: int) -> bool:
    """Whether the line at *at* begins a record, whatever stands before it."""
    if data[at : at + 1] in (b" ", b"\t", b"\n", b"\r"):
        return False
    stop = data.find(b"\n", at)
    line = data[at : stop if stop >= 0 else len(data)]
    head = parser.head(decoded(bytes(line[:RECORD_BYTES]).removesuffix(b"\r"), parser.encoding))
    return head is not None and (head.timestamp is not None or not parser.every_line_is_one)


def stretches(part: Part, parser: Parser, start: int, end: int) -> list[tuple[int, int]]:
    """*start* to *end*, both where a record begins or the file ends, cut between records into small pieces."""
    found: list[tuple[int, int]] = []
    while start < end:
        stop = _next_start(part, parser, start + STRETCH, end) if end - start > 2 * STRETCH else end
        found.append((start, stop))
        start = stop
    return found


def _next_start(part: Part, parser: Parser, at: int, end: int) -> int:
    """Where a record surely begins, at or behind *at*; *end* if there is no such place before it."""
    if parser.wide:
        return end
    limit = min(end, at + LONGEST)
    while at < limit:
        data = part.read(at - 1, min(at + STRETCH, end))
        line = data.find(b"\n") + 1
        plain = False  # whether the line before is one that nothing is within
        while 0 < line < len(data):
            if _is_start(parser, data, line):
                return at - 1 + line
            stop = data.find(b"\n", line)
            text = decoded(data[line : stop if stop >= 0 else len(data)], parser.encoding)
            stands_alone = parser.every_line_is_one and _stands_alone(text)
            if stands_alone and plain:
                return at - 1 + line
            plain = stands_alone
            line = stop + 1
        at += STRETCH
    return end


def _stands_alone(text: str) -> bool:
    """Whether a line is neither indented nor a part of a traceback's frame work, by itself."""
    odd = ("Traceback", "During handling", "The above exception", "Caused by", "Suppressed", "goroutine", "created by")
    return bool(text.strip()) and not text[0].isspace() and not text.startswith(odd)
