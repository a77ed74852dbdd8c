"""The log of one service: appended to byte for byte, rotated between lines, within a budget.

Read by the keeper process as well: standard library only, and pathlib would cost every holder memory.
"""

from __future__ import annotations

import errno
import os
import time

from . import kernel
from .archives import Archives

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .wire import RotationRecord

# Seconds between two attempts to open a log that could not be opened, or to rotate one that could not be.
RETRY = 1.0

# O_NONBLOCK: a log path that leads to a FIFO without a reader is refused instead of waited for. Files ignore
# it.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_MODE = 0o640
_DIRECTORY_MODE = 0o750

# <sys/stat.h>; the module stat is more than is needed.
_KIND, _REGULAR = 0o170000, 0o100000

# What a full disk answers, or a full quota.
_FULL = (errno.ENOSPC, errno.EDQUOT)


def room(data: bytes | memoryview, size: int, line: int, limit: float) -> int:
    """How much of *data* goes into a file of *size* bytes that should not exceed *limit*; 0 to rotate first.

    No line is split, with one exception: of a line longer than a whole file may be, each file takes as much as
    that. So a file has less than twice *limit*.

    Args:
        data: Not empty.
        size: Bytes in the file.
        line: Bytes of its last line, which has no end yet; 0 when the file ends with a line end.
        limit: Bytes, 1 or more.
    """
    if size + len(data) <= limit:
        return len(data)
    text = bytes(data)
    fits = text.rfind(b"\n", 0, max(0, int(limit) - size)) + 1
    if fits:
        return fits
    if line == 0 and size > 0:
        return 0
    left = max(0, int(limit) - line)
    end = text.find(b"\n", 0, left) + 1
    return end or min(left, len(text))


