"""Lines for the people and programs that read our output, who may read slowly, or not at all."""

import os
import select
from types import TracebackType
from typing import Self, TextIO

from hamster.line_writer import LineWriter


class Console:
    """Writes lines to *stream* in order while entered, without ever waiting; None takes them and shows them nowhere.

    Lines go to the stream's file, not through its buffer: Python flushes that at its end, and a pipe that nobody
    reads would then keep us from ending, or end us with an error.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._fd = None if stream is None else stream.fileno()
        self._encoding = "utf-8" if stream is None else stream.encoding
        self._lines = LineWriter(self._write, notice=_dropped, name="console")

    def line(self, text: str) -> None:
        """Write *text* and a line's end, soon; never waits. What does not fit is dropped, and counted in a line."""
        if self._fd is not None:
            self._lines.line(text)

    def __enter__(self) -> Self:
        self._lines.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.__exit__(kind, error, trace)

    def _write(self, text: str) -> None:
        assert self._fd is not None  # noqa: S101 - `line` lets nothing through
        left = memoryview((text + "\n").encode(self._encoding, errors="backslashreplace"))
        while left:
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:  # another program that has the same terminal or pipe made it non-blocking
                select.select([], [self._fd], [])


def reserve_standard_files() -> None:
    """Open stdin, stdout and stderr on nothing where our parent closed them.

    Else the next file that is opened gets such a number, and what is meant for a terminal is written to it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody watches; *stream* is None where it was closed when we were started."""
    return stream is not None and stream.isatty()


def _dropped(count: int) -> str:
    return f"({count} lines were dropped: nobody read them)"
