"""One look at a directory: cleaned up, where that is wanted, and then judged. Blocks."""

import time
from collections.abc import Sequence

import attrs

from actors.services.monitors.files.rules import SeenFile, condemned, faults
from actors.services.monitors.files.walk import Removed, RootRefused, TooMuch, remove, walk
from actors.services.probing.looks import OURS
from actors.settings import FilesOptions


@attrs.define(kw_only=True)
class Survey:
    """What was found, and done."""

    files: Sequence[SeenFile] = ()
    """What is there, after the clean-up."""
    wrong: list[str] = attrs.field(factory=list[str])
    """What is not as it should be."""
    removed: Removed = attrs.field(factory=Removed)
    would_remove: Sequence[SeenFile] = ()
    """Of a dry run."""
    ours: bool = False
    """It could not be looked at for want of something of our own."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def newest_age(self, now: float) -> float | None:
        """Seconds since the last one was written; None without a file."""
        return min((file.age(now) for file in self.files), default=None)


def survey(root: str, options: FilesOptions, *, ours: Sequence[str], clean: bool) -> Survey:
    """Look at *root*.

    Args:
        root: A directory.
        options: What must be true of it, and what may be removed from it.
        ours: Directories of WatchHamster's, which are never cleaned up.
        clean: Whether anything is removed now.
    """
    found = Survey()
    try:
        seen = walk(root, max_entries=options.max_entries, seconds=options.timeout)
        found.files = seen.files
        if clean and options.cleanup is not None:
            _clean(root, options, found, ours)
    except OSError as error:
        found.wrong.append(f"cannot read {error.filename or root}: {error.strerror}")
        found.ours = error.errno in OURS
        return found
    except (TooMuch, RootRefused) as error:
        found.wrong.append(str(error))
        return found
    if seen.unreadable_count:
        more = seen.unreadable_count - len(seen.unreadable)
        found.wrong.append("cannot read " + ", ".join(seen.unreadable) + (f" and {more} more" if more else ""))
    for name, check in options.checks.items():
        found.wrong += faults(name, check, found.files, time.time())
    return found


def _clean(root: str, options: FilesOptions, found: Survey, ours: Sequence[str]) -> None:
    cleanup = options.cleanup
    if cleanup is None:
        return
    doomed = condemned(cleanup, found.files, time.time())
    if cleanup.dry_run:
        found.would_remove = doomed
        return
    # Also without anything to remove: a root that is refused is said at once, not on the day that it matters.
    found.removed = remove(root, doomed, seconds=options.timeout, ours=ours)
    gone = {file.path for file in found.removed.files}
    found.files = [file for file in found.files if file.path not in gone]
