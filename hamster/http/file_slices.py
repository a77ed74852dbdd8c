"""A part of an open file as the body of an answer: read in slices, by threads, never all of it at once."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

import trio

from actors.logs.files.ranges import ByteRange

SLICE = 256 * 1024
"""Bytes that are read at once."""

Pread = Callable[[int, int, int], Awaitable[bytes]]
"""`os.pread` by a thread: descriptor, how many bytes, from where."""


class OpenFile:
    """A descriptor that is closed once, at the latest when nobody has it any more.

    Quart comes to a body only when the head of the answer is sent: of a client that has left by then, nobody else
    would close it.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._open = True

    def close(self) -> None:
        """Close it, if it is open."""
        if self._open:
            self._open = False
            with suppress(OSError):
                os.close(self.fd)

    def __del__(self) -> None:
        self.close()


async def slices(file: OpenFile, part: ByteRange, pread: Pread) -> AsyncGenerator[bytes, None]:
    """The bytes of *part*; then *file* is closed.

    Raises:
        BrokenResourceError: It became shorter. The length was said already: only a broken connection tells of it.
    """
    try:
        at = part.start
        while at < part.end:
            data = await pread(file.fd, min(SLICE, part.end - at), at)
            if not data:
                raise trio.BrokenResourceError("the file became shorter while it was sent")
            at += len(data)
            yield data
    finally:
        file.close()


async def nothing() -> AsyncGenerator[bytes, None]:
    """The body of an answer to HEAD, which leaves the length as it was said."""
    for empty in ():
        yield empty
