"""Actors: a mailbox, a loop and one message at a time."""

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVarTuple

import attrs
import trio

from actors.runtime.bus import Bus
from actors.runtime.core import (
    CORRELATION,
    CURRENT,
    ENDED,
    ActorCore,
    ActorState,
    Current,
    Down,
    Halt,
    must_wait,
)
from actors.runtime.envelope import Envelope, errors_of, name_of
from actors.runtime.errors import ActorCrashed, ActorError, ActorStopped, LinkedActorDown
from actors.runtime.groups import only_cancelled, unwrap, unwrapping
from actors.runtime.message import Message
from actors.runtime.ref import Ref
from actors.runtime.timers import Tick, Timer
from actors.runtime.tracing import MessageTraced, Outcome

Ts = TypeVarTuple("Ts")

log = logging.getLogger("actors.runtime")

STOP_SECONDS = 5.0
"""How long `on_stop` may take before it is cut off: it is shielded, and a shield needs an end."""


class Context:
    """What an actor knows of its surroundings; made anew for each incarnation."""

    def __init__(self, core: ActorCore, bus: Bus, nursery: trio.Nursery) -> None:
        self._core = core
        self._timers = core.timers
        self._nursery = nursery
        self._owned_timers: list[Timer] = []
        self._prune_at = 16
        self._watched: list[ActorCore] = []
        self._monitoring = object()
        self._linking = object()
        """Keys at the actors watched; two, so that monitoring an actor and being linked to it are independent."""
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

    def monitor(self, ref: Ref[Any], make: Callable[[Down], Message[Any, None]]) -> None:
        """Tell this actor `make(down)` whenever an incarnation of *ref* ends; at once if it is down for good already.

        A `Down` that finds the mailbox full becomes a dead letter. It ends with this incarnation.
        """
        self._watch(ref, make, self._monitoring)

    def demonitor(self, ref: Ref[Any]) -> None:
        """Hear no more of *ref*."""
        ref.core.monitors.pop(self._monitoring, None)

    def link(self, ref: Ref[Any]) -> None:
        """Crash this actor with `LinkedActorDown` when an incarnation of *ref* crashes, and not when it is stopped."""
        self._watch(ref, _LinkDown, self._linking)

    def stop(self) -> None:
        """Stop this actor once what is queued is handled. Only a permanent child is started again."""
        self._core.mailbox.close()

    def end(self) -> None:
        """Cancel the timers of this incarnation and let its tasks go."""
        for timer in self._owned_timers:
            timer.cancel()
        for core in self._watched:
            core.monitors.pop(self._monitoring, None)
            core.monitors.pop(self._linking, None)
        self._nursery.cancel_scope.cancel()

    def _watch(self, ref: Ref[Any], make: Callable[[Down], Message[Any, None]], key: object) -> None:
        core = ref.core
        if core.state in ENDED and core.mailbox.closed:
            self.tell(make(Down(core.path, None, final=True)))
            return
        core.monitors[key] = lambda down: void(self.tell(make(down)))
        self._watched.append(core)

    def _own(self, timer: Timer) -> Timer:
        self._owned_timers.append(timer)
        if len(self._owned_timers) > self._prune_at:  # doubled each time, so that many timers cost no more each
            self._owned_timers = [kept for kept in self._owned_timers if kept.active]
            self._prune_at = 2 * len(self._owned_timers) + 16
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


@attrs.frozen
class _LinkDown(Message[object, None]):
    down: Down

    def deliver(self, to: object) -> None:
        if self.down.error is not None:
            raise LinkedActorDown(self.down.path, self.down.error)


def void(_: object) -> None:
    """Nothing of it."""


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
        core = self.core
        core.poison = None
        with unwrapping(), core.scope:
            await self._live(started)
        if core.poison is not None:
            raise core.poison

    async def _live(self, started: Callable[[], None]) -> None:
        core = self.core
        actor = self.factory()
        async with trio.open_nursery() as nursery:
            context = Context(core, self.bus, nursery)
            actor.attach(context)
            try:
                with trio.fail_after(self.start_seconds):
                    await actor.on_start()
                core.actor = actor
                if core.state is ActorState.STARTING:  # else it was told to stop meanwhile
                    core.state = ActorState.RUNNING
                core.started_at = trio.current_time()
                started()
                await self._serve(actor)
            finally:
                core.mailbox.parked = False
                core.actor = core.started_at = core.busy_since = None
                CURRENT.set(None)
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
        """Handle messages until the mailbox is closed and empty, or a halt is requested.

        The hot path of everything: what is the same for the whole batch is done once per batch.
        """
        core, halt, mailbox = self.core, self.halt, self.core.mailbox
        batch, waits = mailbox.batch, mailbox.waits
        correlation = None
        current = Current(core, math.inf)
        CURRENT.set(current)
        now = core.now()
        while not halt.requested:
            if not batch:
                if not await self._refill():
                    return
                now = core.now()
            envelope = batch.popleft()
            if envelope.on_taken is not None:
                envelope.on_taken()
            slot, message = envelope.slot, envelope.message
            if slot is not None:
                if slot.void:
                    mailbox.count_void(envelope)
                    continue
                slot.phase = "running"
            current.deadline = envelope.deadline
            if envelope.correlation is not correlation:
                correlation = envelope.correlation
                CORRELATION.set(correlation)
            waits[int((now - envelope.sent_at) * 1e6).bit_length()] += 1
            tracing = core.tracer.on
            begun = core.now() if tracing else now
            try:
                answer = message.deliver(actor)
                if must_wait(answer):
                    core.busy_since = core.now()
                    answer = await answer
                    core.busy_since = None
                    now = core.now()
            except BaseException as error:
                core.busy_since = None
                self._raised(envelope, error, begun)
                now = core.now()
                continue
            mailbox.handled += 1
            if slot is not None:
                slot.value(answer)
            if tracing:
                self._trace(envelope, begun, "handled")

    async def _refill(self) -> bool:
        """Have messages in hand; False if this incarnation is to handle no more."""
        try:
            await self.core.mailbox.refill()
        except trio.EndOfChannel:
            return False
        # What arrived in the very moment that a call in place crashed is for the next incarnation.
        return self.core.poison is None

    def _raised(self, envelope: Envelope, error: BaseException, begun: float) -> None:
        """Answer for what a handler raised; returns if it was a declared error, raises it again if not."""
        core, slot, name = self.core, envelope.slot, name_of(envelope.message)
        mailbox = core.mailbox
        single = unwrap(error)
        outcome: Outcome
        if isinstance(single, errors_of(envelope.message)):
            mailbox.handled += 1
            answer, outcome = single, "error"
        elif only_cancelled(error):
            mailbox.interrupted += 1
            answer, outcome = ActorStopped(core.path), "interrupted"
        else:
            mailbox.crashed += 1
            answer, outcome = ActorCrashed(core.path, name, error), "crashed"
        if slot is not None:
            slot.error(answer)
        if core.tracer.on:
            self._trace(envelope, begun, outcome)
        if outcome != "error":
            raise error

    def _trace(self, envelope: Envelope, begun: float, outcome: Outcome) -> None:
        self.core.tracer.record(
            MessageTraced(
                path=self.core.path,
                message=name_of(envelope.message),
                correlation=envelope.correlation,
                asked=envelope.slot is not None,
                waited=begun - envelope.sent_at,
                took=trio.current_time() - begun,
                outcome=outcome,
            )
        )
