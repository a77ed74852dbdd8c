"""The place where one asker waits for one answer."""

import math
from typing import Generic, TypeVar, cast

import outcome
import trio

from actors.runtime.errors import Phase

R = TypeVar("R")


class NoAnswer(Exception):
    """The deadline passed first. A signal to `Ref.ask`, never seen by users."""


class ReplySlot(Generic[R]):
    """One answer for one asker, delivered at most once; a late one goes nowhere.

    It parks the asking task directly (`trio.lowlevel`), which is cheaper than an event or a channel. The trap:
    rescheduling a task that is not parked ends the whole run. So the slot is armed in the last synchronous step
    before parking, and whoever comes first (answer, deadline or cancellation) disarms it.
    """

    __slots__ = ("_answer", "_task", "phase", "void")

    def __init__(self) -> None:
        self._answer: outcome.Outcome[R] | None = None
        self._task: trio.lowlevel.Task | None = None
        self.phase: Phase = "queued"
        self.void = False
        """True once nobody waits any more: answered, out of time or cancelled."""

    def value(self, value: R) -> None:
        """Answer with *value*, unless nobody waits any more."""
        if not self.void:
            self._put(outcome.Value(value))

    def error(self, error: BaseException) -> None:
        """Answer by raising *error* in the asker, unless nobody waits any more."""
        if not self.void:
            self._put(outcome.Error(error))

    async def wait(self) -> R:
        """The answer, however long it takes; `error(NoAnswer())` is how a deadline ends this.

        Raises:
            NoAnswer: The deadline passed first.
        """
        if self._answer is not None:
            await trio.lowlevel.checkpoint_if_cancelled()
            return self._answer.unwrap()
        self._task = trio.lowlevel.current_task()
        return cast("R", await trio.lowlevel.wait_task_rescheduled(self._abort))

    async def wait_until(self, deadline: float) -> R:
        """The answer.

        Args:
            deadline: Seconds of Trio's clock, `inf` for none.

        Raises:
            NoAnswer: The deadline passed first.
        """
        if deadline == math.inf:
            return await self.wait()
        with trio.CancelScope(deadline=deadline):
            return await self.wait()
        raise NoAnswer

    def _put(self, answer: "outcome.Outcome[R]") -> None:
        self.void = True
        if self._task is None:
            self._answer = answer
            return
        task, self._task = self._task, None
        trio.lowlevel.reschedule(task, answer)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self.void = True
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED
