"""The index of a log on the disk, so that a restart need not read everything again."""

import logging
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from actors.logs.indexing.generation import Generation

log = logging.getLogger("actors.logs")

VERSION = 1
"""Raised when what is counted changes: an older one is then made anew."""


class _Sidecar(msgspec.Struct):
    version: int
    about: str
    generations: list[Generation]


def load(path: Path, about: str) -> list[Generation]:
    """What was saved at *path*; nothing if there is none, it is broken, or it is of other settings. Blocking.

    Args:
        path: Of the file.
        about: What else the index depends on, as it was given to `save`.
    """
    try:
        saved = msgspec.msgpack.decode(path.read_bytes(), type=_Sidecar)
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("logs.index_unreadable path=%s error=%r next=count_again", path, str(error))
        return []
    return saved.generations if saved.version == VERSION and saved.about == about else []


def encoded(generations: list[Generation], about: str) -> bytes:
    """What `write` takes; made where nobody changes the generations meanwhile."""
    return msgspec.msgpack.encode(_Sidecar(VERSION, about, generations))


def write(path: Path, data: bytes) -> None:
    """Replace the file at *path* in one step. Blocking.

    Raises:
        OSError: It cannot be written; what was there stays.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:  # noqa: PTH123 - of a descriptor
            file.write(data)
            file.flush()
            os.fsync(fd)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
