"""One run of a service, as we see it: what is known of it, and what can be asked of it."""

from __future__ import annotations

import logging
import math
import socket
from base64 import b64encode
from collections.abc import Callable
from enum import Enum
from signal import valid_signals

import attrs
import msgspec
import trio

from . import wire
from .link import Link

_log = logging.getLogger(__name__)

# Seconds that a holder has, beyond the grace, to say that the service has ended. Past them it is taken for
# frozen.
ANSWER_BOUND = 2.0

# Seconds between two requests to the keeper to kill such a holder.
FORCE_ROUND = 1.0

# Bytes of input that the service's stdin did not take yet.
INPUT_BOUND = 64 * 1024

# Bytes of commands that may wait for a holder that does not read: input as base64, and a thousand others.
COMMANDS_BOUND = 2 * INPUT_BOUND + 64 * 1024

_READ = 64 * 1024


class Phase(Enum):
    """How far a run is; it only ever moves down this list, and may skip entries."""

    SPAWNING = "spawning"
    """Requested; nothing was executed yet."""
    RUNNING = "running"
    """The main process was executed."""
    EXITED = "exited"
    """The main process ended; others of the service, or output, remain."""
    EMPTY = "empty"
    """Nothing of it is left, and all it printed is in the log. Final."""


@attrs.frozen
class RunStatus:
    """What is known of a run. Times are `trio.current_time()` when we heard of it."""

    phase: Phase = Phase.SPAWNING
    pid: int | None = None
    """Of the main process; kept after its end."""
    exit_code: int | None = None
    """When the main process exited by itself."""
    signal: int | None = None
    """When a signal ended it."""
    error: str | None = None
    """Why it could not be started; or "holder lost", "keeper lost": killed together with what watched it."""
    lost_output_bytes: int = 0
    """What it printed and the log could not take."""
    log_error: str | None = None
    """Why the log could not be written last; None once it can."""
    started_at: float | None = None
    exited_at: float | None = None
    ready_at: float | None = None
    """When it said READY=1 last; None before, and while it reloads."""
    status_text: str | None = None
    """Its last STATUS=, at most 512 characters of it."""
    watchdog_at: float | None = None
    """When it said WATCHDOG=1 last."""
    reloading: bool = False
    """It said RELOADING=1, and not yet READY=1 again."""
    stopping: bool = False
    """It said STOPPING=1."""
    rotations: int = 0
    """How often its log was rotated in this run."""


class _Report(msgspec.Struct, tag_field="told"):
    """What a holder says."""


class _Started(_Report, tag="started"):
    pid: int


class _Failed(_Report, tag="failed"):
    errno: int
    message: str


class _Exited(_Report, tag="exited"):
    code: int | None
    signal: int | None


class _Lost(_Report, tag="lost"):
    bytes: int
    error: str | None


class _Empty(_Report, tag="empty"):
    lost: int
    error: str | None


_decoder = msgspec.json.Decoder(_Started | _Failed | _Exited | _Lost | _Empty)


def _checked(number: int) -> int:
    if number not in valid_signals():
        raise ValueError(f"signal is {number!r}; expected one of this machine's signals, such as 15 for SIGTERM")
    return int(number)


@attrs.define
class _Waiter:
    phases: frozenset[Phase]
    event: trio.Event = attrs.field(factory=trio.Event)
    status: RunStatus | None = None


