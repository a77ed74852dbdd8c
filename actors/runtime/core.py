"""What stays of an actor while its incarnations come and go: the thing behind every ref."""

import enum
from contextvars import ContextVar

import attrs
import trio

from actors.runtime.errors import AskCycle
from actors.runtime.mailbox import Mailbox, MailboxCounts


class ActorState(enum.Enum):
    """Where an actor is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    BACKOFF = "backoff"
    """It crashed and waits to be started again; messages queue."""
    STOPPED = "stopped"
    FAILED = "failed"
    """Its supervisor gave up on it."""


ENDED = frozenset({ActorState.STOPPED, ActorState.FAILED})


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
    """Since the handler in progress began; None while idle."""


class ActorCore:
    """One actor's mailbox, state and counts; survives restarts."""

    def __init__(self, path: str, mailbox: Mailbox) -> None:
        self.path = path
        self.mailbox = mailbox
        self.state = ActorState.STOPPED
        self.restarts = 0
        self.started_at: float | None = None
        self.busy_since: float | None = None
        self.waits_for: list[ActorCore] = []
        """Whom this actor's handlers ask right now; edges for finding cycles."""

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
            counts=attrs.evolve(self.mailbox.counts),
            queued=self.mailbox.depth,
            capacity=self.mailbox.options.capacity,
            peak=self.mailbox.peak,
            oldest_age=None if oldest is None else now - oldest,
            busy_for=None if self.busy_since is None else now - self.busy_since,
        )


@attrs.frozen
class Current:
    """The message being handled in this task: what its nested messages inherit."""

    core: ActorCore
    deadline: float


CURRENT: ContextVar[Current | None] = ContextVar("actors_current", default=None)
CORRELATION: ContextVar[str | None] = ContextVar("actors_correlation", default=None)
"""Travels with every message sent while it is set, so that what a request caused can be found again."""


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
    """How a running incarnation is made to stop, without losing a message it has in hand.

    `scope` ends it at once. `parked` says that it waits for a message and has nothing in hand.
    """

    scope: trio.CancelScope
    parked: bool = False
    requested: bool = False

    def after_this_message(self) -> None:
        """Stop once the handler in progress is through; what is queued stays queued."""
        self.requested = True
        if self.parked:
            self.scope.cancel()
