"""Descriptions of children as data, checked before anything starts; and the rules of restarting, pure."""

import enum
import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import attrs

from actors.runtime.actor import Actor
from actors.runtime.backoff import Backoff
from actors.runtime.errors import InvalidSpec
from actors.runtime.mailbox import MailboxOptions

A_co = TypeVar("A_co", bound=Actor, covariant=True)
C = TypeVar("C")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Strategy(enum.Enum):
    """Who is restarted when one child crashes."""

    ONE_FOR_ONE = "one_for_one"
    """That child."""
    ONE_FOR_ALL = "one_for_all"
    """All of them."""
    REST_FOR_ONE = "rest_for_one"
    """That child and those that were started after it."""


class Restart(enum.Enum):
    """Whether a child that ended is started again."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """When it crashed."""
    TEMPORARY = "temporary"
    """Never, not even when it was stopped for the restart of a sibling or of its supervisor."""


@attrs.frozen
class RestartIntensity:
    """More than *restarts* within *period* seconds, and the supervisor gives up.

    Nested limits multiply: a supervisor that bears 5 restarts of one that bears 5 gives up at the 36th crash.

    Args:
        restarts: How many are borne, 0 or more.
        period: The window in which they are counted, seconds above 0.
    """

    restarts: int = 5
    period: float = 60.0

    def __attrs_post_init__(self) -> None:
        if self.restarts < 0:
            raise InvalidSpec("intensity.restarts", self.restarts, "0 or more")
        if not self.period > 0:
            raise InvalidSpec("intensity.period", self.period, "seconds above 0")


@attrs.frozen
class ChildSpec(Generic[A_co]):
    """An actor to be supervised.

    Args:
        name: Unique among its siblings; letters, digits, `_`, `.` and `-`.
        factory: Makes a fresh instance for every incarnation.
        restart: Whether it is started again when it ends.
        mailbox: How much it holds, and what happens when it is full or restarted.
        grace: Seconds it gets to handle what is queued when it is stopped; then it is cancelled.
        start_seconds: How long `on_start` may take.
        backoff: How long a restart waits.
    """

    name: str
    factory: Callable[[], A_co]
    restart: Restart = Restart.PERMANENT
    mailbox: MailboxOptions = attrs.field(factory=MailboxOptions)
    grace: float = 5.0
    start_seconds: float = 30.0
    backoff: Backoff = attrs.field(factory=Backoff)

    def __attrs_post_init__(self) -> None:
        check_name(self.name)
        if not callable(self.factory):
            raise InvalidSpec(f"{self.name}.factory", self.factory, "something that makes an actor when called")
        if not self.grace >= 0:
            raise InvalidSpec(f"{self.name}.grace", self.grace, "seconds of 0 or more")
        if not self.start_seconds > 0:
            raise InvalidSpec(f"{self.name}.start_seconds", self.start_seconds, "seconds above 0")


@attrs.frozen
class SupervisorSpec:
    """A supervisor to be supervised: a bulkhead.

    Args:
        name: Unique among its siblings.
        strategy: Who is restarted when one of its children crashes.
        intensity: When it gives up.
        restart: What its own supervisor does then.
        backoff: How long a restart of the whole waits.
    """

    name: str
    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: RestartIntensity = attrs.field(factory=RestartIntensity)
    restart: Restart = Restart.PERMANENT
    backoff: Backoff = attrs.field(factory=Backoff)

    def __attrs_post_init__(self) -> None:
        check_name(self.name)


def check_name(name: str) -> None:
    """Raise `InvalidSpec` for a name that could not be part of a path."""
    if not NAME.fullmatch(name):
        raise InvalidSpec("name", name, "1 to 64 letters, digits, '_', '.' or '-', the first a letter or digit")


def wants_restart(restart: Restart, *, crashed: bool) -> bool:
    """Whether a child that ended is started again."""
    return restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and crashed)


def affected(strategy: Strategy, children: Sequence[C], crashed: C) -> list[C]:
    """Which of *children* (in the order they were started) are restarted when *crashed* crashes, in that order."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return [crashed]
        case Strategy.ONE_FOR_ALL:
            return list(children)
        case Strategy.REST_FOR_ONE:
            return list(children[children.index(crashed) :])


class RestartWindow:
    """Counts restarts in a sliding window."""

    def __init__(self, intensity: RestartIntensity) -> None:
        self._intensity = intensity
        self._times: deque[float] = deque()

    def allow(self, now: float) -> bool:
        """Note a restart at *now* (seconds); False if it is one too many."""
        while self._times and self._times[0] <= now - self._intensity.period:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) <= self._intensity.restarts

    def clear(self) -> None:
        """Forget all."""
        self._times.clear()
