"""Programs as data: actors, who calls them and how, who listens. All times in seconds of virtual time.

Times are multiples of a 64th, so that sums are exact and things often fall due at the very same moment.
"""

import enum

import attrs

from actors.runtime import (
    Backoff,
    MailboxOptions,
    Overflow,
    Restart,
    RestartIntensity,
    Strategy,
)


class How(enum.Enum):
    """How a message is put into a mailbox."""

    TELL = "tell"
    SEND = "send"
    ASK = "ask"


class Kind(enum.Enum):
    """How the message is handled."""

    SYNC = "sync"
    ASYNC = "async"
    LATE = "late"
    """By a plain function that tells the actor something first and returns a coroutine."""


@attrs.frozen
class Hold:
    """Let time pass; of 0 seconds: let others have a turn. Not within a plain function."""

    seconds: float


@attrs.frozen
class Post:
    """Send *work* to an actor. *give_up* cancels it after so many seconds."""

    how: How
    work: "Work"
    timeout: float = 5.0
    give_up: float | None = None


@attrs.frozen
class Fail:
    """Raise: what the message declares, or a crash."""

    declared: bool


@attrs.frozen
class StopSelf:
    """The actor stops once its queue is handled."""


@attrs.frozen
class Detach:
    """Start a task of the incarnation that ends after so many seconds, with a crash or not."""

    seconds: float
    crash: bool


@attrs.frozen
class Look:
    """Read an actor's statistics."""

    actor: int


@attrs.frozen
class Publish:
    """One event on the bus and one new value of the cell."""


@attrs.frozen
class StopChild:
    """Have the actor's supervisor stop it for good."""

    actor: int


@attrs.frozen
class StartChild:
    """Have the actor's supervisor start it anew, if it is not there."""

    actor: int


Step = Hold | Post | Fail | StopSelf | Detach | Look | Publish | StopChild | StartChild


@attrs.frozen
class Work:
    """A message: what handling it does."""

    to: int
    kind: Kind
    steps: tuple[Step, ...] = ()


@attrs.frozen
class TimerPlan:
    """A timer whose handler takes *hold*."""

    interval: float
    hold: float


@attrs.frozen
class ActorPlan:
    """An actor; *bad_starts* are the incarnations (from 0) whose `on_start` crashes, in *quits* it stops itself."""

    name: str
    group: int
    restart: Restart
    mailbox: MailboxOptions
    backoff: Backoff
    grace: float
    start_seconds: float
    stop_seconds: float
    bad_starts: tuple[int, ...]
    quits: tuple[int, ...]
    timers: tuple[TimerPlan, ...]
    watches: tuple[int, ...]
    """Actors it monitors."""
    links: tuple[int, ...]


@attrs.frozen
class GroupPlan:
    """A supervisor; the first is the root, the others are its children."""

    name: str
    strategy: Strategy
    intensity: RestartIntensity
    restart: Restart
    backoff: Backoff


@attrs.frozen
class CallerPlan:
    """A task that is no actor. *cancel_at* cancels it when it waits for that time (from 1), *lag* steps of others
    later."""

    name: str
    steps: tuple[Step, ...]
    cancel_at: int | None
    lag: int


@attrs.frozen
class ListenerPlan:
    """A subscriber to the bus or to the cell that takes its time over each event."""

    of_cell: bool
    capacity: int
    overflow: Overflow
    pace: float
    batch: int | None
    cancel_after: float | None


@attrs.frozen
class Program:
    """All of it. *calm*: nothing fails and nothing is refused, so that what happens does not depend on when."""

    seed: int
    calm: bool
    groups: tuple[GroupPlan, ...]
    actors: tuple[ActorPlan, ...]
    callers: tuple[CallerPlan, ...]
    listeners: tuple[ListenerPlan, ...]
