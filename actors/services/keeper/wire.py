"""What we, the keeper and the holders say to each other.

We and the keeper exchange fixed records (`CONTROL`); a start record carries the holder's end of a fresh
stream socket pair. Over that pair, we and the holder exchange frames: a head of fixed size, and as many bytes
as it says. A stream, because an environment has no useful upper size and a record has one.

A spec is packed with `marshal`, which both ends have in one version: the keeper is executed by our own
interpreter. JSON would cost every holder the memory of its parser.

Read by the keeper process as well: standard library only, and as little of it as will do.
"""

from __future__ import annotations

import struct

# The name alone makes type checkers look inside; importing typing would cost every holder its memory.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    # What was said, two numbers whose meaning depends on it, and what belongs to it.
    Frame = tuple[int, int, int, bytes]

    class RotationRecord(TypedDict):
        """When the log is rotated; see `spec.Rotation`."""

        max_bytes: int | None
        max_age: float | None
        keep: int
        compress: bool
        budget: int | None

    class SpecRecord(TypedDict):
        """What a holder is to run; see `spec.ProcessSpec`. Paths are absolute."""

        argv: list[bytes]
        env: dict[bytes, bytes]
        cwd: bytes
        log_path: bytes
        grace: float
        user: str | None
        group: str | None
        umask: int | None
        nice: int | None
        limits: dict[str, int]
        stdin: str
        notify: bool
        watchdog: float | None
        rotation: RotationRecord


# What was said, the holder's number, and a value (only `DIED` has one: the holder's wait status).
CONTROL = struct.Struct("!III")
START = 1  # us to keeper, with one descriptor
KILL_HOLDER = 2  # us to keeper: the holder does not answer
GUARD = 4  # us to keeper, with a pidfd: a child of ours that is to end with us, by a number of its own; its pid
RELEASE = 5  # us to keeper: that child has ended
DIED = 3  # keeper to us: that holder died, and nothing of what it held is left

_HEAD = struct.Struct("!IBqq")

# Bytes that belong to one frame. The kernel takes about 6 MiB of arguments and environment at the very most.
FRAME_LIMIT = 16 * 1024 * 1024

# Us to a holder.
RUN = 1  # a spec; once the run before is empty
STOP = 2  # the signal, and the grace in microseconds
KILL = 3
SIGNAL = 4  # the signal, for the main process alone
INPUT = 5  # bytes for its stdin
CLOSE_INPUT = 6

# A holder to us. Of two numbers that exclude each other, the other one is -1.
STARTED = 16  # the pid
FAILED = 17  # the errno, 1 when the machine is at fault and not the command, and a sentence; `EMPTY` follows
EXITED = 18  # the exit code, the signal
OUTPUT = 19  # bytes lost, rotations, and why the log cannot be written
INPUT_TAKEN = 20  # bytes that stdin took since the start, 1 when it takes no more
NOTICE = 21  # what the service said of itself, see below, and its status
EMPTY = 22  # 1 when there will be no other run

# Bits of the first number of a notice; STATUS says that the status is new.
READY, STATUS, WATCHDOG, RELOADING, STOPPING = 1, 2, 4, 8, 16

MICROSECONDS = 1_000_000  # in a second


def frame(what: int, first: int = 0, second: int = 0, rest: bytes = b"") -> bytes:
    """One frame as bytes."""
    return _HEAD.pack(len(rest), what, first, second) + rest


class Frames:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that *chunk* completes, oldest first.

        Raises:
            ValueError: This is no stream of frames.
        """
        self._rest += chunk
        complete: list[Frame] = []
        at = 0
        while len(self._rest) - at >= _HEAD.size:
            size, what, first, second = _HEAD.unpack_from(self._rest, at)
            if size > FRAME_LIMIT:
                raise ValueError(f"a frame of {size} bytes; expected {FRAME_LIMIT} at most")
            start = at + _HEAD.size
            if len(self._rest) < start + size:
                break
            at = start + size
            complete.append((what, first, second, bytes(self._rest[start:at])))
        if at:
            del self._rest[:at]
        return complete
