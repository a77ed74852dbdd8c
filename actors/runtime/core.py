"""What stays of an actor while its incarnations come and go: the thing behind every ref."""

import enum
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from types import CoroutineType, MappingProxyType
from typing import Any, TypeGuard

import attrs
import trio

from actors.runtime.errors import AskCycle
from actors.runtime.histogram import Latency
from actors.runtime.mailbox import Mailbox, MailboxCounts
from actors.runtime.timers import Timers
from actors.runtime.tracing import Tracer

log = logging.getLogger("actors.runtime")


class ActorState(enum.Enum):
    """Where an actor is in its life."""

    STARTING = "starting"
    """Its `on_start` is on; messages queue."""
    RUNNING = "running"
    """It handles messages."""
    STOPPING = "stopping"
    """It handles what it may still handle, and cleans up."""
    BACKOFF = "backoff"
    """It is down and will be started again; messages queue."""
    STOPPED = "stopped"
    """It was stopped for good, or has not been started yet."""
    FAILED = "failed"
    """It crashed, or did not start, and is not started again."""


ENDED = frozenset({ActorState.STOPPED, ActorState.FAILED})

TRANSITIONS: Mapping[tuple[ActorState, ActorState], str] = MappingProxyType(
    {
        (ActorState.STOPPED, ActorState.STARTING): "its supervisor starts it",
        (ActorState.STARTING, ActorState.RUNNING): "on_start is through",
        (ActorState.STARTING, ActorState.STOPPING): "told to stop",
        (ActorState.STARTING, ActorState.BACKOFF): "a restart that did not succeed",
        (ActorState.STARTING, ActorState.FAILED): "its first start did not succeed",
        (ActorState.STARTING, ActorState.STOPPED): "its start was withdrawn",
        (ActorState.RUNNING, ActorState.BACKOFF): "it ended and is to be restarted",
        (ActorState.RUNNING, ActorState.STOPPING): "told to stop, for good or for a sibling's restart",
        (ActorState.RUNNING, ActorState.STOPPED): "it stopped itself and is not restarted",
        (ActorState.RUNNING, ActorState.FAILED): "it crashed and is not restarted",
        (ActorState.STOPPING, ActorState.STOPPED): "stopped for good",
        (ActorState.STOPPING, ActorState.BACKOFF): "stopped for a restart",
        (ActorState.BACKOFF, ActorState.STARTING): "the delay is over",
        (ActorState.BACKOFF, ActorState.STOPPED): "told to stop",
        (ActorState.BACKOFF, ActorState.FAILED): "its supervisor was given up",
    }
)
"""Where an actor can go from where, and why. `STOPPED` leads on only at its very beginning."""


@attrs.frozen
class ActorStatistics:
    """How an actor is doing. Durations in seconds.

    At rest `sent` is the sum of handled, crashed, interrupted, abandoned, expired, dead_lettered and queued.
    """

    path: str
    state: ActorState
    uptime: float | None
    """Since its present incarnation started; None while there is none."""
    restarts: int
    counts: MailboxCounts
    queued: int
    capacity: int
    """Of the channel; up to one batch more may be in hand."""
    peak: int
    oldest_age: float | None
    busy_for: float | None
    """Since the handler in progress began to wait for something; None while it does not."""
    waits: Latency
    """How long messages waited for their turn; not counted are asks answered without queueing."""


@attrs.frozen
class Down:
    """An actor's incarnation has ended; what a monitor is told."""

    path: str
    error: Exception | None
    """What crashed it; None when it was stopped."""
    final: bool
    """It will not be started again."""


class ActorCore:
    """One actor's mailbox, state and counts; survives restarts."""

    def __init__(self, path: str, mailbox: Mailbox, timers: Timers, tracer: Tracer) -> None:
        self.path = path
        self.mailbox = mailbox
        self.timers = timers
        self.tracer = tracer
        self.state = ActorState.STOPPED
        self.restarts = 0
        self.started_at: float | None = None
        self.busy_since: float | None = None
        self.actor: object | None = None
        """The running incarnation, while it handles messages."""
        self.poison: BaseException | None = None
        """What an inline call raised, which ends the incarnation."""
        self.scope = trio.CancelScope()
        """Ends the running incarnation."""
        self.waits_for: list[ActorCore] = []
        """Whom this actor's handlers ask right now; edges for finding cycles."""
        self.monitors: dict[object, Callable[[Down], None]] = {}
        """Whom to tell that an incarnation ended, by a key of their own."""
        self.inline_calls = 0
        self.handled_by_coroutines: set[type] = set()
        """Messages that were found not to be answered in place; as many as there are classes of them."""
        self.now = trio.lowlevel.current_clock().current_time
        """`trio.current_time` without two calls in between: it is asked for every message."""

    def tell_monitors(self, down: Down) -> None:
        """Tell everybody who watches."""
        for tell in tuple(self.monitors.values()):
            tell(down)
        if down.final:
            self.monitors.clear()

    def statistics(self) -> ActorStatistics:
        """A record of now."""
        now = trio.current_time()
        self.mailbox.note_peak()
        oldest = self.mailbox.oldest()
        return ActorStatistics(
            path=self.path,
            state=self.state,
            uptime=None if self.started_at is None else now - self.started_at,
            restarts=self.restarts,
            counts=self.mailbox.counts(),
            queued=self.mailbox.depth,
            capacity=self.mailbox.options.capacity,
            peak=self.mailbox.peak,
            oldest_age=None if oldest is None else now - oldest,
            busy_for=None if self.busy_since is None else now - self.busy_since,
            waits=Latency(tuple(self.mailbox.waits)),
        )


@attrs.define(eq=False)
class Current:
    """The message being handled in this task: what its nested messages inherit.

    One per incarnation, changed with each message: nothing that a handler starts outlives it with this set.
    """

    core: ActorCore
    deadline: float


CURRENT: ContextVar[Current | None] = ContextVar("actors_current", default=None)
CORRELATION: ContextVar[str | None] = ContextVar("actors_correlation", default=None)
"""Travels with every message sent while it is set, so that what a request caused can be found again."""


PLAIN = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, set, frozenset})
"""Types of answers that can never be awaited: asked first, since looking for a method costs."""


def must_wait(answer: object) -> TypeGuard[Awaitable[Any]]:
    """Whether a handler returned something to await."""
    kind = type(answer)
    return kind not in PLAIN and (kind is CoroutineType or hasattr(kind, "__await__"))


def check_cycle(asker: ActorCore, asked: ActorCore) -> None:
    """Refuse an ask that would wait for itself.

    Raises:
        AskCycle: *asked* waits, over any number of others, for *asker*.
    """
    chain = _chain(asked, asker, [])
    if chain is not None:
        raise AskCycle((asker.path, *(core.path for core in chain)))


def _chain(start: ActorCore, goal: ActorCore, seen: list[ActorCore]) -> list[ActorCore] | None:
    if start is goal:
        return [start]
    seen.append(start)
    for following in start.waits_for:
        if following in seen:
            continue
        chain = _chain(following, goal, seen)
        if chain is not None:
            return [start, *chain]
    return None


@attrs.define
class Halt:
    """How a running incarnation is made to stop, without losing a message it has in hand."""

    core: ActorCore
    requested: bool = False

    def after_this_message(self) -> None:
        """Stop once the handler in progress is through; what is queued stays queued."""
        self.requested = True
        if self.core.mailbox.parked:
            self.core.scope.cancel()
