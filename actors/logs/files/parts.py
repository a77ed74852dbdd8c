"""The files of a log: the one that is written, and what was put aside of it."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import attrs

_NUMBERED = re.compile(r"\.(?P<number>[0-9]{1,6})(?P<packed>\.gz)?")
_DATED = re.compile(r"-(?P<date>[0-9]{8}(?:[-T]?[0-9]{2,6})?)(?P<packed>\.gz)?")


@attrs.frozen
class Archive:
    """A file that was put aside of a log."""

    path: Path
    packed: bool
    """By gzip."""
    order: tuple[int, str]
    """Less for what was put aside later."""


def archive_of(name: str, entry: str) -> tuple[bool, tuple[int, str]] | None:
    """Whether *entry*, the name of a file, is an archive of the log *name*: packed or not, and its order.

    `LOG.1` is the latest of those with numbers, `LOG-20261126` of those with dates.
    """
    if not entry.startswith(name):
        return None
    rest = entry[len(name) :]
    if found := _NUMBERED.fullmatch(rest):
        return found["packed"] is not None, (int(found["number"]), "")
    if found := _DATED.fullmatch(rest):
        newest_first = "".join(chr(ord("9") - int(digit) + ord("0")) for digit in found["date"] if digit.isdigit())
        return found["packed"] is not None, (0, newest_first)
    return None


def archives_of(path: Path) -> Sequence[Archive]:
    """The archives of the log at *path*, the latest first. Blocking.

    While one is being packed both it and what it becomes may be there; then it is the unpacked one that counts.
    """
    found: dict[tuple[int, str], Archive] = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path.parent) as entries:
        for entry in entries:
            about = archive_of(path.name, entry.name)
            if about is not None and entry.is_file(follow_symlinks=False):
                archive = Archive(Path(entry.path), *about)
                if archive.order not in found or not archive.packed:
                    found[archive.order] = archive
    return sorted(found.values(), key=lambda archive: archive.order)
