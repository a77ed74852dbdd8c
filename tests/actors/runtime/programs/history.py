"""What happened when a program ran, written down as it happened."""

import math
from collections.abc import Callable
from typing import Literal

import attrs
import trio

from actors.runtime import ActorStatistics, Down, Ref, Tick, Timer
from actors.runtime.mailbox import Mailbox
from tests.actors.runtime.programs.plan import (
    ActorPlan,
    GroupPlan,
    How,
    ListenerPlan,
    Program,
    TimerPlan,
    Work,
)

Finish = Literal["handled", "declared", "crashed", "interrupted"]


@attrs.define(eq=False)
class Life:
    """One actor from a `start` to its end for good, over all of its incarnations."""

    actor: int
    plan: ActorPlan
    group: GroupPlan
    path: str
    incarnations: "list[Incarnation]" = attrs.field(factory=list["Incarnation"])
    ref: Ref[object] | None = None
    """Once the first `on_start` is through."""
    removed: bool = True
    """Somebody stopped it, or its start did not succeed (yet)."""
    stopped: bool = False
    """Somebody stopped it."""
    busy: int = 0
    handled: int = 0
    crashed: int = 0
    interrupted: int = 0
    waits: list[float] = attrs.field(factory=list[float])
    """Seconds that messages waited in its queue, of those that it began itself."""

    @property
    def mailbox(self) -> Mailbox:
        """Its mailbox; there once it has a ref."""
        assert self.ref is not None
        return self.ref.core.mailbox


@attrs.define(eq=False)
class Incarnation:
    """One run of an actor; *began* and *ended* count all that was written down, *began_at* is the time."""

    life: Life
    number: int
    began: int
    began_at: float
    task: trio.lowlevel.Task
    serving: bool = False
    ended: int | None = None
    gone: int | None = None
    """Its `on_stop` is through."""
    broken: bool = False
    """A handler crashed or was interrupted: it handles no other."""
    stops_itself: bool = False
    tasks: int = 0
    """Those it started that still run."""


@attrs.define(eq=False)
class Call:
    """One message: from the one who sent it to the end of its handler."""

    index: int
    sender: str
    origin: str
    how: How
    life: Life
    work: Work
    at: float
    deadline: float = math.inf
    outcome: str | None = None
    """How it ended for the sender: `told`, `refused`, `answered`, `cancelled` or the name of an error."""
    ended_at: float = math.inf
    began: int | None = None
    by: Incarnation | None = None
    finished: Finish | None = None

    def __str__(self) -> str:
        return f"{self.how.value} #{self.index} of {self.sender} to {self.life.plan.name}"


@attrs.define(eq=False)
class TimerRecord:
    """A timer of an incarnation; *ticks* are those handled: the tick and when."""

    incarnation: Incarnation
    plan: TimerPlan
    started_at: float
    timer: Timer | None = None
    ticks: list[tuple[Tick, float]] = attrs.field(factory=list[tuple[Tick, float]])


@attrs.define(eq=False)
class WatchRecord:
    """What an incarnation was told of an actor that it monitors."""

    by: Incarnation
    watched: Life
    since: int
    downs: list[Down] = attrs.field(factory=list[Down])


@attrs.define(eq=False)
class ListenerRecord:
    """What a listener received: numbers of events, and counts of those that it missed."""

    plan: ListenerPlan
    first: int
    """The number of the event that would be the first."""
    received: "list[int | Missed]" = attrs.field(factory=list["int | Missed"])


@attrs.frozen
class Missed:
    """So many were missed here."""

    count: int


@attrs.frozen
class Told:
    """An event of the runtime itself, and when."""

    order: int
    at: float
    event: object


@attrs.define(eq=False)
class History:
    """All of it."""

    program: Program
    lives: list[Life] = attrs.field(factory=list[Life])
    calls: list[Call] = attrs.field(factory=list[Call])
    timers: list[TimerRecord] = attrs.field(factory=list[TimerRecord])
    watches: list[WatchRecord] = attrs.field(factory=list[WatchRecord])
    listeners: list[ListenerRecord] = attrs.field(factory=list[ListenerRecord])
    told: list[Told] = attrs.field(factory=list[Told])
    violations: list[str] = attrs.field(factory=list[str])
    """What was found wrong while it ran."""
    published: int = 0
    changes: int = 0
    """How often the cell was set."""
    order: int = 0
    resting: dict[Life, ActorStatistics] = attrs.field(factory=dict[Life, ActorStatistics])
    """Statistics when nothing was left to do; empty if the root gave up before."""
    serving: set[Life] = attrs.field(factory=set[Life])
    """Whose incarnations ran then."""
    states: dict[str, str] = attrs.field(factory=dict[str, str])
    """By path, then."""
    left: int | None = None
    """When the root was told to stop."""
    escalated: bool = False
    """The root gave up."""
    now: Callable[[], float] = trio.current_time

    def next(self) -> int:
        """The place of what happens now among all that happens."""
        self.order += 1
        return self.order

    def wrong(self, invariant: int, what: str) -> None:
        """Note that *what* must not be."""
        self.violations.append(f"{invariant}: at {self.now():.6g} s: {what}")
