"""Old log files: `<id>.log.1` is the newest, `<id>.log.2.gz` the one before."""

import gzip
import re
import shutil
from contextlib import suppress
from pathlib import Path

from actors.settings import LogOptions

COPIED = 1024 * 1024
"""Bytes that are held at a time while a file is compressed."""


def archives(path: Path) -> list[tuple[int, Path]]:
    """The files that were put aside of *path*, newest first, each with its number."""
    pattern = re.compile(re.escape(path.name) + r"\.([1-9][0-9]*)(?:\.gz)?")
    found = [(pattern.fullmatch(entry.name), entry) for entry in path.parent.iterdir()]
    return sorted((int(match[1]), entry) for match, entry in found if match is not None)


def put_aside(path: Path, options: LogOptions) -> None:
    """Make *path* the newest of its archives, and keep as many of them as *options* say.

    Raises:
        OSError: The disk does not let us; no file is lost by it.
    """
    for number, archive in reversed(archives(path)):
        if number >= options.keep:
            archive.unlink()
        else:
            suffix = ".gz" if archive.name.endswith(".gz") else ""
            archive.rename(path.with_name(f"{path.name}.{number + 1}{suffix}"))
    if options.keep == 0:
        path.unlink()
        return
    path.rename(path.with_name(f"{path.name}.1"))
    if options.compress:
        with suppress(OSError):  # a full disk: it stays as it is
            _compress(path.with_name(f"{path.name}.2"))


def keep_within(path: Path, budget: int) -> None:
    """Delete the oldest archives of *path* until it and they take *budget* bytes or less together."""
    sizes = [(archive, archive.stat().st_size) for _, archive in archives(path)]
    total = sum(size for _, size in sizes) + (path.stat().st_size if path.exists() else 0)
    while total > budget and sizes:
        archive, size = sizes.pop()
        archive.unlink()
        total -= size


def _compress(path: Path) -> None:
    if not path.exists():
        return
    target = path.with_name(f"{path.name}.gz")
    try:
        with path.open("rb") as source, gzip.open(target, "wb") as packed:
            shutil.copyfileobj(source, packed, COPIED)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    path.unlink()
