"""What a service prints, from its pipe to its log, byte for byte.

Through a pipe and not straight to the file: a service that prints onto a full disk would fail. Here it runs
on, and the lost bytes are counted.

Read by the keeper process as well: standard library only, and pathlib would cost every holder memory.
"""

from __future__ import annotations

import os
import time

from . import kernel

# Bytes of the pipe: what a service can print ahead while the disk is slow. The kernel's limit for ordinary
# users.
PIPE_ROOM = 1024 * 1024

# Bytes per turn of the holder's loop: a command waits for one such write at most.
CHUNK = 64 * 1024

# Seconds between two attempts to open a log that could not be opened.
REOPEN = 1.0

# O_NONBLOCK: a log path that leads to a FIFO without a reader is refused instead of waited for. Files ignore
# it.
_LOG_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_LOG_MODE = 0o640
_LOG_DIRECTORY_MODE = 0o750


class Output:
    """The pipe of one service's stdout and stderr, and the log it is appended to."""

    def __init__(self, log_path: str) -> None:
        self.read_fd, self.write_fd = os.pipe()
        os.set_blocking(self.read_fd, False)
        self._room = kernel.grow_pipe(self.read_fd, PIPE_ROOM)
        self._path = log_path
        self._reopen_at = 0.0
        self._open = True
        self.lost = 0
        """Bytes that could not be written, since the start."""
        self.error: str | None = None
        """Why the last write failed; None after one that did not."""
        self._log = self._open_log()

    def given_away(self) -> None:
        """The service has its end of the pipe now: close ours, or the end of file never comes."""
        os.close(self.write_fd)

    def pump(self) -> bool:
        """Move at most `CHUNK` bytes. False when nobody can print any more.

        Only after poll said readable: an empty pipe answers True.
        """
        try:
            data = os.read(self.read_fd, CHUNK)
        except BlockingIOError:
            return True
        if not data:
            return False
        self._append(data)
        return True

    def drain(self) -> None:
        """Move what is in the pipe now.

        Bounded by its room: a process that is not ours may have got hold of the other end, and print for
        ever.
        """
        left = self._room
        while left > 0:
            try:
                data = os.read(self.read_fd, min(left, CHUNK))
            except BlockingIOError:
                return
            if not data:
                return
            left -= len(data)
            self._append(data)

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            if self._log is None:
                self._log = self._open_log()
            while self._log is not None and rest:
                rest = rest[os.write(self._log, rest) :]
                self.error = None
        except OSError as error:
            self.error = f"cannot write {self._path}: {error.strerror}"
        self.lost += len(rest)

    def _open_log(self) -> int | None:
        now = time.monotonic()
        if now < self._reopen_at:
            return None
        try:
            try:
                return os.open(self._path, _LOG_FLAGS, _LOG_MODE)
            except FileNotFoundError:
                directory = self._path.rpartition("/")[0] or "/"
                os.makedirs(directory, _LOG_DIRECTORY_MODE, exist_ok=True)  # noqa: PTH103  see the module
                return os.open(self._path, _LOG_FLAGS, _LOG_MODE)
        except OSError as error:
            self._reopen_at = now + REOPEN
            self.error = f"cannot open {self._path}: {error.strerror}"
            return None
