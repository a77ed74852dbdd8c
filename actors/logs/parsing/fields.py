"""What is found in the first line of a record."""

from collections.abc import Callable
from datetime import datetime, tzinfo

import attrs

from actors.logs.records import Level


@attrs.frozen(kw_only=True)
class Head:
    """Fields of a record's first line; None for what it lacks."""

    message: str
    timestamp: datetime | None = None
    level: Level | None = None
    logger: str | None = None
    module: str | None = None
    line_number: int | None = None
    thread: str | None = None


@attrs.frozen
class Calendar:
    """What a timestamp that leaves something out is read with."""

    zone: tzinfo | None
    """None: the machine's."""
    now: Callable[[], datetime]


def line_number(text: str | None) -> int | None:
    """The number that *text* is; None: it is none, or too long for one."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else None
