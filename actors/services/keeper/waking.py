"""Signals as something to poll for: the self-pipe of a single-threaded process.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import os

from . import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# What a holder reacts to. They are blocked around each fork: one meant for the child would run the handler
# there, and wake the parent through the descriptor that both share.
NOTED = (signals.SIGCHLD, signals.SIGTERM)

# What the keeper and the holders survive. By a handler that does nothing and not by ignoring it: what is
# ignored stays so over an exec, and a service is to start with defaults.
SURVIVED = (signals.SIGINT, signals.SIGHUP, signals.SIGPIPE, signals.SIGXFSZ)


def install_handlers() -> None:
    """Have all of them noted. Once, in the keeper: holders inherit it, and need not touch the memory for it."""
    for number in (*NOTED, *SURVIVED):
        signals.signal(number, _noted)


class Waking:
    """Makes signals readable. One per process: a forked child makes its own and closes this one."""

    def __init__(self) -> None:
        self.fd, self._write_fd = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write_fd, False)
        signals.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)

    def take(self) -> bytes:
        """The numbers of the signals that came, one byte each.

        Full at some thousand, and then one is enough.
        """
        try:
            return os.read(self.fd, 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Free the descriptors; the next one notes the signals from now on."""
        os.close(self.fd)
        os.close(self._write_fd)


def _noted(number: int, frame: FrameType | None) -> None:
    """Python only writes to the descriptor for signals that have a handler of Python's."""
