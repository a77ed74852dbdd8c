"""Follow one log over all that is done to its file."""

import itertools
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress

import trio

from actors.logs.files.opening import open_log
from actors.logs.following.state import LogState
from actors.logs.indexing import Generation
from actors.logs.indexing.bulk import BULK_BYTES, counted
from actors.logs.indexing.generation import HEAD_BYTES, summed
from actors.logs.indexing.generations import Seen, look_around, matched, numbered
from actors.logs.indexing.sidecar import encoded, load, write
from actors.logs.indexing.tallying import tally
from actors.logs.parsing import Assembler
from actors.logs.parsing.parser import LEARNT_FROM
from actors.logs.positions import Position
from actors.logs.records import LogRecord
from actors.logs.threads import Threads

log = logging.getLogger("actors.logs")

INLINE_BYTES = 16 * 1024
"""Up to here bytes are parsed at once, which takes 1.5 ms. More goes to a thread."""
SLICE_BYTES = 128 * 1024
AT_ONCE = 500
"""Records that are counted before others get their turn: two milliseconds."""
PUSHES = 8000
"""To listeners before others get their turn: four milliseconds; each turn wakes all of them once."""
SAVE_SECONDS = 30.0
KEPT_MINUTES = 169 * 60
"""Of statistics: a week and an hour."""