class LogFile:
    """A log that outlives a full disk, its deletion, and its own growth."""

    def __init__(self, path: bytes, rotation: RotationRecord) -> None:
        self._path = path
        self._max_age = rotation["max_age"]
        self._budget = rotation["budget"]
        limits = [number for number in (rotation["max_bytes"], _half(self._budget)) if number is not None]
        self._limit = min(limits, default=None)
        self._archives: Archives | None = None
        if self._limit is not None or self._max_age is not None:
            self._archives = Archives(path, rotation["keep"], compress=rotation["compress"])
        self._fd: int | None = None
        self._identity = (0, 0)
        self._size = 0
        self._line = 0
        self._due: float | None = None
        self._reopen_at = self._rotate_at = 0.0
        self.rotations = 0
        self.lost = 0
        """Bytes that could not be written, since the start."""
        self.error: str | None = None
        """Why the last attempt failed; None after one that did not."""
        self._open()

    @property
    def due(self) -> float | None:
        """When it gets too old, by the monotonic clock; None for never, or while it is empty or within a line."""
        if self._due is None or self._size == 0 or self._line > 0:
            return None
        return max(self._due, self._rotate_at)

    @property
    def worker(self) -> int | None:
        """The pid of a child of ours that compresses an archive."""
        return None if self._archives is None else self._archives.worker

    def append(self, data: bytes) -> None:
        """Write *data*, or count it as lost."""
        rest = memoryview(data)
        try:
            self._look_after()
            while self._fd is not None and rest:
                rest = rest[self._write(rest) :]
        except OSError as error:
            self.error = f"cannot write {os.fsdecode(self._path)}: {error.strerror}"
        self.lost += len(rest)

    def tick(self, now: float) -> None:
        """Rotate it if it is too old at *now*, and have an archive compressed that waits for it."""
        if (due := self.due) is not None and now >= due:
            self._rotate()
        if self._archives is not None:
            self._archives.pack(
                float("inf") if self._budget is None else self._budget - self._size - self._archives.size
            )

    def worker_ended(self, status: int) -> None:
        """The child that compressed was reaped."""
        if self._archives is not None:
            self._archives.packed(status)

    def stop_worker(self) -> None:
        """Kill it. What it was about is done in the next run."""
        if self._archives is not None:
            self._archives.stop_packing()

    def close(self) -> None:
        """Free the descriptor."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    # -- writing

    def _write(self, data: memoryview) -> int:
        """Write some of it; at a full disk, at the expense of the oldest archives if there is a budget."""
        take = len(data)
        if self._limit is not None and time.monotonic() >= self._rotate_at:
            take = room(data, self._size, self._line, self._limit)
            if take == 0:
                self._rotate()
                return 0
        while True:
            try:
                assert self._fd is not None  # noqa: S101  for the type checker
                written = os.write(self._fd, data[:take])
                break
            except OSError as error:
                if self._budget is None or error.errno not in _FULL or not self._drop_oldest():
                    raise
        if self._archives is not None:
            self._count(bytes(data[:written]))
        self.error = None
        return written

    def _count(self, written: bytes) -> None:
        if self._size == 0 and self._max_age is not None:
            self._due = time.monotonic() + self._max_age
        self._size += len(written)
        end = written.rfind(b"\n") + 1
        self._line = len(written) - end if end else self._line + len(written)
        self._keep_budget()

    def _keep_budget(self) -> None:
        while self._budget is not None and self._archives is not None:
            if self._size + self._archives.size <= self._budget or not self._drop_oldest():
                return

    def _drop_oldest(self) -> bool:
        return self._archives is not None and self._archives.drop_oldest()

    def _rotate(self) -> None:
        """Make it an archive and begin a new one. If that fails, it grows on for a while."""
        if self._archives is None:
            return
        try:
            self._archives.take_in()
        except OSError as error:
            self.error = f"cannot rotate {os.fsdecode(self._path)}: {error.strerror}"
            self._rotate_at = time.monotonic() + RETRY
            return
        self.rotations += 1
        self.close()
        self._open()
        self._keep_budget()

    # -- opening

    def _look_after(self) -> None:
        """Have it open, and still the file of that name: somebody may have moved, deleted or emptied it."""
        if self._fd is not None:
            try:
                found = os.stat(self._path)  # noqa: PTH116  see the module
            except FileNotFoundError:
                self.close()
            else:
                if (found.st_dev, found.st_ino) != self._identity:
                    self.close()
                elif found.st_size != self._size and self._archives is not None:
                    self._measure(found)
        if self._fd is None:
            self._open()

    def _open(self) -> None:
        now = time.monotonic()
        if now < self._reopen_at:
            return
        try:
            try:
                self._fd = os.open(self._path, _FLAGS, _MODE)
            except FileNotFoundError:
                directory = self._path.rpartition(b"/")[0] or b"/"
                os.makedirs(directory, _DIRECTORY_MODE, exist_ok=True)  # noqa: PTH103  see the module
                self._fd = os.open(self._path, _FLAGS, _MODE)
            found = os.fstat(self._fd)
            self._identity = (found.st_dev, found.st_ino)
            if found.st_mode & _KIND != _REGULAR:
                self._archives = self._limit = self._budget = None  # a device or a pipe is not to be renamed
            if self._archives is not None:
                self._measure(found)
        except OSError as error:
            self._reopen_at = now + RETRY
            self.error = f"cannot open {os.fsdecode(self._path)}: {error.strerror}"

    def _measure(self, found: os.stat_result) -> None:
        """Take over the size and the age of what is there."""
        self._size = found.st_size
        self._line = 0 if self._size == 0 or self._ends_a_line() else 1  # how long it is does not matter much
        if self._max_age is not None and self._fd is not None:
            born = kernel.birth_of(self._fd)
            age = time.time() - (found.st_mtime if born is None else born)
            self._due = time.monotonic() + self._max_age - max(0.0, age)

    def _ends_a_line(self) -> bool:
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.pread(fd, 1, self._size - 1) == b"\n"
        finally:
            os.close(fd)


def _half(budget: int | None) -> int | None:
    """What a log may have of its budget: files have less than twice their limit, see `room`."""
    return None if budget is None else max(1, budget // 2)
