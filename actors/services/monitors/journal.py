"""The log of a monitor: lines that nobody waits for, written by threads, in files that stay as small as they should."""

import logging
import os
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio
from trio.lowlevel import RunVar

from actors.services.monitors.archives import keep_within, put_aside
from actors.settings import LogOptions

CAPACITY = 1000
"""Lines that may wait for a slow disk: about 200 KB."""

WRITERS = 2
"""Threads that may write at a time, of all monitors together; a disk that hangs holds them, and none of Trio's."""

_writing: RunVar[trio.CapacityLimiter | None] = RunVar("journal_writing", default=None)


class Journal:
    """`<id>.log` of one monitor. Lives beside its actor.

    A line that finds no room, or that the disk does not take, is lost; a line says how many were as soon as one can
    be written.

    Args:
        path: The file. It is made when there is something to write.
        options: How large it may become.
        logger: Who speaks: the third word of each line.
    """

    def __init__(self, path: Path, options: LogOptions, logger: str) -> None:
        self.options = options
        self._path = path
        self._logger = logger
        self._waiting: deque[str] = deque()
        self._lock = threading.Lock()
        """Held while writing: a thread that was left alone with a slow disk may still be at it."""
        self._counting = threading.Lock()
        self._not_told = 0
        self._cut = False
        """The disk took only the beginning of the last line."""
        self._begun: datetime | None = None
        """When the first line of the file was written."""
        self.lost = 0
        """Lines that were lost so far."""

    @property
    def empty(self) -> bool:
        """Nothing waits to be written."""
        return not self._waiting

    @property
    def writing(self) -> bool:
        """A thread is at it."""
        return self._lock.locked()

    def line(self, level: int, message: str) -> None:
        """Say *message*, which is one line; never waits."""
        if len(self._waiting) >= CAPACITY:
            self._lose(1)
        else:
            self._waiting.append(self._formed(level, message))

    async def write(self) -> None:
        """Write all lines that wait, and return once they and those before them are written.

        Cancelled, it leaves the thread to end by itself.
        """
        limiter = _writing.get()
        if limiter is None:
            limiter = trio.CapacityLimiter(WRITERS)
            _writing.set(limiter)
        await trio.to_thread.run_sync(self._drain, abandon_on_cancel=True, limiter=limiter)

    def _formed(self, level: int, message: str) -> str:
        now = datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
        return f"{now} {logging.getLevelName(level)} {self._logger} {message}\n"

    def _lose(self, count: int, *, told: bool = False) -> None:
        with self._counting:  # in the loop and in the thread
            self._not_told += count
            self.lost += 0 if told else count

    # -- in the thread

    def _drain(self) -> None:
        with self._lock:  # lines are taken by whoever holds it, so that they stay in order
            while self._waiting:
                self._put(self._waiting.popleft())

    def _put(self, line: str) -> None:
        not_told = self._not_told
        try:
            if not_told:
                self._write(self._formed(logging.ERROR, f"log.lines_lost count={not_told} reason=slow_or_full_disk"))
                self._lose(-not_told, told=True)
            self._write(line)
        except OSError:  # there is nowhere else to say so
            self._lose(1)

    def _write(self, line: str) -> None:
        data = line.encode("utf-8", errors="backslashreplace")
        self._rotate(len(data))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            left = memoryview(b"\n" + data if self._cut else data)
            while left:
                taken = os.write(descriptor, left)
                left = left[taken:]
                self._cut = bool(left)
        finally:
            os.close(descriptor)

    def _rotate(self, more: int) -> None:
        """Put the file aside if it is too large for *more* bytes, or too old."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            self._begun = None
            return
        options = self.options
        full = options.max_bytes is not None and size > 0 and size + more > options.max_bytes
        if full or self._old():
            put_aside(self._path, options)
            self._begun, self._cut = None, False
        if options.budget is not None:
            keep_within(self._path, options.budget - more)

    def _old(self) -> bool:
        if self.options.max_age is None:
            return False
        now = datetime.now(UTC)
        if self._begun is None:
            self._begun = _first_time(self._path) or now
        return now - self._begun > timedelta(seconds=self.options.max_age)


def _first_time(path: Path) -> datetime | None:
    """When the first line of a file was written; None if it does not say."""
    with path.open("rb") as file:
        word = file.readline(100).partition(b" ")[0]
    try:
        found = datetime.fromisoformat(word.decode("ascii"))
    except ValueError:  # UnicodeDecodeError is one
        return None
    return found if found.tzinfo is not None else None
