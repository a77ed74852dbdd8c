"""Actors: a mailbox, a loop and one message at a time."""

import logging
import math
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, ClassVar, TypeVarTuple

import attrs
import trio

from actors.runtime.bus import Bus
from actors.runtime.core import CORRELATION, CURRENT, ActorCore, ActorState, Current, Halt
from actors.runtime.errors import ActorCrashed, ActorError, ActorStopped
from actors.runtime.groups import only_cancelled, unwrap
from actors.runtime.mailbox import Envelope
from actors.runtime.message import Message
from actors.runtime.timers import Tick, Timer, Timers

Ts = TypeVarTuple("Ts")

log = logging.getLogger("actors.runtime")

STOP_SECONDS = 5.0
"""How long `on_stop` may take before it is cut off: it is shielded, and a shield needs an end."""


class Context:
    """What an actor knows of its surroundings; made anew for each incarnation."""

    def __init__(self, core: ActorCore, bus: Bus, timers: Timers, nursery: trio.Nursery, halt: Halt) -> None:
        self._core = core
        self._timers = timers
        self._nursery = nursery
        self._owned_timers: list[Timer] = []
        self._halt = halt
        self.bus = bus

    @property
    def path(self) -> str:
        """The actor's own place in the tree."""
        return self._core.path

    @property
    def restarts(self) -> int:
        """How often it was restarted before this incarnation."""
        return self._core.restarts

    def tell(self, message: Message[Any, Any]) -> bool:
        """Queue *message* for this actor itself; False if its mailbox is full. For what other tasks have to report."""
        return self._core.mailbox.put_nowait(Envelope(message, None, math.inf, CORRELATION.get(), trio.current_time()))

    def every(self, interval: float, make: Callable[[Tick], Message[Any, None]]) -> Timer:
        """Tell the actor `make(tick)` every *interval* seconds, on a grid that no handler's delay shifts.

        At most one tick waits in the mailbox; those missed meanwhile are merged into the next and counted in it.
        """
        return self._own(self._timers.every(interval, self._teller(make)))

    def after(self, delay: float, make: Callable[[Tick], Message[Any, None]]) -> Timer:
        """Tell the actor `make(tick)` once, *delay* seconds from now."""
        return self.at(trio.current_time() + delay, make)

    def at(self, when: float, make: Callable[[Tick], Message[Any, None]]) -> Timer:
        """Tell the actor `make(tick)` once, at *when* on Trio's clock."""
        return self._own(self._timers.at(when, self._teller(make)))

    def start_soon(self, run: Callable[[*Ts], Awaitable[object]], *args: *Ts, name: str | None = None) -> None:
        """Run a task of this incarnation: it ends with it, and its exception crashes the actor."""
        self._nursery.start_soon(_detached, run, args, name=name or f"{self.path} {run!r}")

    def stop(self) -> None:
        """Stop this actor once what is queued is handled. Only a permanent child is started again."""
        self._core.mailbox.close()

    def end(self) -> None:
        """Cancel the timers of this incarnation and let its tasks go."""
        for timer in self._owned_timers:
            timer.cancel()
        self._nursery.cancel_scope.cancel()

    def _own(self, timer: Timer) -> Timer:
        self._owned_timers = [kept for kept in self._owned_timers if kept.active]
        self._owned_timers.append(timer)
        return timer

    def _teller(self, make: Callable[[Tick], Message[Any, None]]) -> Callable[[Tick, Callable[[], None]], bool]:
        mailbox = self._core.mailbox

        def tell(tick: Tick, on_taken: Callable[[], None]) -> bool:
            try:
                message = make(tick)
            except Exception as error:
                # Raised in the actor instead of in the task that fires everybody's timers.
                message = _Broken(error)
            # Not `put_nowait`: a tick that finds no room is merged into the next, it is no dead letter.
            return mailbox.try_put(Envelope(message, None, math.inf, None, trio.current_time(), on_taken))

        return tell


@attrs.frozen
class _Broken(Message[object, None]):
    error: Exception

    def deliver(self, to: object) -> None:
        raise self.error


async def _detached(run: Callable[..., Awaitable[object]], args: tuple[object, ...]) -> None:
    CURRENT.set(None)  # what a background task asks is not what the actor waits for
    await run(*args)


