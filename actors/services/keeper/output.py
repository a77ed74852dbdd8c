"""What a service prints, from its pipe to its log, byte for byte.

Through a pipe and not straight to the file: a service that prints onto a full disk would fail. Here it runs
on, and the lost bytes are counted.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import os

from . import kernel
from .log_file import LogFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .wire import RotationRecord

# Bytes of the pipe: what a service can print ahead while the disk is slow. The kernel's limit for ordinary
# users.
PIPE_ROOM = 1024 * 1024

# Bytes per turn of the holder's loop: a command waits for one such write at most.
CHUNK = 64 * 1024


class Output:
    """The pipe of one service's stdout and stderr, and the log it is appended to."""

    def __init__(self, log_path: bytes, rotation: RotationRecord) -> None:
        self.read_fd, self.write_fd = os.pipe()
        self._ours = True
        os.set_blocking(self.read_fd, False)
        self._room = kernel.grow_pipe(self.read_fd, PIPE_ROOM)
        self.log = LogFile(log_path, rotation)

    def given_away(self) -> None:
        """The service has its end of the pipe now: close ours, or the end of file never comes."""
        if self._ours:
            self._ours = False
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
        self.log.append(data)
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
            self.log.append(data)

    def close(self) -> None:
        """Free the descriptors, once the run is over."""
        self.given_away()
        os.close(self.read_fd)
        self.log.close()
