"""The kernel's word that something in a directory has changed. Linux only; elsewhere one has to look."""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_WATCHED = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
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
        self._paths: dict[int, list[Path]] = {}  # of one directory there may be several, by links

    @property
    def watched(self) -> Collection[Path]:
        """The directories that are watched: those that are gone, or moved away, are not any more."""
        return {path for paths in self._paths.values() for path in paths}

    def watch(self, directory: Path) -> None:
        """Watch *directory*; once more does no harm.

        Raises:
            Unavailable: It is not there, or there are too many watches.
        """
        number: int = self._libc.inotify_add_watch(self.fd, os.fsencode(directory), _WATCHED)
        if number < 0:
            raise Unavailable(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(directory))
        paths = self._paths.setdefault(number, [])
        if directory not in paths:
            paths.append(directory)

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
            if mask & (_OVERFLOW | _IGNORED | _DELETE_SELF | _MOVE_SELF):
                if mask & _MOVE_SELF:
                    self._libc.inotify_rm_watch(self.fd, number)
                self._paths.pop(number, None)
                yield None
            elif name:
                yield from (directory / os.fsdecode(name) for directory in self._paths.get(number, ()))

    def close(self) -> None:
        """End watching."""
        os.close(self.fd)
