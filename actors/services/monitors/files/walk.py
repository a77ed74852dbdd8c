"""Look through a directory, and remove files from it, without ever getting out of it. Blocks.

Every directory is opened by its name in the one above, which is open itself, and never through a link: so a path that
is exchanged for a link while we are at it leads nowhere. Other file systems are not entered.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from actors.services.monitors.files.rules import SeenFile
from actors.settings.roots import refused_root

DEPTH = 100
"""Directories within each other; each is open while those below are looked at."""
UNREADABLE = 20
"""Paths that could not be read and are named; the others are counted."""

_EFFECTIVE = os.access in os.supports_effective_ids
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class TooMuch(Exception):
    """There is more than may be looked at, in number, in depth or in time."""


class RootRefused(Exception):
    """This directory is not one that is cleaned up."""


@attrs.define
class Seen:
    """What was found below a root."""

    files: list[SeenFile] = attrs.field(factory=list[SeenFile])
    """Regular files, in no order."""
    unreadable: list[str] = attrs.field(factory=list[str])
    """Paths and why they could not be read, at most `UNREADABLE`."""
    unreadable_count: int = 0
    entries: int = 0
    """Everything that was looked at."""

    def fail(self, path: str, error: OSError) -> None:
        """Note that *path* could not be read."""
        self.unreadable_count += 1
        if len(self.unreadable) < UNREADABLE:
            self.unreadable.append(f"{path or '.'}: {error.strerror}")


def walk(root: str, *, max_entries: int, seconds: float) -> Seen:
    """All regular files below *root*.

    Args:
        root: May be a link itself; nothing below it is followed.
        max_entries: More are too much.
        seconds: Longer is too long.

    Raises:
        OSError: The root cannot be read.
        TooMuch: There is more than that.
    """
    seen = Seen()
    walker = _Walker(seen, max_entries, time.monotonic() + seconds)
    with _opened_root(root) as (fd, device):
        walker.look_through(fd, "", device, 0)
    return seen


@attrs.frozen
class _Walker:
    seen: Seen
    max_entries: int
    until: float

    def look_through(self, fd: int, prefix: str, device: int, depth: int) -> None:
        """Note what is in the directory *fd*, which is *prefix* below the root, and below it."""
        if depth > DEPTH:
            raise TooMuch(f"{prefix!r} is more than {DEPTH} directories deep")
        try:
            with os.scandir(fd) as entries:
                names = [entry.name for entry in self._counted(entries)]
        except OSError as error:
            self.seen.fail(prefix, error)
            return
        for name in names:
            path = f"{prefix}/{name}" if prefix else name
            try:
                self._look_at(fd, name, path, device, depth)
            except FileNotFoundError:
                continue  # it was removed meanwhile, which is a cache's business
            except OSError as error:
                self.seen.fail(path, error)

    def _counted(self, entries: "os.PathLike[str] | object") -> Generator["os.DirEntry[str]", None, None]:
        for entry in entries:  # type: ignore[attr-defined]  # an iterator of os.scandir, which has no public type
            self.seen.entries += 1
            if self.seen.entries > self.max_entries:
                raise TooMuch(f"more than {self.max_entries} files and directories")
            yield entry

    def _look_at(self, fd: int, name: str, path: str, device: int, depth: int) -> None:
        if time.monotonic() > self.until:
            raise TooMuch(f"looking through it takes too long: {self.seen.entries} entries so far")
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            if not os.access(name, os.R_OK, dir_fd=fd, effective_ids=_EFFECTIVE):
                self.seen.fail(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
            self.seen.files.append(SeenFile(path, status.st_size, status.st_mtime, status.st_dev, status.st_ino))
        elif stat.S_ISDIR(status.st_mode) and status.st_dev == device:
            with _opened(name, fd, device) as inner:
                if inner is not None:
                    self.look_through(inner, path, device, depth + 1)


@attrs.define
class Removed:
    """What became of the files that were to be removed."""

    files: list[SeenFile] = attrs.field(factory=list[SeenFile])
    kept: list[str] = attrs.field(factory=list[str])
    """Paths and why they were not removed."""


def remove(
    root: str,
    files: Sequence[SeenFile],
    *,
    seconds: float,
    ours: Sequence[str] = (),
    before_each: Callable[[str], None] = lambda _: None,
) -> Removed:
    """Remove *files* from *root*: those that are still what they were, and still there.

    A file that has become another one, or a link, stays; so does all that is behind a directory that has. A name is
    removed from its directory, never what it leads to.

    Args:
        root: Of the files.
        files: As they were seen by `walk`.
        seconds: What is not removed by then stays for the next time.
        ours: Directories of WatchHamster's, which are no caches.
        before_each: Called with each path before it is looked at again.

    Raises:
        OSError: The root cannot be read.
        RootRefused: It is, or has become, a directory that is not cleaned up.
    """
    removed = Removed()
    until = time.monotonic() + seconds
    with _opened_root(root) as (fd, device):
        _refuse(fd, ours)
        for file in files:
            if time.monotonic() > until:
                break
            before_each(file.path)
            why = _remove_one(fd, file, device)
            if why is None:
                removed.files.append(file)
            else:
                removed.kept.append(f"{file.path}: {why}")
    return removed


def _remove_one(root_fd: int, file: SeenFile, device: int) -> str | None:
    """Remove one file; None, or why it is still there."""
    *directories, name = file.path.split("/")
    opened: list[int] = []
    try:
        fd = root_fd
        for directory in directories:
            fd = os.open(directory, _OPEN, dir_fd=fd)
            opened.append(fd)
            if os.fstat(fd).st_dev != device:
                return "it is on another file system now"
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return "it is no regular file any more"
        if (status.st_dev, status.st_ino, status.st_mtime) != (file.device, file.inode, file.modified):
            return "it was written again"
        os.unlink(name, dir_fd=fd)
    except FileNotFoundError:
        return "it is gone already"
    except OSError as error:
        return _why(error)
    finally:
        for one in opened:
            os.close(one)
    return None


def _why(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "a directory on the way to it is a link now"
    return str(error.strerror)


def _refuse(fd: int, ours: Sequence[str]) -> None:
    """Refuse a root that is more than a cache: by where it really is, and by what it really is.

    Raises:
        RootRefused: It is.
    """
    where = str(Path(f"/proc/self/fd/{fd}").readlink()) if Path("/proc/self/fd").is_dir() else None
    refused = refused_root(where, [os.path.realpath(path) for path in ours]) if where is not None else None
    if refused is not None:
        raise RootRefused(f"{where} is not cleaned up; {refused}")
    # A bind mount shows the same directory under another name.
    status = os.fstat(fd)
    home = Path.home()
    for path in (home, *home.parents, *map(Path, ours)):
        try:
            other = path.stat()
        except OSError:
            continue
        if (status.st_dev, status.st_ino) == (other.st_dev, other.st_ino):
            raise RootRefused(f"the root is the same directory as {path}, which is not cleaned up")


@contextmanager
def _opened_root(root: str) -> Generator[tuple[int, int], None, None]:
    """The root open, and its file system's number."""
    fd = os.open(root, _OPEN & ~os.O_NOFOLLOW)
    try:
        yield fd, os.fstat(fd).st_dev
    finally:
        os.close(fd)


@contextmanager
def _opened(name: str, fd: int, device: int) -> Generator[int | None, None, None]:
    """A directory in the directory *fd* open; None if it is none any more, or another file system's."""
    try:
        inner = os.open(name, _OPEN, dir_fd=fd)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        yield None
        return
    try:
        yield inner if os.fstat(inner).st_dev == device else None
    finally:
        os.close(inner)
