"""Records from bytes as they come."""

from collections.abc import Callable, Iterator
from datetime import datetime

import attrs

from actors.logs.parsing.continuation import TRACEBACK, Within, follow
from actors.logs.parsing.fields import Head
from actors.logs.parsing.heads import without_colours
from actors.logs.parsing.parser import Parser
from actors.logs.parsing.text import decoded
from actors.logs.records import Level, LogRecord

RECORD_BYTES = 64 * 1024
"""Of a record are kept; the rest is left out, and said."""

_URGENT: tuple[Level, ...] = ("WARNING", "ERROR", "CRITICAL")

Arrived = Callable[[int], datetime | None]
"""When the byte at an offset came."""


def unknown(_: int) -> datetime | None:
    """Of what nobody saw come."""
    return None


@attrs.define(eq=False)
class _Open:
    """A record that may go on."""

    start: int
    head: Head
    level: Level
    timestamp: datetime | None
    parts: list[bytes]
    """Lines that were not told yet, without their ends."""
    first: str | None
    """Of these, decoded, when it is the record's first line."""
    size: int
    """Bytes of the record that are kept so far."""
    end: int
    truncated: bool = False
    told: bool = False
    """Whether a part of it was given out already; `start` is then where the rest begins."""


class Assembler:
    """Makes records of a file's bytes, fed in order from the start of a record on.

    Memory is bounded, however long a line or a record is.
    """

    def __init__(self, parser: Parser, offset: int, arrived: Arrived = unknown, *, after_record: bool = False) -> None:
        """Begin at *offset*: there a record begins, or, with *after_record*, the one before may go on."""
        self._parser = parser
        self._arrived = arrived
        self._line_at = offset
        self._partial = bytearray()
        self._beyond = 0  # bytes of the partial line that are left out
        self._open: _Open | None = None
        self._within = Within.NOTHING
        if after_record:
            self._open = _Open(offset, Head(message=""), "INFO", None, [], None, 0, offset, told=True)

    @property
    def line_at(self) -> int:
        """Where the line begins that has no end yet; everything before it is in records."""
        return self._line_at

    def feed(self, data: bytes) -> list[LogRecord]:
        """The records that are surely complete with *data*."""
        done: list[LogRecord] = []
        for line, size in self._lines(data):
            if (record := self._take(line, size)) is not None:
                done.append(record)
        return done

    def settle(self) -> list[LogRecord]:
        """What is there of the open record, which is told now; lines that still come for it are told as `continued`."""
        record = self._close()
        return [] if record is None else [record]

    def finish(self) -> list[LogRecord]:
        """Everything that is left, a last line without an end included."""
        done: list[LogRecord] = []
        size = len(self._partial) + self._beyond
        if size:
            line, self._partial, beyond = bytes(self._partial), bytearray(), self._beyond
            self._beyond = 0
            record = self._take(line, size, cut=beyond > 0)
            done += [] if record is None else [record]
        return done + self.settle()

    # -- lines

    def _lines(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """Whole lines without their ends, each with its size in the file."""
        if self._parser.wide:
            yield from self._wide_lines(data)
            return
        *whole, rest = data.split(b"\n")
        for line in whole:
            size = len(self._partial) + self._beyond + len(line) + 1
            if size > len(line) + 1:
                self._partial += line[: RECORD_BYTES + 1 - len(self._partial)]
                line, self._partial, self._beyond = bytes(self._partial), bytearray(), 0
            yield line, size
        kept = rest[: max(0, RECORD_BYTES + 1 - len(self._partial))]
        self._partial += kept
        self._beyond += len(rest) - len(kept)

    def _wide_lines(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        *whole, rest = _split_wide(bytes(self._partial) + data)
        for line in whole:
            yield line, len(line) + 2 + self._beyond
            self._beyond = 0
        # What is left out is an even number of bytes, or every character after it would be another.
        odd = rest[-1:] if len(rest) % 2 else b""
        self._partial = bytearray(rest[: RECORD_BYTES + 2] + odd if len(rest) > RECORD_BYTES + 3 else rest)
        self._beyond += len(rest) - len(self._partial)

    # -- records

    def _take(self, line: bytes, size: int, *, cut: bool = False) -> LogRecord | None:
        """Add a line; the record before, if it ended that."""
        start, self._line_at = self._line_at, self._line_at + size
        line = line.removesuffix(b"\r\x00").removesuffix(b"\x00\r") if self._parser.wide else line.removesuffix(b"\r")
        cut = cut or len(line) > RECORD_BYTES
        text = decoded(line[:RECORD_BYTES], self._parser.encoding)
        head = self._begins(text)
        if head is None and self._open is not None:
            self._add(self._open, line)
            return None
        done = self._close()
        self._begin(start, line, text, head or Head(message=text), cut=cut)
        return done

    def _begins(self, text: str) -> Head | None:
        """The head of the record that a line begins; None: it continues the one before."""
        if not text or text.isspace():
            return None
        head = self._parser.head(text)
        if head is not None and (head.timestamp is not None or not self._parser.every_line_is_one):
            self._within = Within.NOTHING
            return head
        if not self._parser.every_line_is_one:
            return None
        before = self._within
        continues, self._within = follow(text, before)
        if text.startswith(TRACEBACK) and self._open is not None and self._was_logged(self._open):
            continues = True
        if continues:
            return None
        return head or Head(message=text, level="ERROR" if text.startswith(TRACEBACK) else None)

    @staticmethod
    def _was_logged(record: _Open) -> bool:
        """Whether a traceback that follows it was logged with it, rather than printed by something else."""
        return record.head.level in _URGENT and not record.head.message.startswith(TRACEBACK)

    def _begin(self, start: int, line: bytes, text: str, head: Head, *, cut: bool) -> None:
        timestamp = head.timestamp
        if timestamp is None and self._parser.every_line_is_one:
            timestamp = self._arrived(start)
        self._open = _Open(
            start=start,
            head=head,
            level=head.level or "INFO",
            timestamp=timestamp,
            parts=[line[:RECORD_BYTES]],
            first=text,
            size=min(len(line), RECORD_BYTES),
            end=self._line_at,
            truncated=cut,
        )

    def _add(self, record: _Open, line: bytes) -> None:
        if record.told and not record.parts:
            record.start = record.end
        record.end = self._line_at
        room = RECORD_BYTES - record.size
        if room > 0:
            record.parts.append(line[:room])
            record.size += min(len(line), room) + 1
        record.truncated = record.truncated or len(line) > room
        if not record.parts:
            record.parts.append(b"")

    def _close(self) -> LogRecord | None:
        """What was not told yet of the open record."""
        record = self._open
        if record is None or not record.parts:
            return None
        head, encoding = record.head, self._parser.encoding
        later = [decoded(part, encoding) for part in (record.parts if record.first is None else record.parts[1:])]
        made = LogRecord(
            offset=record.start,
            end=record.end,
            timestamp=record.timestamp,
            level=record.level,
            logger=head.logger,
            message=without_colours("\n".join(later if record.first is None else [head.message, *later])),
            text="\n".join(later if record.first is None else [record.first, *later]),
            module=head.module,
            line_number=head.line_number,
            thread=head.thread,
            truncated=record.truncated,
            continued=record.told,
        )
        record.parts, record.first, record.told = [], None, True
        return made


def _split_wide(data: bytes) -> list[bytes]:
    """*data* at its line feeds of two bytes, in either order of these; what is odd at the end goes with the rest."""
    found: list[bytes] = []
    start = at = 0
    while (at := data.find(b"\n", at)) >= 0:
        little = at % 2 == 0 and data[at + 1 : at + 2] == b"\x00"
        big = at % 2 == 1 and data[at - 1] == 0
        if little or big:
            begin = at if little else at - 1
            found.append(data[start:begin])
            start = at = begin + 2
        else:
            at += 1
    return [*found, data[start:]]


__all__ = ["RECORD_BYTES", "Arrived", "Assembler", "unknown"]
