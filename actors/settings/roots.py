"""Directories that nobody should let a program clean up."""

import os
from collections.abc import Iterable
from pathlib import Path

SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr")
"""Directories with nothing below them that is anybody's cache."""
TOPS = ("/home", "/media", "/mnt", "/opt", "/root", "/snap", "/srv", "/tmp", "/var")  # noqa: S108 - refused, not used
"""Directories that hold other people's directories; those below them may be cleaned up."""


def refused_root(root: str, others: Iterable[str] = ()) -> str | None:
    """Why *root* must not be cleaned up, as advice; None where it may be. Looks at the path alone, not at the disk.

    Args:
        root: Relative ones are judged by those who know relative to what: they pass.
        others: Further directories that must neither be it, nor be in it, nor hold it.
    """
    path = Path(os.path.normpath(Path(root).expanduser()))
    if not path.is_absolute():
        return None
    if path == Path(path.anchor):
        return "name a directory below it: this is everything"
    home = Path.home()
    if path == home or path in home.parents:
        return "name a directory below it: this is your home"
    if any(path.is_relative_to(system) for system in SYSTEM):
        return "name another directory: this one is the system's"
    if str(path) in TOPS:
        return "name a directory below it: this holds everybody's"
    for other in others:
        theirs = Path(os.path.normpath(other))
        if path == theirs or path in theirs.parents or theirs in path.parents:
            return f"name another directory: {theirs} is WatchHamster's own"
    return None
