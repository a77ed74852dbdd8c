"""Whom a holder signals, with what, and when. Decisions only: no system call, no clock.

    running, asked --stop(signal, grace)--> asked     the signal to the group, death at now + grace
    running, asked --main process gone----> leaving   TERM to whatever is left, death soon if not yet set
    any            --kill, or death due---> killing   SIGKILL, again and again until nothing is left

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

from . import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    # To whom, and which signal.
    Act = tuple[str, int]

GROUP = "group"  # the process group of the main process, while that is not reaped
REST = "rest"  # every descendant, wherever it hid; costs a walk through /proc

# Seconds that what the main process leaves behind is given at most after its TERM.
LEFTOVER_GRACE = 1.0

# Seconds before descendants are looked for: the rest of a signalled group is gone by then, which spares the
# walk.
SETTLE = 0.01

# Seconds between two rounds of SIGKILL at most. What survives one is in a system call that cannot be
# interrupted, or belongs to somebody else.
SLOWEST_ROUND = 1.0


class Ending:
    """Decides how one run ends. Times are seconds of one monotonic clock."""

    def __init__(self, grace: float) -> None:
        self._leftover_grace = min(grace, LEFTOVER_GRACE)
        self._main_gone = False
        self._terminate_at: float | None = None
        self._kill_at: float | None = None
        self._round: float | None = None

    @property
    def killing(self) -> bool:
        """Past the point where only SIGKILL follows."""
        return self._round is not None

    @property
    def next_at(self) -> float | None:
        """When `tick` must be called again at the latest; None while nothing is under way."""
        times = [at for at in (self._terminate_at, self._kill_at) if at is not None]
        return min(times, default=None)

    def stop(self, number: int, grace: float, now: float) -> list[Act]:
        """Asked to end within *grace* seconds. A second request may only bring the end forward."""
        if self.killing:
            return []
        if grace <= 0:
            return self.kill(now)
        due = now + grace
        self._kill_at = due if self._kill_at is None else min(self._kill_at, due)
        # A stopped process would not see the signal before it continues.
        return [] if self._main_gone else [(GROUP, number), (GROUP, signals.SIGCONT)]

    def kill(self, now: float) -> list[Act]:
        """Asked to end at once."""
        self._round = SETTLE
        self._terminate_at = None
        self._kill_at = now + SETTLE
        return [(REST, signals.SIGKILL)] if self._main_gone else [(GROUP, signals.SIGKILL)]

    def main_gone(self, now: float) -> None:
        """The main process was reaped, something else of the service was not."""
        self._main_gone = True
        if self.killing:
            return
        self._terminate_at = now + SETTLE
        if self._kill_at is None:
            self._kill_at = now + SETTLE + self._leftover_grace

    def tick(self, now: float) -> list[Act]:
        """What is due at *now*."""
        if self._kill_at is not None and now >= self._kill_at:
            self._terminate_at = None
            self._round = min(self._round * 2, SLOWEST_ROUND) if self._round else SETTLE
            self._kill_at = now + self._round
            return [(GROUP, signals.SIGKILL), (REST, signals.SIGKILL)]
        if self._terminate_at is not None and now >= self._terminate_at:
            self._terminate_at = None
            return [(REST, signals.SIGTERM), (REST, signals.SIGCONT)]
        return []
