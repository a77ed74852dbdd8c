"""What a service says of itself: the receiving end of sd_notify(3).

The socket has an abstract name, so that there is nothing to clean up and no permission to give; anybody may send to
it, and only what comes from the service's own processes is believed, by the pid that the kernel adds.

Read by the keeper process as well: standard library only. Linux only.
"""

from __future__ import annotations

import _socket
import os
import struct

from . import kernel
from .wire import MICROSECONDS, READY, RELOADING, STATUS, STOPPING, WATCHDOG

# Bytes of one message; systemd takes as many. And how many messages are read in one turn.
_MESSAGE = 4096
_MESSAGES = 16

# Descriptors that may come along, `BARRIER=1` has one: they are closed, which is all that it waits for.
_DESCRIPTORS = 8
_DESCRIPTOR = struct.Struct("i")

# <linux/socket.h>: pid, uid, gid.
_CREDENTIALS = struct.Struct("3i")

# Characters of a status that are passed on.
STATUS_LIMIT = 512

# Bytes of randomness in the name, so that nobody holds it already.
_RANDOM = 16

_WORDS = {b"READY=1": READY, b"WATCHDOG=1": WATCHDOG, b"RELOADING=1": RELOADING, b"STOPPING=1": STOPPING}


class Notices:
    """The socket of one run, and what was said there and not passed on yet."""

    def __init__(self, watchdog: float | None) -> None:
        if not kernel.LINUX:
            raise OSError(0, "notify needs Linux")
        self._socket = _socket.socket(
            _socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
        )
        self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
        name = b"hamster-notify-" + os.urandom(_RANDOM).hex().encode()
        self._socket.bind(b"\0" + name)
        self.env = {b"NOTIFY_SOCKET": b"@" + name}
        """What the service is to find in its environment."""
        if watchdog is not None:
            self.env[b"WATCHDOG_USEC"] = b"%d" % (watchdog * MICROSECONDS)
        self.fd = self._socket.fileno()
        self._said = 0
        self._status = b""

    @property
    def news(self) -> bool:
        """Whether there is something to `take`."""
        return self._said != 0

    def take(self) -> tuple[int, bytes]:
        """The bits and the status, see `wire`, of what was said since the last time."""
        taken = self._said, self._status
        self._said, self._status = 0, b""
        return taken

    def receive(self, root: int) -> None:
        """Read what was said; what does not come from below the process *root* is ignored."""
        room = _socket.CMSG_SPACE(_CREDENTIALS.size) + _socket.CMSG_SPACE(_DESCRIPTORS * _DESCRIPTOR.size)
        for _ in range(_MESSAGES):
            try:
                message, ancillary, flags, _ = self._socket.recvmsg(_MESSAGE, room, _socket.MSG_CMSG_CLOEXEC)
            except OSError:
                return  # nothing more
            sender = 0
            barriers: list[int] = []
            for level, kind, data in ancillary:
                if level == _socket.SOL_SOCKET and kind == _socket.SCM_CREDENTIALS:
                    sender = _CREDENTIALS.unpack(data)[0]
                elif level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                    whole = len(data) - len(data) % _DESCRIPTOR.size
                    barriers += [fd for (fd,) in _DESCRIPTOR.iter_unpack(data[:whole])]
            if not flags & _socket.MSG_TRUNC and kernel.descends(sender, root):
                self._hear(message)
            for fd in barriers:
                os.close(fd)

    def close(self) -> None:
        """Free the descriptor."""
        self._socket.close()

    def _hear(self, message: bytes) -> None:
        for line in message.split(b"\n"):
            self._said |= _WORDS.get(line, 0)
            if line == b"READY=1":
                self._said &= ~RELOADING  # that is over
            elif line.startswith(b"STATUS="):
                self._said |= STATUS
                self._status = line[len(b"STATUS=") :][: STATUS_LIMIT * 4]
