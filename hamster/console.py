"""Lines for people and programs that read our output, written by a thread of their own.

Whoever reads our pipe slowly, or not at all, must not hold up what runs here.
"""

import queue
import threading
from types import TracebackType
from typing import Self, TextIO

CAPACITY = 10_000
"""Lines that may wait for a slow reader."""
FLUSH_SECONDS = 1.0
"""How long leaving waits for the last lines to be read."""


class Console:
    """Writes lines to *stream* in order while entered; what does not fit is dropped and counted in a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(CAPACITY)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="console", daemon=True)

    def line(self, text: str) -> None:
        """Write *text* and a line's end, soon; never waits."""
        try:
            if self._dropped:
                self._lines.put_nowait(f"({self._dropped} lines were dropped: nobody read them)")
                self._dropped = 0
            self._lines.put_nowait(text)
        except queue.Full:
            self._dropped += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._lines.put(None, timeout=FLUSH_SECONDS)
        except queue.Full:
            return  # the thread is a daemon: it ends with the process
        self._thread.join(FLUSH_SECONDS)

    def _write(self) -> None:
        while (text := self._lines.get()) is not None:
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return  # nobody reads any more
