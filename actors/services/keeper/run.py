"""One run of a service, as we see it: what is known of it, and what can be asked of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from enum import Enum
from signal import valid_signals
from typing import Protocol

import attrs
import trio

from . import wire

_log = logging.getLogger(__name__)

# Bytes of input that the service's stdin did not take yet.
INPUT_BOUND = 64 * 1024

# Characters of a STATUS= that are kept.
STATUS_LIMIT = 512

# Seconds: a year is for ever, and the wire's numbers have an end.
LONGEST_GRACE = 366 * 86400.0


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
    machine_failed: bool = False
    """It could not be started, and the command is not to blame: the machine was short of processes, memory or
    descriptors. Worth trying again."""
    lost_output_bytes: int = 0
    """What it printed and the log could not take."""
    log_error: str | None = None
    """Why the log could not be written last; None once it can."""
    started_at: float | None = None
    exited_at: float | None = None
    ready_at: float | None = None
    """When it said READY=1 last."""
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


def _checked(number: int) -> int:
    if number not in valid_signals():
        raise ValueError(f"signal is {number!r}; expected one of this machine's signals, such as 15 for SIGTERM")
    return int(number)


@attrs.define
class _Waiter:
    phases: frozenset[Phase]
    event: trio.Event = attrs.field(factory=trio.Event)
    status: RunStatus | None = None


class HolderOfRun(Protocol):
    """What a run needs of the holder that has it; see `holder.Holder`."""

    @property
    def unsent_bytes(self) -> int: ...

    def send(self, frame: bytes) -> bool: ...

    def expect_end_within(self, grace: float) -> None: ...


class Run:
    """One run of a service. Made by `Keeper.start`.

    The commands never wait: they are handed to the holder, and what comes of them is in `status`. After the
    end they do nothing. A signal or a grace that cannot be is a ValueError.
    """

    def __init__(self, *, name: str, number: int, holder: HolderOfRun, notify: Callable[[Run], None]) -> None:
        self.name = name
        self.number = number
        self.status = RunStatus()
        self.commands_dropped = 0
        """Commands that were not sent, as the holder was too far behind. A stop ends the run all the same."""
        self._holder = holder
        self._notify = notify
        self._input_sent = 0
        self._input_taken = 0
        self._input_closed = False
        self._failure: str | None = None
        self._machine_failed = False
        self._waiters: list[_Waiter] = []

    def __repr__(self) -> str:
        return f"<Run {self.name!r} #{self.number} {self.status.phase.value} pid={self.status.pid}>"

    @property
    def unsent_bytes(self) -> int:
        """Of the spec and of commands, what the holder did not take yet. Bounded; see `commands_dropped`."""
        return 0 if self.status.phase is Phase.EMPTY else self._holder.unsent_bytes

    def stop(self, *, signal: int, grace: float) -> None:
        """Ask it to end: *signal* to its process group, and SIGKILL to all of it after *grace* seconds.

        What the main process leaves behind gets a SIGTERM of its own. A holder that does not answer is killed
        with everything below it.
        """
        if not (math.isfinite(grace) and grace >= 0):
            raise ValueError(f"grace is {grace!r}; expected seconds, 0 or more")
        number = _checked(signal)
        self._command(wire.STOP, number, int(min(grace, LONGEST_GRACE) * wire.MICROSECONDS))
        self._expect_end_within(grace)

    def kill(self) -> None:
        """End all of it at once."""
        self._command(wire.KILL)
        self._expect_end_within(0.0)

    def signal(self, number: int) -> None:
        """Send a signal to the main process alone."""
        self._command(wire.SIGNAL, _checked(number))

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
        if not self._command(wire.INPUT, rest=data):
            return False
        self._input_sent += len(data)
        return True

    @property
    def input_closed(self) -> bool:
        """Whether its stdin takes no more: its end was sent, or the service has closed it."""
        return self._input_closed

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

    def take(self, report: wire.Frame) -> None:
        """The next status follows from a report. Called by the holder that has it.

        Raises:
            ValueError: There is no such report.
        """
        what, first, second, rest = report
        was = self.status
        now = trio.current_time()
        match what:
            case wire.STARTED:
                self._change(attrs.evolve(was, phase=Phase.RUNNING, pid=first, started_at=now))
            case wire.FAILED:
                self._failure = _text(rest)  # told with the end, which follows at once
                self._machine_failed = bool(second)
            case wire.EXITED:
                code, number = (None if value < 0 else value for value in (first, second))
                self._change(attrs.evolve(was, phase=Phase.EXITED, exit_code=code, signal=number, exited_at=now))
            case wire.OUTPUT:
                error = _text(rest) or None
                self._change(attrs.evolve(was, lost_output_bytes=first, rotations=second, log_error=error))
            case wire.INPUT_TAKEN:
                self._input_taken = first
                self._input_closed = self._input_closed or bool(second)
            case wire.NOTICE:
                self._change(_noticed(was, first, rest, now))
            case wire.EMPTY:
                self._change(
                    attrs.evolve(was, phase=Phase.EMPTY, error=self._failure, machine_failed=self._machine_failed)
                )
            case _:
                raise ValueError(f"report {what}, which there is not")

    def lose(self, error: str) -> None:
        """It is over without a report, together with what watched it."""
        _log.error("run.lost name=%s pid=%s reason=%s", self.name, self.status.pid, error)
        self._change(attrs.evolve(self.status, phase=Phase.EMPTY, error=error))

    def _command(self, what: int, first: int = 0, second: int = 0, *, rest: bytes = b"") -> bool:
        """Hand it over; False when it was dropped, or the run is over."""
        if self.status.phase is Phase.EMPTY:
            return False
        if not self._holder.send(wire.frame(what, first, second, rest)):
            if not self.commands_dropped:  # the first tells it all
                _log.warning("run.command_dropped name=%s command=%d next=count", self.name, what)
            self.commands_dropped += 1
            return False
        return True

    def _expect_end_within(self, grace: float) -> None:
        """Also of a holder that did not take the command. After the end, it is another run's."""
        if self.status.phase is not Phase.EMPTY:
            self._holder.expect_end_within(grace)

    def _change(self, status: RunStatus) -> None:
        self.status = status
        for waiter in self._waiters:
            if waiter.status is None and status.phase in waiter.phases:
                waiter.status = status
                waiter.event.set()
        self._notify(self)


def _noticed(was: RunStatus, bits: int, status: bytes, now: float) -> RunStatus:
    """The status after what the service said of itself."""
    ready = bool(bits & wire.READY)
    return attrs.evolve(
        was,
        ready_at=now if ready else was.ready_at,
        reloading=bool(bits & wire.RELOADING) or (was.reloading and not ready),
        stopping=was.stopping or bool(bits & wire.STOPPING),
        watchdog_at=now if bits & wire.WATCHDOG else was.watchdog_at,
        status_text=_text(status)[:STATUS_LIMIT] if bits & wire.STATUS else was.status_text,
    )


def _text(sent: bytes) -> str:
    return sent.decode("utf-8", "replace")
