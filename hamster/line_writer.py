"""Lines written by a thread of their own, so that whoever has something to say never waits for a disk or a reader."""

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

CAPACITY = 10_000
"""Lines that may wait for a slow disk or reader: about 2 MB."""
FLUSH_SECONDS = 1.0
"""How long leaving waits for the last lines to be written."""


class LineWriter:
    """Hands lines to *write* in order while entered.

    A line that finds no room, or that *write* fails for, is dropped; *notice* makes the line that says how many were,
    which is written at the place where they are missing.

    Args:
        write: Writes one line and its end; may block, and may raise OSError. Called in the thread only.
        notice: The line that stands for so many dropped ones.
        name: Of the thread.
        capacity: Lines that may wait.
    """

    def __init__(
        self, write: Callable[[str], None], *, notice: Callable[[int], str], name: str, capacity: int = CAPACITY
    ) -> None:
        self._write = write
        self._notice = notice
        self._lines: queue.Queue[str | None] = queue.Queue(capacity)
        self._lock = threading.Lock()
        self._no_room = 0
        self._dropped = 0
        # A daemon: one that is stuck in a write does not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def dropped(self) -> int:
        """How many lines were dropped so far."""
        return self._dropped

    @property
    def ended(self) -> bool:
        """Whether the thread has ended: *write* is not called any more."""
        return not self._thread.is_alive()

    def line(self, text: str) -> None:
        """Write *text* and a line's end, soon; never waits. May be called in any thread."""
        with self._lock:  # held for as long as it takes to put a line in a queue
            try:
                if self._no_room:
                    self._lines.put_nowait(self._notice(self._no_room))
                    self._no_room = 0
                self._lines.put_nowait(text)
            except queue.Full:
                self._no_room += 1
                self._dropped += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._no_room:
                self._lines.put(self._notice(self._no_room), timeout=FLUSH_SECONDS)
            self._lines.put(None, timeout=FLUSH_SECONDS)
        except queue.Full:
            return
        self._thread.join(FLUSH_SECONDS)

    def _run(self) -> None:
        failed = 0
        while (text := self._lines.get()) is not None:
            try:
                if failed:
                    self._write(self._notice(failed))
                    failed = 0
                self._write(text)
            except OSError:  # a full disk, or a reader that has gone: both may be over with the next line
                failed += 1
                with self._lock:
                    self._dropped += 1
