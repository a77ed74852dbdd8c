"""The kernel's word that something in a directory has changed. Linux only; elsewhere one has to look."""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_WATCHED = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_EVENT = struct.Struct("iIII")
_READ = 64 * 1024


class Unavailable(OSError):
    """The kernel has none, or not for us: it has too many watches already."""


class Inotify:
    """Watches directories."""

    def __init__(self) -> None:
        """Open it.

        Raises:
            Unavailable: There is none here.
        """
        if not sys.platform.startswith("linux"):
            raise Unavailable(errno.ENOSYS, "no inotify on this system")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise Unavailable(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._watched: dict[int, Path] = {}

    def watch(self, directory: Path) -> None:
        """Watch *directory*; once more does no harm.

        Raises:
            Unavailable: It is not there, or there are too many watches.
        """
        number: int = self._libc.inotify_add_watch(self.fd, os.fsencode(directory), _WATCHED)
        if number < 0:
            raise Unavailable(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(directory))
        self._watched[number] = directory

    def read(self) -> Iterator[Path | None]:
        """The files that changed since the last call; None: it lost count, or a directory is gone. Never waits."""
        try:
            data = os.read(self.fd, _READ)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            name = data[at : at + length].rstrip(b"\0")
            at += length
            if mask & _IGNORED:
                self._watched.pop(number, None)
            directory = self._watched.get(number)
            if mask & (_OVERFLOW | _IGNORED) or directory is None:
                yield None
            elif name:
                yield directory / os.fsdecode(name)

    def close(self) -> None:
        """End watching."""
        os.close(self.fd)
