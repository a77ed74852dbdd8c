"""Count a stretch of a file, in slices."""

import os
from collections.abc import Callable, Iterator

import attrs

from actors.logs.indexing.generation import Block, Generation, Loggers, Minutes
from actors.logs.parsing import Assembler, Parser
from actors.logs.parsing.assembling import Arrived, unknown
from actors.logs.records import LogRecord

SLICE = 256 * 1024
"""Bytes that are read and parsed at a time."""


@attrs.define(eq=False)
class Tally:
    """What was counted of a stretch of a file that begins and ends between two records."""

    blocks: list[Block]
    minutes: Minutes
    loggers: Loggers
    end: int
    """Where the stretch ends: behind the last record that was surely complete."""


def slices(fd: int, start: int, end: int, size: int = SLICE) -> Iterator[bytes]:
    """The bytes from *start* to *end*, or to the end of the file if that comes first."""
    while start < end and (data := os.pread(fd, min(size, end - start), start)):
        yield data
        start += len(data)


def tally(
    fd: int,
    start: int,
    end: int,
    parser: Parser,
    arrived: Arrived = unknown,
    *,
    between: Callable[[], None] = lambda: None,
    final: bool = False,
) -> Tally:
    """Count the records between *start*, where one begins, and *end*; one that may go on behind *end* is left out.

    Args:
        fd: Of the file.
        start: Where a record begins.
        end: Where it ends.
        parser: How the file is read.
        arrived: When the byte at an offset came.
        between: Called between two slices; it may raise to give up.
        final: Another record begins at *end*: the last one is complete.
    """
    into = Generation(0, 0, b"", blocks=[Block(start, start, [0] * 5)])
    assembler = Assembler(parser, start, arrived, after_record=start > 0)
    for data in slices(fd, start, end):
        for record in assembler.feed(data):
            into.add(record)
        between()
    for record in assembler.finish() if final else ():
        into.add(record)
    return Tally([block for block in into.blocks if block.end > block.start], into.minutes, into.loggers, into.indexed)


def walk(fd: int, start: int, end: int, parser: Parser) -> Iterator[LogRecord]:
    """The records between *start*, where one begins, and *end*, the last one to its end."""
    assembler = Assembler(parser, start)
    for data in slices(fd, start, end):
        yield from assembler.feed(data)
    yield from assembler.finish()
