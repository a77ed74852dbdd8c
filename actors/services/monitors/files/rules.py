"""What must be true of files, and which may go. Pure: the files as they were seen, and the time, are arguments."""

from collections.abc import Sequence

import attrs

from actors.services.monitors.files.patterns import matcher
from actors.settings import CleanupOptions, FilesCheck

NEVER_OLD = 0.0
"""Seconds; a file of a time to come is as old as one written now."""


@attrs.frozen
class SeenFile:
    """A regular file as it was seen."""

    path: str
    """Below the root, its parts joined by `/`."""
    size: int
    """Bytes."""
    modified: float
    """Seconds since 1970."""
    device: int
    inode: int

    def age(self, now: float) -> float:
        """Seconds since it was written."""
        return max(NEVER_OLD, now - self.modified)


def faults(name: str, check: FilesCheck, files: Sequence[SeenFile], now: float) -> list[str]:
    """What is not as *check* wants it, each in a few words; nothing if all is.

    Args:
        name: Of the check.
        check: What is wanted.
        files: All below the root.
        now: Seconds since 1970.
    """
    matches = matcher(check.files)
    own = [file for file in files if matches(file.path)]
    total = sum(file.size for file in own)
    found: list[str] = []
    if check.max_age is not None:
        newest = max(own, key=lambda file: file.modified, default=None)
        if newest is None:
            found.append(f"no file, where the newest should be at most {check.max_age:g} s old")
        elif newest.age(now) > check.max_age:
            age = newest.age(now)
            found.append(f"the newest, {newest.path!r}, is {age:.0f} s old, more than {check.max_age:g}")
    if check.min_bytes is not None and total < check.min_bytes:
        found.append(f"{total} bytes, fewer than {check.min_bytes}")
    if check.max_bytes is not None and total > check.max_bytes:
        found.append(f"{total} bytes, more than {check.max_bytes}")
    if check.min_files is not None and len(own) < check.min_files:
        found.append(f"{len(own)} files, fewer than {check.min_files}")
    if check.max_files is not None and len(own) > check.max_files:
        found.append(f"{len(own)} files, more than {check.max_files}")
    return [f"{name}: {fault}" for fault in found]


def condemned(options: CleanupOptions, files: Sequence[SeenFile], now: float) -> list[SeenFile]:
    """The files that are to be removed, the oldest first.

    Args:
        options: Which.
        files: All below the root.
        now: Seconds since 1970.
    """
    matches = matcher(options.files)
    oldest_first = sorted((file for file in files if matches(file.path)), key=lambda file: (file.modified, file.path))
    kept = options.keep_newest or 0
    open_to_it = oldest_first[: max(0, len(oldest_first) - kept)]
    if options.older_than is None and options.max_bytes is None:
        return open_to_it
    left = sum(file.size for file in oldest_first)
    found: list[SeenFile] = []
    for file in open_to_it:
        old = options.older_than is not None and file.age(now) > options.older_than
        large = options.max_bytes is not None and left > options.max_bytes
        if old or large:
            found.append(file)
            left -= file.size
    return found
