"""Refs: how everybody else talks to an actor."""

import math
from typing import Any, Generic, TypeVar

import trio

from actors.runtime.core import CORRELATION, CURRENT, ActorCore, ActorState, ActorStatistics, check_cycle
from actors.runtime.errors import AskTimeout
from actors.runtime.mailbox import Envelope
from actors.runtime.message import Message
from actors.runtime.reply import NoAnswer, ReplySlot

P_co = TypeVar("P_co", covariant=True)
R = TypeVar("R")

DEFAULT_ASK_TIMEOUT = 5.0
"""Seconds an ask waits unless told otherwise: long for a machine, short for a person."""


class Ref(Generic[P_co]):
    """The address of an actor that handles the messages of *P*. It outlives restarts.

    Delivery is in order per sender. Every ask ends exactly once: with the answer, the error that the message
    declares, or one of the runtime's own (`AskTimeout`, `ActorCrashed`, `ActorStopped`, `ActorRestarting`,
    `MailboxFull`, `AskCycle`).
    """

    __slots__ = ("_core",)

    def __init__(self, core: ActorCore) -> None:
        self._core = core

    @property
    def path(self) -> str:
        """Where it stands in the tree, such as `system/services/newsroom`."""
        return self._core.path

    @property
    def state(self) -> ActorState:
        """Where it is in its life, now."""
        return self._core.state

    def statistics(self) -> ActorStatistics:
        """Counts, depths and ages, now."""
        return self._core.statistics()

    def tell(self, message: Message[P_co, Any]) -> bool:
        """Queue *message* and go on; never waits, never raises.

        Returns:
            False if it became a dead letter: the mailbox was full or the actor has stopped.
        """
        return self._core.mailbox.put_nowait(_envelope(message, None, math.inf))

    async def send(self, message: Message[P_co, Any]) -> None:
        """Queue *message*, waiting for room where the mailbox's policy waits.

        Raises:
            ActorStopped: It takes no more messages.
            MailboxFull: There is no room, and its policy does not wait.
            AskCycle: It waits, for the handler that is sending.
        """
        await self._put(_envelope(message, None, math.inf))

    async def ask(self, message: Message[P_co, R], *, timeout: float = DEFAULT_ASK_TIMEOUT) -> R:
        """Queue *message* and wait for its answer.

        Args:
            message: What to ask; its class says what the answer is.
            timeout: Seconds for all of it, the wait for room included. Within a handler the deadline of the
                message being handled holds as well: the earlier one wins.

        Raises:
            AskTimeout: No answer in time; its `phase` says whether the handler had begun.
            ActorCrashed: The handler raised what the message does not declare.
            ActorStopped: It stopped before it answered.
            ActorRestarting: It crashed on an earlier message and its mailbox fails queued asks.
            MailboxFull: There is no room, and its policy does not wait.
            AskCycle: It waits, over any number of others, for the handler that is asking.
            Exception: What the message declares in `errors`.
        """
        current = CURRENT.get()
        started = trio.current_time()
        deadline = started + timeout
        if current is not None:
            deadline = min(deadline, current.deadline)
        slot = ReplySlot[R]()
        envelope = _envelope(message, slot, deadline)
        if current is None:
            return await self._wait(envelope, slot, started)
        check_cycle(current.core, self._core)
        current.core.waits_for.append(self._core)
        try:
            return await self._wait(envelope, slot, started)
        finally:
            current.core.waits_for.remove(self._core)

    async def _wait(self, envelope: Envelope, slot: ReplySlot[R], started: float) -> R:
        mailbox = self._core.mailbox
        try:
            if mailbox.try_put(envelope):
                return await slot.wait(envelope.deadline)
            with trio.CancelScope(deadline=envelope.deadline):
                await mailbox.put(envelope)
                return await slot.wait(math.inf)
        except NoAnswer:
            pass
        waited = trio.current_time() - started
        raise AskTimeout(self.path, type(envelope.message).__name__, slot.phase, waited)

    async def _put(self, envelope: Envelope) -> None:
        mailbox = self._core.mailbox
        if mailbox.try_put(envelope):
            await trio.lowlevel.checkpoint_if_cancelled()
            return
        current = CURRENT.get()
        if current is None:
            await mailbox.put(envelope)
            return
        check_cycle(current.core, self._core)
        current.core.waits_for.append(self._core)
        try:
            await mailbox.put(envelope)
        finally:
            current.core.waits_for.remove(self._core)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other._core is self._core

    def __hash__(self) -> int:
        return hash(id(self._core))

    def __repr__(self) -> str:
        return f"<Ref {self.path} {self.state.value}>"


def _envelope(message: Message[Any, Any], slot: ReplySlot[Any] | None, deadline: float) -> Envelope:
    return Envelope(message, slot, deadline, CORRELATION.get(), trio.current_time())
