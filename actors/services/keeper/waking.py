"""Signals as something to poll for: the self-pipe of a single-threaded process.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

# The signals that ever get a handler here. They are blocked around each fork: one meant for the child would
# run the handler there, and wake the parent through the descriptor that both share.
NOTED = (signal.SIGCHLD, signal.SIGTERM)


class Waking:
    """Makes the given signals readable. One per process: a forked child makes its own and closes this one."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.fd, self._write_fd = os.pipe()
        for fd in (self.fd, self._write_fd):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _noted)

    def take(self) -> bytes:
        """The numbers of the signals that came, one byte each.

        Full at some thousand, and then one is enough.
        """
        try:
            return os.read(self.fd, 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Free the descriptors; the signals are noted nowhere until the next one is made."""
        signal.set_wakeup_fd(-1)
        os.close(self.fd)
        os.close(self._write_fd)


def _noted(number: int, frame: FrameType | None) -> None:
    """Python only writes to the descriptor for signals that have a handler of Python's."""