class Actor:
    """Base of actors. Subclasses hold the state and the methods that their messages call.

    One message is handled at a time, each to its end. A handler may be a plain function or a coroutine. An
    exception that the message declares is the answer; any other ends this incarnation, and the supervisor decides
    what follows.
    """

    stop_seconds: ClassVar[float] = STOP_SECONDS
    """How long `on_stop` may take, in seconds."""

    _context: Context | None = None

    @property
    def context(self) -> Context:
        """Timers, bus and tasks; there from `on_start` on."""
        if self._context is None:
            raise ActorError(f"{type(self).__name__} has no context before it is started; use it from on_start on")
        return self._context

    def attach(self, context: Context) -> None:
        """Called by the runtime before `on_start`."""
        self._context = context

    async def on_start(self) -> None:
        """Get ready. Messages queue meanwhile; an exception means that it did not start."""

    async def on_stop(self) -> None:
        """Clean up, also after a crash. Shielded from cancellation for `stop_seconds`."""


@attrs.frozen
class Incarnation:
    """What it takes to run an actor once."""

    core: ActorCore
    factory: Callable[[], Actor]
    bus: Bus
    timers: Timers
    halt: Halt
    start_seconds: float

    async def run(self, started: Callable[[], None]) -> None:
        """Run from `on_start` to `on_stop`; returns when stopped, raises what crashed it.

        Args:
            started: Called once messages are being handled.
        """
        # What the spawner was doing is no business of this incarnation.
        CURRENT.set(None)
        CORRELATION.set(None)
        try:
            with self.halt.scope:
                await self._live(started)
        except BaseExceptionGroup as group:
            raise unwrap(group) from None

    async def _live(self, started: Callable[[], None]) -> None:
        actor = self.factory()
        async with trio.open_nursery() as nursery:
            context = Context(self.core, self.bus, self.timers, nursery, self.halt)
            actor.attach(context)
            try:
                with trio.fail_after(self.start_seconds):
                    await actor.on_start()
                self.core.state = ActorState.RUNNING
                self.core.started_at = trio.current_time()
                started()
                await self._serve(actor)
            finally:
                self.core.started_at = None
                context.end()
                await self._clean_up(actor)

    async def _clean_up(self, actor: Actor) -> None:
        with trio.move_on_after(actor.stop_seconds, shield=True) as scope:
            try:
                await actor.on_stop()
            except Exception:
                # The clean-up must not hide why the actor ends, which is what the supervisor decides by.
                log.exception("actor.stop_failed path=%s", self.core.path)
        if scope.cancelled_caught:
            log.error("actor.stop_cut_off path=%s after_s=%g", self.core.path, actor.stop_seconds)

    async def _serve(self, actor: Actor) -> None:
        mailbox, halt = self.core.mailbox, self.halt
        while not halt.requested:
            halt.parked = not mailbox.has_batch
            try:
                envelope = await mailbox.take()
            except trio.EndOfChannel:
                return
            finally:
                halt.parked = False
            if envelope.slot is not None and envelope.slot.void:
                mailbox.count_void(envelope)
            else:
                await self._handle(actor, envelope)

    async def _handle(self, actor: Actor, envelope: Envelope) -> None:
        core, slot, message = self.core, envelope.slot, envelope.message
        if slot is not None:
            slot.phase = "running"
        CURRENT.set(Current(core, envelope.deadline))
        CORRELATION.set(envelope.correlation)
        core.busy_since = trio.current_time()
        try:
            answer = message.deliver(actor)
            if isawaitable(answer):
                answer = await answer
        except BaseException as error:
            single = unwrap(error)
            if isinstance(single, message.errors):
                core.mailbox.counts.handled += 1
                if slot is not None:
                    slot.error(single)
                return
            self._handler_ended(envelope, error)
            raise
        finally:
            CURRENT.set(None)
            core.busy_since = None
        core.mailbox.counts.handled += 1
        if slot is not None:
            slot.value(answer)

    def _handler_ended(self, envelope: Envelope, error: BaseException) -> None:
        core, slot, name = self.core, envelope.slot, type(envelope.message).__name__
        if only_cancelled(error):
            core.mailbox.counts.interrupted += 1
            answer: ActorError = ActorStopped(core.path)
        else:
            core.mailbox.counts.crashed += 1
            answer = ActorCrashed(core.path, name, error)
        if slot is not None:
            slot.error(answer)
