"""Refs: how everybody else talks to an actor."""

import math
from collections.abc import Awaitable
from typing import Any, Generic, TypeVar, cast

import trio

from actors.runtime.core import (
    CORRELATION,
    CURRENT,
    ActorCore,
    ActorState,
    ActorStatistics,
    Current,
    check_cycle,
    must_wait,
)
from actors.runtime.envelope import Envelope, Resume, name_of, release
from actors.runtime.errors import ActorCrashed, AskTimeout
from actors.runtime.groups import unwrap
from actors.runtime.message import Message
from actors.runtime.reply import NoAnswer, ReplySlot

P_co = TypeVar("P_co", covariant=True)
R = TypeVar("R")

DEFAULT_ASK_TIMEOUT = 5.0
"""Seconds an ask waits unless told otherwise: long for a machine, short for a person."""

INLINE_IN_A_ROW = 16
"""Inline calls of one actor after which the caller gives all others a turn."""


class Ref(Generic[P_co]):
    """The address of an actor that handles the messages of *P*. It outlives restarts.

    Delivery is in order per sender. Every ask ends exactly once: with the answer, the error that the message
    declares, or one of the runtime's own (`AskTimeout`, `ActorCrashed`, `ActorStopped`, `ActorRestarting`,
    `MailboxFull`, `AskCycle`).
    """

    __slots__ = ("_core", "_pending")

    def __init__(self, core: ActorCore) -> None:
        self._core = core
        self._pending = 0
        """Messages of other threads that are on their way."""

    @property
    def path(self) -> str:
        """Where it stands in the tree, such as `system/services/newsroom`."""
        return self._core.path

    @property
    def state(self) -> ActorState:
        """Where it is in its life, now."""
        return self._core.state

    @property
    def core(self) -> ActorCore:
        """For the runtime itself."""
        return self._core

    def statistics(self) -> ActorStatistics:
        """Counts, depths and ages, now."""
        return self._core.statistics()

    def tell(self, message: Message[P_co, Any]) -> bool:
        """Queue *message* and go on; never waits, never raises.

        Returns:
            False if it became a dead letter: the mailbox was full or the actor has stopped.
        """
        core = self._core
        return core.mailbox.put_nowait(Envelope(message, None, math.inf, CORRELATION.get(), core.now()))

    def tell_threadsafe(self, message: Message[P_co, Any], token: trio.lowlevel.TrioToken) -> bool:
        """Queue *message* from another thread; never waits.

        Args:
            message: What to tell.
            token: Of the run that the actor lives in: `trio.lowlevel.current_trio_token()`.

        Returns:
            False if it was refused at once: as many as the mailbox holds are on their way already. What becomes of it
            later is as with `tell`.

        Raises:
            trio.RunFinishedError: The run is over.
        """
        if self._pending >= self._core.mailbox.options.capacity:
            return False
        self._pending += 1
        token.run_sync_soon(self._tell_from_thread, message)
        return True

    async def send(self, message: Message[P_co, Any]) -> None:
        """Queue *message*, waiting for room where the mailbox's policy waits.

        Raises:
            ActorStopped: It takes no more messages.
            MailboxFull: There is no room, and its policy does not wait.
            AskCycle: It waits, for the handler that is sending.
        """
        mailbox = self._core.mailbox
        envelope = Envelope(message, None, math.inf, CORRELATION.get(), trio.current_time())
        await trio.lowlevel.checkpoint_if_cancelled()
        if mailbox.try_put(envelope):
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
        core = self._core
        await trio.lowlevel.checkpoint_if_cancelled()
        started = core.now()
        deadline = started + timeout
        current = CURRENT.get()
        if current is not None and current.deadline < deadline:
            deadline = current.deadline
        to_deliver: Message[Any, R] = message
        if (
            core.mailbox.parked
            and deadline > started
            and not core.tracer.on
            and type(message) not in core.handled_by_coroutines
        ):
            core.inline_calls += 1
            if core.inline_calls % INLINE_IN_A_ROW:
                answer = self._call_inline(message, deadline)
                if not must_wait(answer):
                    return cast("R", answer)
                core.handled_by_coroutines.add(type(message))
                to_deliver = Resume(message, answer, core.actor)
            else:
                await trio.lowlevel.cancel_shielded_checkpoint()
        slot: ReplySlot[R] = ReplySlot()  # not ReplySlot[R](), which costs a microsecond at run time
        envelope = Envelope(to_deliver, slot, deadline, CORRELATION.get(), started)
        if current is None:
            line = core.timers.deadlines.line(timeout)
            if line is None or not core.mailbox.try_put(envelope):
                return await self._wait(envelope, slot, started, timeout)
            # `_wait_in_line`, written out: this is the path of nearly every ask.
            line[slot] = deadline
            core.timers.wake_by(deadline)
            try:
                return await slot.wait()
            except NoAnswer:
                raise self._late(envelope, slot, started) from None
            finally:
                line.pop(slot, None)
        check_cycle(current.core, core)
        current.core.waits_for.append(core)
        try:
            return await self._wait(envelope, slot, started, timeout)
        finally:
            current.core.waits_for.remove(core)

    def _call_inline(self, message: Message[P_co, R], deadline: float) -> R | Awaitable[R]:
        """Call the handler here and now: the actor waits for a message, and none is on its way to it.

        No task is switched for it. Nothing else runs meanwhile, so it is still one handler at a time. A handler that
        turns out to be a coroutine has not begun yet, and is left to the actor's own task.
        """
        core, mailbox = self._core, self._core.mailbox
        token = CURRENT.set(Current(core, deadline))
        try:
            answer = message.deliver(cast("P_co", core.actor))
        except BaseException as error:
            mailbox.sent += 1
            single = unwrap(error)
            if isinstance(single, message.errors):
                mailbox.handled += 1
                raise single from None
            mailbox.crashed += 1
            mailbox.parked = False
            core.poison = error
            core.scope.cancel()
            raise ActorCrashed(core.path, type(message).__name__, error) from error
        finally:
            CURRENT.reset(token)
        if not must_wait(answer):
            mailbox.sent += 1
            mailbox.handled += 1
        return answer

    async def _wait(self, envelope: Envelope, slot: ReplySlot[R], started: float, timeout: float) -> R:
        core, deadline = self._core, envelope.deadline
        try:
            if core.mailbox.try_put(envelope):
                # Deadlines of one timeout are in order, and cost next to nothing; an inherited one is not.
                line = core.timers.deadlines.line(timeout) if deadline == started + timeout else None
                if line is None:
                    return await slot.wait_until(deadline)
                return await self._wait_in_line(line, slot, deadline)
            with trio.CancelScope(deadline=deadline):
                await self._put_or_release(envelope)
                return await slot.wait()
        except NoAnswer:
            pass
        raise self._late(envelope, slot, started)

    def _late(self, envelope: Envelope, slot: ReplySlot[Any], started: float) -> AskTimeout:
        waited = self._core.now() - started
        return AskTimeout(self.path, name_of(envelope.message), slot.phase, waited)

    async def _put_or_release(self, envelope: Envelope) -> None:
        try:
            await self._core.mailbox.put(envelope)
        except BaseException:
            release(envelope.message)
            raise

    async def _wait_in_line(self, line: dict[ReplySlot[Any], float], slot: ReplySlot[R], deadline: float) -> R:
        line[slot] = deadline
        self._core.timers.wake_by(deadline)
        try:
            return await slot.wait()
        finally:
            line.pop(slot, None)

    def _tell_from_thread(self, message: Message[P_co, Any]) -> None:
        self._pending -= 1
        self.tell(message)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other._core is self._core

    def __hash__(self) -> int:
        return hash(id(self._core))

    def __repr__(self) -> str:
        return f"<Ref {self.path} {self.state.value}>"
