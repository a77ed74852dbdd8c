"""Which file on the disk is which generation."""

import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from actors.logs.files.opening import open_log
from actors.logs.files.parts import archives_of
from actors.logs.indexing.generation import HEAD_BYTES, Generation

FIRST = 1_000_000
"""The number of the first file that is seen of a log: older archives that turn up later have room before it."""


@attrs.frozen
class Seen:
    """A file of a log as it is there."""

    path: Path
    inode: int
    head: bytes
    size: int
    packed: bool = False
    modified: float = 0.0


def look_at(path: Path) -> Seen | None:
    """The file at *path*; None if there is no regular one, or it cannot be read. Blocking."""
    packed = path.suffix == ".gz"
    with suppress(OSError):
        fd = open_log(path)
        try:
            found = os.fstat(fd)
            head = head_of(fd, packed=packed)
            return Seen(path, found.st_ino, head, found.st_size, packed, found.st_mtime)
        finally:
            os.close(fd)
    return None


def head_of(fd: int, *, packed: bool) -> bytes:
    """The first bytes of what is in the file."""
    if not packed:
        return os.pread(fd, HEAD_BYTES, 0)
    with suppress(zlib.error):
        return zlib.decompressobj(wbits=31).decompress(os.pread(fd, 16 * HEAD_BYTES, 0), HEAD_BYTES)
    return b""


def look_around(path: Path) -> list[Seen]:
    """The files of the log at *path*, the newest first: itself, then its archives. Blocking."""
    places = [path, *(archive.path for archive in archives_of(path))]
    return [seen for place in places if (seen := look_at(place)) is not None]


def matched(seen: Sequence[Seen], known: Sequence[Generation]) -> list[tuple[Seen, Generation | None]]:
    """Each file with its generation among *known*; None for one that is none of them.

    Args:
        seen: The files, the newest first.
        known: In any order.
    """
    left = sorted(known, key=lambda generation: -generation.number)
    found: list[Generation | None] = [None] * len(seen)
    for exact in (True, False):
        for at, file in enumerate(seen):
            if found[at] is not None:
                continue
            fits = (g for g in left if (g.is_file(file.inode, file.head) if exact else g.is_copy(file.head)))
            if (generation := next(fits, None)) is not None:
                found[at] = generation
                left.remove(generation)
    return list(zip(seen, found, strict=True))


def numbered(pairs: Sequence[tuple[Seen, Generation | None]], highest: int) -> list[tuple[Seen, Generation]]:
    """The same, with a new generation for each file that has none: numbers grow from the oldest file to the newest.

    Args:
        pairs: The files, the newest first.
        highest: The number that was given last; no newer file gets it again.
    """
    known = [generation.number for _, generation in pairs if generation is not None]
    below = min(known, default=max(FIRST, highest + len(pairs)) + 1)
    above = highest
    made: list[tuple[Seen, Generation]] = []
    for at, (file, generation) in enumerate(pairs):
        if generation is None:
            is_newest = bool(known) and not any(after is not None for _, after in pairs[:at])
            number = above = above + 1 if is_newest else above
            if not is_newest:
                number = below = below - 1
            generation = Generation(number, file.inode, file.head)
        made.append((file, generation))
    return made
