"""Make an archive smaller, in one step: what is there is always whole. Blocking."""

import errno
import gzip
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import attrs

from actors.logs.files.opening import open_log
from actors.logs.indexing.bulk import unpacked
from actors.logs.indexing.tallying import walk
from actors.logs.parsing import Parser
from actors.logs.records import LogRecord

_LEVEL = 6


@attrs.frozen
class Smaller:
    """An archive that was made smaller."""

    path: Path
    freed: int
    removed: int = 0
    """Records that were taken out of it."""


def pack(path: Path) -> Smaller:
    """Compress the archive at *path*, which then has `.gz` behind its name.

    Raises:
        OSError: It cannot be done; the archive stays as it was.
    """
    fd = open_log(path)
    try:
        before = os.fstat(fd)

        def fill(file: IO[bytes]) -> None:
            with open(fd, "rb", closefd=False) as source, gzip.GzipFile("", "wb", _LEVEL, file) as packed:
                shutil.copyfileobj(source, packed, 1024 * 1024)

        target = path.with_name(f"{path.name}.gz")
        size = _put(target, fill, before, path)
        if _is_still(path, before):
            path.unlink()
    finally:
        os.close(fd)
    return Smaller(target, before.st_size - size)


def take_out(path: Path, parser: Parser, expired: Callable[[LogRecord], bool]) -> Smaller | None:
    """Take the *expired* records out of the archive at *path*; None if it has none.

    Raises:
        OSError: It cannot be done; the archive stays as it was.
    """
    packed = path.suffix == ".gz"
    fd = open_log(path)
    try:
        before = os.fstat(fd)
        source = unpacked(fd) if packed else fd
        try:
            kept: list[tuple[int, int]] = []
            removed = 0
            size = os.fstat(source).st_size
            for record in walk(source, 0, size, parser):
                if expired(record):
                    removed += 1
                elif kept and kept[-1][1] == record.offset:
                    kept[-1] = kept[-1][0], record.end
                else:
                    kept.append((record.offset, record.end))
            if not removed:
                return None

            def fill(file: IO[bytes]) -> None:
                out = gzip.GzipFile("", "wb", _LEVEL, file) if packed else file
                for start, end in kept:
                    while start < end and (data := os.pread(source, min(1024 * 1024, end - start), start)):
                        out.write(data)
                        start += len(data)
                if packed:
                    out.close()

            after = _put(path, fill, before, path)
            return Smaller(path, before.st_size - after, removed)
        finally:
            if packed:
                os.close(source)
    finally:
        os.close(fd)


class PutAside(OSError):
    """It was put aside further meanwhile: its name is another file's."""


def _is_still(path: Path, file: os.stat_result) -> bool:
    """Whether *file* is what is at *path*."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return False
    return (found.st_ino, found.st_dev) == (file.st_ino, file.st_dev)


def _put(path: Path, fill: Callable[[IO[bytes]], None], like: os.stat_result, instead: Path) -> int:
    """Write the file at *path* anew, with the rights and the time of *like*, the file at *instead*; its size.

    Raises:
        PutAside: That file is not there any more, so that what is there now would be lost.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:  # noqa: PTH123 - of a descriptor
            os.fchmod(fd, like.st_mode & 0o777)
            fill(file)
            file.flush()
            os.fsync(fd)
            size = os.fstat(fd).st_size
        os.utime(temporary, ns=(like.st_atime_ns, like.st_mtime_ns))
        if not _is_still(instead, like):
            raise PutAside(errno.ESTALE, "it was put aside further meanwhile", str(instead))
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    return size