class Follower:
    """One task; everything is done by it, in order."""

    def __init__(self, state: LogState, threads: Threads) -> None:
        self._state = state
        self._threads = threads
        self._fd: int | None = None
        self._inode = 0
        self._assembler = Assembler(state.parser, 0)
        self._read_at = 0
        self._spent = 0.0
        self._changed = False
        self._saved_at = -SAVE_SECONDS
        self._looked_at = time.time()
        """When a file was last found in its place, seconds since 1970."""

    async def run(self) -> None:
        """Follow for ever."""
        try:
            await self._begin()
            await self.catch_up()
            self._state.ready.set()
            while True:
                await self.catch_up()
                if self._changed and trio.current_time() - self._saved_at > SAVE_SECONDS:
                    await self.save()
                await self._state.wake.wait(self._state.poll_seconds)
        finally:
            if self._fd is not None:
                os.close(self._fd)
                self._fd, self._inode = None, 0
            with trio.CancelScope(shield=True), trio.move_on_after(2.0):
                await self.save()

    # -- the beginning

    async def _begin(self) -> None:
        state = self._state
        if not state.generations:
            state.generations, highest = await self._threads.run(load, state.sidecar, state.about)
            state.highest = max(state.highest, highest)
        if (fd := self._opened()) is not None:
            self._take_up(fd)
        await self._take_archives()

    async def _take_archives(self) -> None:
        """Know which file is which generation, forget those whose file is gone, and count what is new to us."""
        state = self._state
        state.archives_changed = False
        seen = await self._threads.run(look_around, state.log.path)
        current = self._current
        others = [g for g in state.generations if g is not current and not state.archives_rewritten]
        state.archives_rewritten = False
        # What is in the log's place is for `_open`, and may be another file than the one that we have by now.
        archives = [file for file in seen if file.path != state.log.path and file.inode != self._inode]
        pairs = matched(archives, others)
        for file in self._unseen(pairs):  # put aside in this moment: told by `_take_missed`, and then known
            pairs = [pair for pair in pairs if pair[0] is not file]
        if current is not None:
            pairs.insert(0, (Seen(state.log.path, self._inode, current.head, 0), current))
        pairs = numbered(pairs, state.highest)
        if (highest := max((generation.number for _, generation in pairs), default=0)) > state.highest:
            self._gave(highest)
        state.generations = sorted((generation for _, generation in pairs), key=lambda generation: -generation.number)
        for file, generation in pairs:
            if generation is not current and generation.indexed < file.size:
                await self._count_archive(file, generation)

    async def _count_archive(self, file: Seen, generation: Generation) -> None:
        if generation.blocks and (file.packed or generation.indexed >= file.size):
            return
        try:
            found = await counted(self._state, file, generation.indexed, None, self._threads, generation.marks)
        except OSError as error:
            log.warning("logs.archive_unreadable path=%s error=%r next=leave_out", file.path, str(error))
            return
        generation.extend(found.blocks, found.minutes, found.loggers)
        self._changed = True

    # -- the file that is written

    @property
    def _current(self) -> Generation | None:
        return self._state.generations[0] if self._fd is not None and self._state.generations else None

    def _opened(self) -> int | None:
        """A descriptor of what is in the log's place; None: there is nothing that could be followed."""
        path = self._state.log.path
        try:
            return open_log(path)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                log.debug("logs.not_followed path=%s error=%r", path, str(error))
            return None

    def _take_up(self, fd: int) -> None:
        """Go on with the open file, as the generation that it is."""
        state = self._state
        found = os.fstat(fd)
        self._fd, self._inode = fd, found.st_ino
        head = os.pread(fd, HEAD_BYTES, 0)
        known = next((g for g in state.generations if g.is_file(found.st_ino, head)), None)
        if known is None or known.indexed > found.st_size or (not known.head and head and known.blocks):
            known = Generation(self._next_number(), found.st_ino, head)
        else:
            state.generations.remove(known)
        self._have(known)

    async def _open(self) -> bool:
        """Open the file in the log's place, once what was put aside before it is told; False: there is none."""
        fd = self._opened()
        try:
            # With the file open already: whatever is put aside from now on is seen by it.
            await self._take_missed(None if fd is None else os.fstat(fd).st_ino)
        except BaseException:  # also a cancellation: the descriptor has no owner yet; it passes on
            if fd is not None:
                os.close(fd)
            raise
        if fd is not None:
            self._take_up(fd)
        return fd is not None

    def _next_number(self) -> int:
        self._gave(self._state.highest + 1)
        return self._state.highest

    def _gave(self, number: int) -> None:
        """Know that *number* was given; it is written down soon, or a killed process would give it once more."""
        self._state.highest = number
        self._changed, self._saved_at = True, -SAVE_SECONDS

    def _have(self, generation: Generation) -> None:
        """Go on with *generation*, whose file is open."""
        self._looked_at = time.time()
        self._state.generations.insert(0, generation)
        self._start_at(generation, generation.indexed)

    def _start_at(self, generation: Generation, offset: int) -> None:
        state = self._state
        assert self._fd is not None  # noqa: S101 - it was just opened
        state.parser.learn(os.pread(self._fd, LEARNT_FROM, 0))
        self._assembler = Assembler(state.parser, offset, generation.arrived, after_record=offset > 0)
        self._read_at = offset
        state.reached = Position(generation.number, offset)

    def _close(self) -> None:
        """Be done with the file: what is left of its last line is told."""
        if self._fd is None:
            return
        self._tell(self._assembler.finish())
        os.close(self._fd)
        self._fd, self._inode = None, 0

    def _begin_again(self) -> None:
        """The file was emptied, or written anew in its place."""
        assert self._fd is not None  # noqa: S101 - called with an open file
        self._tell(self._assembler.finish())
        state = self._state
        head = os.pread(self._fd, HEAD_BYTES, 0)
        state.archives_changed = True  # it may have been copied away before
        self._have(Generation(self._next_number(), self._inode, head))

    async def catch_up(self) -> None:
        """Read and tell everything that is there."""
        while True:
            if self._fd is None and not await self._open():
                break
            size = self._size()
            if size > self._read_at:
                await self._take(size)
                continue
            if not self._is_replaced():
                break
            # Whoever renamed it may have written to it until just now.
            await self._drain()
            self._close()
            self._state.archives_changed = True
        self._tell(self._assembler.settle())
        if self._state.archives_changed:
            await self._take_archives()

    def _unseen(self, pairs: Sequence[tuple[Seen, Generation | None]]) -> list[Seen]:
        """Of archives, the newest first, those that were never in the log's place when we looked, since we began."""
        state = self._state
        if not (state.ready.is_set() or state.fresh):
            return []
        fresh = itertools.takewhile(lambda pair: pair[1] is None, pairs)
        return [file for file, _ in fresh if not file.packed and file.modified >= self._looked_at - 1]

    async def _take_missed(self, live: int | None) -> None:
        """Tell what was put aside since our last look without ever having been seen in its place.

        *live* is the inode of the file that follows it.
        """
        state = self._state
        seen = await self._threads.run(look_around, state.log.path)
        archives = [file for file in seen if file.path != state.log.path and file.inode != live]
        for file in reversed(self._unseen(matched(archives, state.generations))):
            with suppress(OSError):
                fd = open_log(file.path)
                if os.fstat(fd).st_ino != file.inode:  # put aside further in this moment: it is counted later
                    os.close(fd)
                    continue
                self._fd, self._inode = fd, file.inode
                self._have(Generation(self._next_number(), file.inode, file.head))
                await self._drain()
                self._close()

    def _size(self) -> int:
        """Of the file, after a new beginning was noticed."""
        assert self._fd is not None  # noqa: S101 - called with an open file
        size = os.fstat(self._fd).st_size
        generation = self._state.generations[0]
        head = os.pread(self._fd, HEAD_BYTES, 0)
        if size < self._read_at or not head.startswith(generation.head):
            self._begin_again()
        elif len(head) > len(generation.head):
            generation.head = head
        return size

    async def _drain(self) -> None:
        """Read to the end, wherever that is by now."""
        while self._fd is not None and (size := os.fstat(self._fd).st_size) > self._read_at:
            await self._take(size)

    def _is_replaced(self) -> bool:
        """Whether another file has our place, or ours is deleted. One that was only renamed may still be written to."""
        assert self._fd is not None  # noqa: S101 - called with an open file
        try:
            return self._state.log.path.stat(follow_symlinks=False).st_ino != self._inode
        except OSError:
            return os.fstat(self._fd).st_nlink == 0

    async def _take(self, size: int) -> None:
        """Read up to *size*."""
        assert self._fd is not None  # noqa: S101 - called with an open file
        state, pending = self._state, size - self._read_at
        if state.parser.every_line_is_one:
            state.generations[0].mark(self._assembler.line_at, time.time())
        if pending > BULK_BYTES:
            await self._take_in_bulk(size)
            return
        if pending <= INLINE_BYTES:
            data = os.pread(self._fd, pending, self._read_at)
        else:
            data = await self._threads.run(os.pread, self._fd, min(pending, SLICE_BYTES), self._read_at)
        if not data:  # it became shorter just now
            await trio.lowlevel.checkpoint()
        elif self._learns(data):
            await self._count_anew()
        else:
            if self._read_at == 0:
                state.parser.learn(data)
            await self._feed(data)

    async def _feed(self, data: bytes) -> None:
        """Tell the records that are complete with *data*; others get their turn in between where that takes long."""
        if len(data) <= INLINE_BYTES:
            records = self._assembler.feed(data)
        else:
            records = await self._threads.run(self._assembler.feed, data)
        self._read_at += len(data)
        await self._spend(len(data) / INLINE_BYTES)
        most = max(1, min(AT_ONCE, PUSHES // max(1, len(self._state.feeds))))
        for at in range(0, len(records), most):
            few = records[at : at + most]
            self._tell(few)
            await self._spend(len(few) / most)

    async def _spend(self, turns: float) -> None:
        """Use so many of the turns that we may take before others have theirs."""
        self._spent += turns
        if self._spent >= 1.0:
            self._spent = 0.0
            await trio.lowlevel.checkpoint()

    def _learns(self, data: bytes) -> bool:
        """Whether *data*, which comes next, says that lines have timestamps, which nobody could know before."""
        parser, at = self._state.parser, self._assembler.line_at
        if self._read_at >= LEARNT_FROM or not parser.seems_plain or self._fd is None:
            return False
        return parser.has_times(os.pread(self._fd, self._read_at + len(data) - at, at)) and not parser.learn(
            os.pread(self._fd, min(self._read_at + len(data), LEARNT_FROM), 0)
        )

    async def _count_anew(self) -> None:
        """Count what was read of the file again, as it is read from now on: nobody is told that once more."""
        self._tell(self._assembler.settle())
        state, generation, end = self._state, self._state.generations[0], self._assembler.line_at
        fd, arrived = self._fd or 0, generation.arrived
        found = await self._threads.run(lambda: tally(fd, 0, end, state.parser, arrived, final=True))
        generation.blocks, generation.minutes, generation.loggers = [], {}, {}
        generation.extend(found.blocks, found.minutes, found.loggers)
        self._changed = True
        self._start_at(generation, end)

    async def _take_in_bulk(self, size: int) -> None:
        """Count a long stretch in a process of its own; who listens is told how many records that were."""
        state, generation = self._state, self._state.generations[0]
        start = generation.indexed
        seen = Seen(state.log.path, self._inode, generation.head, size)
        found = await counted(state, seen, start, size, self._threads, generation.marks, fd=self._fd)
        state.miss(summed(found.blocks))
        generation.extend(found.blocks, found.minutes, found.loggers)
        end = max(found.end, start)
        if end == start:  # one record, longer than a stretch
            end = size
        self._changed = True
        self._start_at(generation, end)

    def _tell(self, records: list[LogRecord]) -> None:
        if not records:
            return
        state, generation = self._state, self._state.generations[0]
        for record in records:
            generation.add(record)
        state.reached = Position(generation.number, records[-1].end)
        state.push(generation.number, records)
        self._changed = True

    # -- the disk

    async def save(self) -> None:
        """Write the index."""
        if not self._changed:
            return
        state = self._state
        self._changed, self._saved_at = False, trio.current_time()
        oldest = int(time.time() // 60) - KEPT_MINUTES
        for generation in state.generations:
            for minute in [minute for minute in generation.minutes if minute < oldest]:
                del generation.minutes[minute]
            for hour in [hour for hour in generation.loggers if hour < oldest // 60]:
                del generation.loggers[hour]
        data = encoded(state.generations, state.highest, state.about)
        try:
            await self._threads.run(write, state.sidecar, data)
        except OSError:
            pass  # a full disk: it is counted again after the next start
        except trio.Cancelled:
            self._changed = True  # it was not written; the last save of `run` does it
            raise
