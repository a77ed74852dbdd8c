"""The archives of one log: `<log>.1` is the latest, `<log>.2` or `<log>.2.gz` the one before it, and so on.

Read by the keeper process as well: standard library only, and pathlib would cost every holder memory.
"""

from __future__ import annotations

import itertools
import os

from . import kernel, signals
from .waking import NOTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# Archives from this number on are compressed. Not the first: whoever follows the log may still read it.
_COMPRESSED_FROM = 2

# Bytes that the compressing process reads at a time.
_SLICE = 64 * 1024

_LEAST_URGENT = 19
_HIGHEST_FD = 1024


class Archives:
    """The archives of one log. What goes wrong is an OSError of what was asked for."""

    def __init__(self, log_path: bytes, keep: int, *, compress: bool) -> None:
        self._path = log_path
        self._keep = keep
        self._compress = compress
        self._sizes: dict[int, int] = {}  # by number
        self._packed: set[int] = set()  # the numbers of those that are compressed
        self._packing: int | None = None  # the number of the one that is being compressed
        self._worker: int | None = None
        self._tried = False  # to compress, since the last rotation or success
        self._find()

    @property
    def size(self) -> int:
        """Bytes of all of them, with what one that is being compressed may need meanwhile."""
        reserved = 0 if self._packing is None else self._sizes.get(self._packing, 0)
        return sum(self._sizes.values()) + reserved

    @property
    def worker(self) -> int | None:
        """The pid of the process that compresses one."""
        return self._worker

    def take_in(self) -> None:
        """Make the log the first archive; the last one goes if there are too many.

        Each step leaves every archive in place or under the next number, so that none is lost if one fails, and the
        next attempt goes on from there.
        """
        while self._sizes and max(self._sizes) > self._keep:
            self.drop_oldest()
        free = next(number for number in itertools.count(1) if number not in self._sizes)
        if free > self._keep > 0:
            self.drop_oldest()
            free = self._keep
        if self._keep == 0:
            os.unlink(self._path)  # noqa: PTH108  see the module
            return
        for number in range(free - 1, 0, -1):
            try:
                os.rename(self._name(number), self._name(number + 1, packed=number in self._packed))  # noqa: PTH104
            except FileNotFoundError:
                self._forget(number)  # somebody took it away, which must not end rotations
                continue
            self._sizes[number + 1] = self._sizes.pop(number)
            if number in self._packed:
                self._packed.remove(number)
                self._packed.add(number + 1)
            if number == self._packing:
                self._packing = number + 1
        os.rename(self._path, self._name(1))  # noqa: PTH104
        self._sizes[1] = _size(self._name(1))
        self._tried = False

    def drop_oldest(self) -> bool:
        """Delete one; False when there is none."""
        if not self._sizes:
            return False
        oldest = max(self._sizes)
        _unlink(self._name(oldest))
        self._forget(oldest)
        return True

    def _forget(self, number: int) -> None:
        self._sizes.pop(number, None)
        self._packed.discard(number)
        if number == self._packing:
            self.stop_packing()

    # -- compressing

    def pack(self, room: float) -> None:
        """Have a process compress the next one that is to be, if there is one and *room* bytes will hold it.

        In a process of its own, so that it delays neither output nor commands, and so that its memory is given back.
        """
        if not self._compress or self._worker is not None or self._tried:
            return
        self._tried = True  # a full disk would fail again at once
        waiting = [n for n in self._sizes if n >= _COMPRESSED_FROM and n not in self._packed and self._sizes[n] <= room]
        if not waiting:
            return
        number = min(waiting)
        try:
            # Opened here: by the time that the child gets to it, another file may have its name.
            source = os.open(self._name(number), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return  # somebody took it away
        holder = os.getpid()
        signals.pthread_sigmask(signals.SIG_BLOCK, NOTED)
        try:
            pid = os.fork()
            if pid == 0:
                _pack(source, self._part, holder)
        except OSError:
            return  # it stays as large as it is until the next rotation
        finally:
            signals.pthread_sigmask(signals.SIG_UNBLOCK, NOTED)
            os.close(source)
        self._worker, self._packing = pid, number

    def packed(self, status: int) -> None:
        """The process that compressed has ended with *status*: put its work in place."""
        self._worker = None
        number, self._packing = self._packing, None
        if number is None or number not in self._sizes or status != 0:
            _unlink(self._part)
            return
        plain = self._name(number)
        try:
            size = _size(self._part)
            os.rename(self._part, self._name(number, packed=True))  # noqa: PTH104
        except OSError:
            _unlink(self._part)
            return
        _unlink(plain)
        self._sizes[number] = size
        self._packed.add(number)
        self._tried = False

    def stop_packing(self) -> None:
        """Give up what is being compressed; it is tried again with the next rotation, or the next run."""
        if self._worker is not None:
            kernel.kill_quietly(self._worker, signals.SIGKILL)
            self._packing = None

    # -- names

    @property
    def _part(self) -> bytes:
        return self._path + b".gz.part"

    def _name(self, number: int, *, packed: bool | None = None) -> bytes:
        if packed is None:
            packed = number in self._packed
        return b"%s.%d%s" % (self._path, number, b".gz" if packed else b"")

    def _find(self) -> None:
        """Take in what earlier runs have left: every number that is there, and nothing half done."""
        directory, _, name = self._path.rpartition(b"/")
        try:
            entries = os.listdir(directory or b"/")  # noqa: PTH208
        except OSError:
            return  # there is no directory yet
        if os.path.basename(self._part) in entries:  # noqa: PTH119
            _unlink(self._part)
        for entry in sorted(entries):  # `.2` before `.2.gz`
            number, packed = _number(entry, name + b".")
            if number is None:
                continue
            if number in self._sizes:
                _unlink(self._name(number))  # both: compressed, and not yet deleted when we were killed
            if packed:
                self._packed.add(number)
            self._sizes[number] = _size(self._name(number))


def _number(entry: bytes, prefix: bytes) -> tuple[int | None, bool]:
    if not entry.startswith(prefix):
        return None, False
    number = entry[len(prefix) :]
    packed = number.endswith(b".gz")
    number = number.removesuffix(b".gz")
    if not number.isdigit() or number.startswith(b"0"):
        return None, False
    return int(number), packed


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0  # somebody else took it away


def _unlink(path: bytes) -> None:
    try:
        os.unlink(path)  # noqa: PTH108
    except OSError:
        return  # it is gone, or stays: there is nobody to ask


def _pack(source: int, target: bytes, holder: int) -> NoReturn:
    """In the child: compress the open *source* into *target*, and end; with 0 when all of it is on disk."""
    status = 1
    try:
        kernel.die_with_parent(signals.SIGKILL)
        for number in NOTED:
            signals.signal(number, signals.SIG_DFL)
        signals.pthread_sigmask(signals.SIG_UNBLOCK, NOTED)
        if os.getppid() == holder:
            os.closerange(3, source)
            os.closerange(source + 1, _HIGHEST_FD)
            os.nice(_LEAST_URGENT)
            kernel.name_process(b"hamster-gzip")
            _compress(source, target)
            status = 0
    except OSError:
        _unlink(target)
    finally:
        os._exit(status)


def _compress(source: int, target: bytes) -> None:
    import zlib

    mode = os.fstat(source).st_mode & 0o777
    write_fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    packer = zlib.compressobj(wbits=31)  # with the head and tail of gzip
    while piece := os.read(source, _SLICE):
        _write(write_fd, packer.compress(piece))
    _write(write_fd, packer.flush())
    os.fsync(write_fd)  # or a crash of the machine could leave neither


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
