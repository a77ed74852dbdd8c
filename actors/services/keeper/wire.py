"""What we, the keeper and the holders say to each other.

We and the keeper exchange fixed records (`CONTROL`); a start record carries the holder's end of a fresh
stream socket pair. Over that pair, we and the holder exchange JSON lines: first the spec, then commands one
way and reports the other. Lines, because an environment has no useful upper size and a record has one.

Read by the keeper process as well: standard library only, and as little of it as will do.
"""

from __future__ import annotations

import json
import struct

# The name alone makes type checkers look inside; importing typing would cost every holder its memory.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypedDict

    class RotationLine(TypedDict):
        """When the log is rotated; see `spec.Rotation`."""

        max_bytes: int | None
        max_age: float | None
        keep: int
        compress: bool
        budget: int | None

    class SpecLine(TypedDict):
        """The first line to a holder. Paths are absolute; *grace* is in seconds."""

        argv: list[str]
        env: dict[str, str]
        cwd: str
        log_path: str
        grace: float
        user: str | None
        group: str | None
        umask: int | None
        nice: int | None
        limits: dict[str, int]
        stdin: str
        notify: bool
        watchdog: float | None
        rotation: RotationLine

    class CommandLine(TypedDict):
        """Every later line to a holder: `do` is one of the words below; what it does not use is 0 or empty."""

        do: str
        signal: int
        grace: float
        input: str  # base64


# What was said, the run's number, and a value (only `DIED` has one: the holder's wait status).
CONTROL = struct.Struct("!III")
START = 1  # us to keeper, with one descriptor
KILL_HOLDER = 2  # us to keeper: the holder does not answer
DIED = 3  # keeper to us: that holder died without saying empty, and nothing of it is left

STOP = "stop"
KILL = "kill"
SIGNAL = "signal"
INPUT = "input"
CLOSE_INPUT = "close_input"


def line(record: Mapping[str, object]) -> bytes:
    """*record* as one line.

    ASCII only, so that undecodable bytes in an environment (lone surrogates) survive.
    """
    return json.dumps(record).encode("ascii") + b"\n"


class Lines:
    """Cuts a byte stream into lines. Bounded by its peer, which is always a part of ourselves."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that *chunk* completes, oldest first, without their ends."""
        if b"\n" not in chunk:
            self._rest += chunk
            return []
        self._rest += chunk
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        return lines
