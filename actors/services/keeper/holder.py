"""A holder process as we see it: the socket to it, over which it is handed one run after the other."""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Awaitable, Callable

import trio

from . import wire
from .link import Link
from .run import INPUT_BOUND, Run

_log = logging.getLogger(__name__)

# Seconds that a holder has, beyond the grace, to say that the service has ended. Past them it is taken for
# frozen.
ANSWER_BOUND = 2.0

# Seconds between two requests to the keeper to kill such a holder.
FORCE_ROUND = 1.0

# Seconds that a holder without a run is kept: what crashes is mostly started again by then, for half the cost.
SPARE_BOUND = 1.0

# Bytes of commands that may wait for a holder that does not read, beside its spec: all input that a run may have
# under way, and some thousand commands.
COMMANDS_BOUND = 2 * INPUT_BOUND

_READ = 64 * 1024


class Holder:
    """Our end of the socket to a holder."""

    def __init__(
        self,
        *,
        number: int,
        conn: socket.socket,
        link: Link,
        background: Callable[[Callable[[], Awaitable[None]], str], None],
        spares: list[Holder],
    ) -> None:
        """*spares* has those without a run: it goes in and out by itself, and whoever gives it a run takes it out."""
        self.number = number
        self.link = link
        self._conn = conn
        self._background = background
        self._spares = spares
        self._run: Run | None = None
        self._outbox = bytearray()
        self._bound = COMMANDS_BOUND
        self._writing = False
        self._due = math.inf  # when to force an end; without a run, to leave
        self._patience = trio.CancelScope()

    @property
    def unsent_bytes(self) -> int:
        """What it did not take yet."""
        return len(self._outbox)

    def hand(self, run: Run, spec: bytes) -> None:
        """Give it *run*. Only while it has none."""
        self._run = run
        self._expect(math.inf)
        self._bound = len(self._outbox) + len(spec) + COMMANDS_BOUND
        self.send(wire.frame(wire.RUN, rest=spec))

    def send(self, frame: bytes) -> bool:
        """Have *frame* sent, without waiting; False when too much waits already."""
        if len(self._outbox) + len(frame) > self._bound:
            return False
        self._outbox += frame
        self._flush()
        if self._outbox and not self._writing:
            self._writing = True
            self._background(self._write, f"holder {self.number} output")
        return True

    def expect_end_within(self, grace: float) -> None:
        """Have it killed, with everything below it, if its run is not over after *grace* seconds and some more."""
        self._expect(min(self._due, trio.current_time() + grace + ANSWER_BOUND))

    async def follow(self) -> None:
        """Read what it says until its end. The keeper's client runs this, once."""
        frames = wire.Frames()
        try:
            while chunk := await self._receive():
                try:
                    for frame in frames.feed(chunk):
                        self._take(frame)
                except ValueError:
                    _log.exception("holder.report_unreadable number=%d run=%r next=kill_holder", self.number, self._run)
                    self.link.kill_holder(self.number)
                    break
            await self._end()
        finally:
            self._outbox.clear()
            self.link.forget(self.number)
            trio.lowlevel.notify_closing(self._conn)
            self._conn.close()

    # -- in

    def _take(self, frame: wire.Frame) -> None:
        run = self._run
        if run is None:
            raise ValueError(f"report {frame[0]} of no run")
        if frame[0] == wire.EMPTY:
            # Before it is told: whoever hears of it may start the next run.
            self._run = None
            self._expect(trio.current_time() + SPARE_BOUND)
            if not frame[1]:
                self._spares.append(self)
        run.take(frame)

    async def _receive(self) -> bytes:
        while True:
            try:
                return self._conn.recv(_READ)
            except BlockingIOError:
                pass
            except OSError:
                return b""
            with trio.CancelScope(deadline=self._due) as self._patience:
                await trio.lowlevel.wait_readable(self._conn)
            if trio.current_time() < self._due:
                continue  # or it was given a run, or more time, in the moment that the old one was up
            if self._run is None:
                return b""
            self._force(self._run)

    def _expect(self, due: float) -> None:
        self._due = due
        self._patience.deadline = due

    def _force(self, run: Run) -> None:
        _log.warning("run.holder_does_not_answer name=%s pid=%s next=kill_holder", run.name, run.status.pid)
        self.link.kill_holder(self.number)
        self._due = trio.current_time() + FORCE_ROUND

    async def _end(self) -> None:
        """It ended, or is told to, without a run. With one: say so once what it held is gone as well.

        A living keeper tells. If it is gone too, its death ended the holder, which ends last of all it held.
        """
        if self._run is None:
            if self in self._spares:
                self._spares.remove(self)
            return
        reported = await self.link.wait_for_remains(self.number)
        run, self._run = self._run, None
        run.lose("holder lost" if reported else "keeper lost")

    # -- out

    def _flush(self) -> None:
        """Write what the socket takes now; `_write` sees to the rest."""
        try:
            del self._outbox[: self._conn.send(self._outbox)]
        except BlockingIOError:
            pass
        except OSError:
            self._outbox.clear()  # it is gone; the reader is about to see it

    async def _write(self) -> None:
        try:
            while self._outbox:
                await trio.lowlevel.wait_writable(self._conn)
                self._flush()
        except trio.ClosedResourceError:
            pass  # by the reader
        finally:
            self._writing = False