class Run:
    """One run of a service. Made by `Keeper.start`.

    The commands never wait: they are handed to the holder, and what comes of them is in `status`. After the
    end they do nothing. A signal or a grace that cannot be is a ValueError.
    """

    def __init__(
        self,
        *,
        name: str,
        number: int,
        spec: bytes,
        conn: socket.socket,
        link: Link,
        notify: Callable[[Run], None],
    ) -> None:
        self.name = name
        self.number = number
        self.status = RunStatus()
        self.commands_dropped = 0
        """Commands that were not sent, as the holder was too far behind. A stop ends the run all the same."""
        self._conn = conn
        self._link = link
        self._notify = notify
        self._outbox = bytearray(spec)
        self._commands_bound = len(spec) + COMMANDS_BOUND
        self._more_to_write = trio.Event()
        self._input_sent = 0
        self._input_taken = 0
        self._input_closed = False
        self._failure: str | None = None
        self._force_at = math.inf
        self._patience = trio.CancelScope()
        self._waiters: list[_Waiter] = []

    def __repr__(self) -> str:
        return f"<Run {self.name!r} #{self.number} {self.status.phase.value} pid={self.status.pid}>"

    @property
    def unsent_bytes(self) -> int:
        """Of the spec and of commands, what the holder did not take yet. Bounded; see `commands_dropped`."""
        return len(self._outbox)

    def stop(self, *, signal: int, grace: float) -> None:
        """Ask it to end: *signal* to its process group, and SIGKILL to all of it after *grace* seconds.

        What the main process leaves behind gets a SIGTERM of its own. A holder that does not answer is killed
        with everything below it.
        """
        if not (math.isfinite(grace) and grace >= 0):
            raise ValueError(f"grace is {grace!r}; expected seconds, 0 or more")
        self._command(wire.STOP, signal=_checked(signal), grace=grace)
        self._expect_end_within(grace)

    def kill(self) -> None:
        """End all of it at once."""
        self._command(wire.KILL)
        self._expect_end_within(0.0)

    def signal(self, number: int) -> None:
        """Send a signal to the main process alone."""
        self._command(wire.SIGNAL, signal=_checked(number))

    def send_input(self, data: bytes) -> bool:
        """Write *data* to its stdin, which the spec made a pipe. Never waits.

        Returns:
            Whether it was taken; False, and nothing of it was, while more than `INPUT_BOUND` bytes would wait for
            the service to read, and after `close_input` or the end.
        """
        if self._input_closed or self.status.phase in (Phase.EXITED, Phase.EMPTY):
            return False
        if self._input_sent - self._input_taken + len(data) > INPUT_BOUND:
            return False
        if not self._command(wire.INPUT, stdin=data):
            return False
        self._input_sent += len(data)
        return True

    def close_input(self) -> None:
        """End its stdin, once it has read what was sent before."""
        if not self._input_closed:
            self._input_closed = self._command(wire.CLOSE_INPUT)

    async def wait(self, *phases: Phase) -> RunStatus:
        """Wait until it is in one of *phases*, or at its end, which is final.

        Returns:
            The status it had then; a phase that was passed at once is not missed.
        """
        wanted = frozenset({*phases, Phase.EMPTY})
        if self.status.phase in wanted:
            await trio.lowlevel.checkpoint()
            return self.status
        waiter = _Waiter(wanted)
        self._waiters.append(waiter)
        try:
            await waiter.event.wait()
        finally:
            self._waiters.remove(waiter)
        assert waiter.status is not None  # noqa: S101  set with the event
        return waiter.status

    async def follow(self) -> None:
        """Read what the holder says until the end of the run. The keeper's client runs this, once."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                await self._read()
                nursery.cancel_scope.cancel()
            if self.status.phase is not Phase.EMPTY:
                await self._follow_lost()
        finally:
            self._link.forget(self.number)
            trio.lowlevel.notify_closing(self._conn)
            self._conn.close()

    # -- commands

    def _command(self, do: str, *, signal: int = 0, grace: float = 0.0, stdin: bytes = b"") -> bool:
        """Hand it over; False when it was dropped."""
        if self.status.phase is Phase.EMPTY:
            return False
        text = wire.line({"do": do, "signal": signal, "grace": grace, "input": b64encode(stdin).decode("ascii")})
        if len(self._outbox) + len(text) > self._commands_bound:
            if not self.commands_dropped:  # the first tells it all
                _log.warning("run.command_dropped name=%s command=%s next=count", self.name, do)
            self.commands_dropped += 1
            return False
        self._outbox += text
        self._flush()
        return True

    def _flush(self) -> None:
        """Write what the socket takes now; `_write` sees to the rest."""
        try:
            del self._outbox[: self._conn.send(self._outbox)]
        except BlockingIOError:
            pass
        except OSError:
            self._outbox.clear()  # the holder is gone; the reader is about to see it
        if self._outbox:
            self._more_to_write.set()

    async def _write(self) -> None:
        while True:
            self._flush()
            if self._outbox:
                await trio.lowlevel.wait_writable(self._conn)
            else:
                self._more_to_write = trio.Event()
                await self._more_to_write.wait()

    def _expect_end_within(self, grace: float) -> None:
        self._force_at = min(self._force_at, trio.current_time() + grace + ANSWER_BOUND)
        self._patience.deadline = self._force_at

    # -- reports

    async def _read(self) -> None:
        """Until the holder closes its end, or says what it cannot mean."""
        lines = wire.Lines()
        while chunk := await self._receive():
            for text in lines.feed(chunk):
                try:
                    report = _decoder.decode(text)
                except msgspec.DecodeError:
                    _log.exception("run.report_unreadable name=%s next=kill_holder", self.name)
                    self._link.kill_holder(self.number)
                    return
                self._take(report)
                if self.status.phase is Phase.EMPTY:
                    return

    async def _receive(self) -> bytes:
        while True:
            try:
                return self._conn.recv(_READ)
            except BlockingIOError:
                pass
            except OSError:
                return b""
            with trio.CancelScope(deadline=self._force_at) as self._patience:
                await trio.lowlevel.wait_readable(self._conn)
            if self._patience.cancelled_caught:
                self._force()

    def _force(self) -> None:
        _log.warning("run.holder_does_not_answer name=%s pid=%s next=kill_holder", self.name, self.status.pid)
        self._link.kill_holder(self.number)
        self._force_at = trio.current_time() + FORCE_ROUND

    async def _follow_lost(self) -> None:
        """The holder is gone without a word. Say so once what it held is gone as well.

        A living keeper tells. If it is gone too, its death ended the holder, which ends last of all it held.
        """
        reported = await self._link.wait_for_remains(self.number)
        error = "holder lost" if reported else "keeper lost"
        _log.error("run.lost name=%s pid=%s reason=%s", self.name, self.status.pid, error)
        self._change(attrs.evolve(self.status, phase=Phase.EMPTY, error=error))

    def _take(self, report: _Report) -> None:
        """The next status follows from a report."""
        was = self.status
        now = trio.current_time()
        match report:
            case _Started():
                self._change(attrs.evolve(was, phase=Phase.RUNNING, pid=report.pid, started_at=now))
            case _Failed():
                self._failure = report.message  # told with the end, which follows at once
            case _Exited():
                self._change(
                    attrs.evolve(was, phase=Phase.EXITED, exit_code=report.code, signal=report.signal, exited_at=now)
                )
            case _Lost():
                self._change(attrs.evolve(was, lost_output_bytes=report.bytes, log_error=report.error))
            case _Empty():
                self._change(
                    attrs.evolve(
                        was,
                        phase=Phase.EMPTY,
                        error=self._failure,
                        lost_output_bytes=report.lost,
                        log_error=report.error,
                    )
                )
            case _:
                raise AssertionError(report)

    def _change(self, status: RunStatus) -> None:
        self.status = status
        for waiter in self._waiters:
            if waiter.status is None and status.phase in waiter.phases:
                waiter.status = status
                waiter.event.set()
        self._notify(self)
