"""The index of a log on the disk, so that a restart need not read everything again."""

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from actors.logs.indexing.generation import Generation
from actors.logs.indexing.generations import FIRST

log = logging.getLogger("actors.logs")

VERSION = 2
"""Raised when what is counted changes: an older one is then made anew."""


class _Sidecar(msgspec.Struct):
    version: int
    about: str
    generations: list[Generation]
    highest: int


def load(path: Path, about: str) -> tuple[list[Generation], int]:
    """What was saved at *path*, and the highest number of a generation that was ever given. Blocking.

    Nothing if there is none, it is broken, or it is of other settings. Where the highest number is not known it is one
    that nobody has reached: the seconds since 1970.

    Args:
        path: Of the file.
        about: What else the index depends on, as it was given to `encoded`.
    """
    try:
        saved = msgspec.msgpack.decode(path.read_bytes(), type=_Sidecar)
    except FileNotFoundError:
        return [], FIRST - 1
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("logs.index_unreadable path=%s error=%r next=count_again", path, str(error))
        return [], int(time.time())
    usable = saved.version == VERSION and saved.about == about
    return (saved.generations if usable else []), saved.highest


def encoded(generations: list[Generation], highest: int, about: str) -> bytes:
    """What `write` takes; made where nobody changes the generations meanwhile."""
    return msgspec.msgpack.encode(_Sidecar(VERSION, about, generations, highest))


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
