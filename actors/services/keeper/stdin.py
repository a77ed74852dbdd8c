"""The stdin of a service that is sent its input: a pipe that never makes anybody wait.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import os


class Input:
    """The pipe of one service's stdin, and what it did not take yet. Whoever sends keeps that within a bound."""

    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        os.set_blocking(self.write_fd, False)
        self._waiting = bytearray()
        self._ends = False
        self._ours = True
        self.open = True
        """Whether the service may still read from it."""
        self.taken = 0
        """Bytes that it took, or will never take."""

    @property
    def waiting(self) -> bool:
        """Whether to call `flush` when the pipe has room."""
        return self.open and bool(self._waiting)

    def given_away(self) -> None:
        """The service has its end of the pipe now."""
        if self._ours:
            self._ours = False
            os.close(self.read_fd)

    def put(self, data: bytes) -> None:
        """Send *data* after what was sent before."""
        if self.open and not self._ends:
            self._waiting += data
            self.flush()
        else:
            self.taken += len(data)

    def end(self) -> None:
        """End it, after what was sent before."""
        self._ends = True
        self.flush()

    def flush(self) -> None:
        """Move what the pipe takes now."""
        if not self.open:
            return
        try:
            while self._waiting:
                written = os.write(self.write_fd, self._waiting)
                del self._waiting[:written]
                self.taken += written
        except BlockingIOError:
            return
        except OSError:  # the service has closed its end
            self.taken += len(self._waiting)
            self._waiting.clear()
            self._ends = True
        if self._ends:
            self.close()

    def close(self) -> None:
        """Free the descriptors; the service reads the end."""
        self.given_away()
        if self.open:
            self.open = False
            os.close(self.write_fd)
