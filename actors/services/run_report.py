"""What the status of a run says, in our own terms. No I/O."""

import signal
from datetime import UTC, datetime

from actors.services.causes import Cause
from actors.services.keeper import Phase, RunStatus
from actors.services.messages import Failure

LOST = ("holder lost", "keeper lost")
"""What `RunStatus.error` says of a run that was killed with what watched it: our failure, not the service's."""


def is_ours(status: RunStatus) -> bool:
    """Whether a run ended by what we or the machine failed in, which is not held against the service."""
    return status.error in LOST or status.machine_failed


def lived(status: RunStatus, seconds: float, now: float) -> bool:
    """Whether a run was executed and has been alive for *seconds*, or was when it ended. *now* is Trio's clock."""
    if status.started_at is None:
        return False
    seen_at = now if status.exited_at is None else status.exited_at
    return seen_at >= status.started_at + seconds


def describe(status: RunStatus) -> str:
    """How a run ended, in English."""
    if status.error is not None:
        return status.error
    if status.signal is not None:
        return f"killed by {signal_name(status.signal)}"
    return f"exit code {status.exit_code}"


def failure_of(status: RunStatus) -> Failure:
    """The end of a run, told as a failure."""
    now = datetime.now(UTC)
    if status.signal is not None:
        return Failure("signal", describe(status), now, signal=signal_name(status.signal))
    if status.exit_code is not None:
        return Failure("exit", describe(status), now, exit_code=status.exit_code)
    reason = "lost" if status.error in LOST else "spawn"
    return Failure(reason, describe(status), now)


def signal_name(number: int) -> str:
    """Its name, such as `SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # real-time signals between the named ones


def cause_of_end(reason: str, status: RunStatus | None, dismissed: Failure | None = None) -> Cause:
    """What a service's history says of the end of a run; *dismissed* is why we ended it."""
    if status is None or status.phase not in (Phase.EXITED, Phase.EMPTY):
        return Cause(reason)
    how = describe(status)
    detail = how if dismissed is None else f"{dismissed.detail}; ended: {how}"
    name = None if status.signal is None else signal_name(status.signal)
    return Cause(reason, detail, status.exit_code, name)
