"""Pages, counts and backlogs of logs, read in threads."""

import contextlib
import heapq
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import attrs
import trio

from actors.logs.known import KnownLog
from actors.logs.positions import Position
from actors.logs.reading.filters import Filter
from actors.logs.reading.scanning import count, newest_first, oldest_first
from actors.logs.reading.source import Part, Source, parts
from actors.logs.records import LogRecord

T = TypeVar("T")

AT_ONCE = 2
"""Readers that run at the same time: more would only take turns."""
WAITING = 32
"""Readers that may wait for their turn."""
SECONDS = 60.0
"""For one reader, its wait included."""
BLOCKS = 4
"""Of a MiB each that are counted before others get their turn: a millisecond, unless they must be parsed."""
BACKLOG = 1000
"""Records of a backlog that are read at a time."""


class TooManyReaders(Exception):
    """So many read logs at the moment that one more would wait for too long."""

    def __init__(self) -> None:
        super().__init__(f"{WAITING} searches of logs wait already; ask again in a second")


class ReadingFailed(Exception):
    """It took too long."""

    def __init__(self) -> None:
        super().__init__(f"the logs could not be read within {SECONDS:g} s; ask for less, or for a shorter time")


class StaleCursor(Exception):
    """A cursor that is of no file of this log."""

    def __init__(self, cursor: Position) -> None:
        super().__init__(f"cursor {cursor} is of no file of this log any more; begin without one")
        self.cursor = cursor


@attrs.frozen
class Entry:
    """A record, and where it was found."""

    log: KnownLog
    generation: int
    record: LogRecord

    @property
    def position(self) -> Position:
        """Where it begins."""
        return Position(self.generation, self.record.offset)


@attrs.frozen
class Page:
    """Some of the wanted records, the newest first.

    `total` counts all that are wanted, on whichever page; None if that was not asked for. `next` is the cursor of the
    next page; None: there is none.
    """

    entries: Sequence[Entry]
    total: int | None
    next: Position | None


class Reader:
    """Reads logs for whoever asks, a few at a time; a reader whose asker leaves ends within a few milliseconds."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(AT_ONCE)
        self._waiting = 0

    async def page(
        self,
        source: Source,
        wanted: Filter,
        limit: int,
        *,
        offset: int = 0,
        cursor: Position | None = None,
        with_total: bool = True,
    ) -> Page:
        """A page of one log.

        Args:
            source: The log.
            wanted: Which records.
            limit: How many at most.
            offset: How many of the newest to leave out.
            cursor: The `next` of another page: only records before.
            with_total: Count all that are wanted.

        Raises:
            StaleCursor: There is no such place.
            TooManyReaders: Too many read at the moment.
            ReadingFailed: It took too long.
        """
        return await self._run(lambda: _page(source, wanted, limit, offset, cursor, with_total=with_total))

    async def count(self, source: Source, wanted: Filter) -> int:
        """How many records of a log are wanted. Raises as `page`."""
        return await self._run(lambda: _total(source, wanted))

    async def merged(
        self, sources: Sequence[Source], wanted: Filter, limit: int, *, offset: int = 0, with_total: bool = True
    ) -> Page:
        """A page of several logs by time. Raises as `page`; its `next` is only whether there is one."""
        return await self._run(lambda: _merged(sources, wanted, limit, offset, with_total=with_total))

    async def backlog(self, source: Source, wanted: Filter, after: Position) -> tuple[Sequence[Entry], Position | None]:
        """The oldest of the wanted records from the place *after* on, and where to go on; None: that was all.

        It ends where those who follow the log were told up to when the source was made. What was there before the
        oldest file that is left is lost. Raises as `page`.
        """
        return await self._run(lambda: _backlog(source, wanted, after))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING + AT_ONCE:
            raise TooManyReaders
        self._waiting += 1
        try:
            with trio.fail_after(SECONDS):
                return await trio.to_thread.run_sync(work, limiter=self._limiter)
        except trio.TooSlowError:
            raise ReadingFailed from None
        finally:
            self._waiting -= 1


def _breathe() -> None:
    """Let the others have the interpreter; and end if nobody waits for the answer any more."""
    time.sleep(0)
    trio.from_thread.check_cancelled()


def _in_turns(found: Iterator[LogRecord | None]) -> Iterator[LogRecord]:
    for record in found:
        if record is None:
            _breathe()
        else:
            yield record


def _newest(source: Source, opened: Iterator[Part], wanted: Filter, cursor: Position | None) -> Iterator[Entry]:
    for part in opened:
        number, before = part.generation.number, None
        if cursor is not None:
            if number > cursor.generation:
                continue
            before = cursor.offset if number == cursor.generation else None
        for record in _in_turns(newest_first(part, source.parser, wanted, before)):
            yield Entry(source.log, number, record)


def _page(
    source: Source, wanted: Filter, limit: int, offset: int, cursor: Position | None, *, with_total: bool
) -> Page:
    if cursor is not None and cursor.generation > source.highest + 1:
        raise StaleCursor(cursor)
    with parts(source) as opened:
        found = list(itertools.islice(_newest(source, opened, wanted, cursor), offset, offset + limit + 1))
    more = found.pop() if len(found) > limit else None
    total = None
    if with_total:
        # Where the first page has everything it was counted already.
        whole = more is None and cursor is None and offset == 0
        total = len(found) if whole else _total(source, wanted)
    return Page(found, total, found[-1].position if more is not None and found else None)


def _total(source: Source, wanted: Filter) -> int:
    total = 0
    with parts(source) as opened:
        for part in opened:
            for turn, number in enumerate(count(part, source.parser, wanted)):
                total += number
                if turn % BLOCKS == 0:
                    _breathe()
    return total


def _merged(sources: Sequence[Source], wanted: Filter, limit: int, offset: int, *, with_total: bool) -> Page:
    with contextlib.ExitStack() as stack:
        each = [_timed(_newest(source, stack.enter_context(parts(source)), wanted, None)) for source in sources]
        whole = heapq.merge(*each, key=lambda timed: timed[0])
        found = [entry for _, entry in itertools.islice(whole, offset, offset + limit + 1)]
    more = found.pop() if len(found) > limit else None
    total = None
    if with_total:
        whole_page = more is None and offset == 0
        total = len(found) if whole_page else sum(_total(source, wanted) for source in sources)
    return Page(found, total, found[-1].position if more is not None and found else None)


def _timed(entries: Iterator[Entry]) -> Iterator[tuple[float, Entry]]:
    """With the negative time of each; one without a time has that of the one behind it, and times never go up."""
    at = -math.inf
    for entry in entries:
        if entry.record.timestamp is not None:
            at = max(at, -entry.record.timestamp.timestamp())
        yield at, entry


def _backlog(source: Source, wanted: Filter, after: Position) -> tuple[Sequence[Entry], Position | None]:
    with parts(source) as opened:
        files = sorted(opened, key=lambda part: part.generation.number)
        found: list[Entry] = []
        for part in files:
            number = part.generation.number
            if number < after.generation:
                continue
            start = after.offset if number == after.generation else 0
            if source.reached is not None:
                if number > source.reached.generation:
                    break
                if number == source.reached.generation:
                    part = attrs.evolve(part, size=min(part.size, source.reached.offset))
            for record in _in_turns(oldest_first(part, source.parser, wanted, start)):
                if len(found) == BACKLOG:
                    return found, Position(number, record.offset)
                found.append(Entry(source.log, number, record))
    return found, None
