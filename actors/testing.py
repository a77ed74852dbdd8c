"""For tests of actors: a virtual clock that moves when told to, and an actor that records what reaches it."""

import importlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Generic, TypeVar, TypeVarTuple
from unittest import mock

import attrs
import trio
import trio.testing

from actors.runtime import Actor, Message

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def run_seeded(
    seed: int,
    run: Callable[[*Ts], Awaitable[T]],
    *args: *Ts,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> T:
    """What `run(*args)` returns, run by Trio in the same order of steps for the same *seed*, in virtual time.

    The clock is a `MockClock` that jumps to the next deadline whenever nothing else can happen, so never give it
    anything with threads, processes or sockets. One run at a time: while it lasts, Trio's scheduler is changed for
    the whole process.

    Args:
        seed: Decides in which order Trio runs the tasks that could all run now.
        run: What to run, and its arguments.
        instruments: Trio's, to look on or to interfere at every step.
    """
    # Trio has no public way to be repeatable. These are the two names that pytest-trio uses for Hypothesis, too.
    scheduler = importlib.import_module("trio._core._run")
    dice: Random = vars(scheduler)["_r"]
    before = dice.getstate()
    dice.seed(seed)
    try:
        with mock.patch.object(scheduler, "_ALLOW_DETERMINISTIC_SCHEDULING", new=True):
            clock = trio.testing.MockClock(autojump_threshold=0)
            return trio.run(run, *args, clock=clock, instruments=instruments)
    finally:
        dice.setstate(before)


async def settle() -> None:
    """Wait until every task waits for something: all that could happen now has happened."""
    await trio.testing.wait_all_tasks_blocked()


async def advance(clock: trio.testing.MockClock, seconds: float) -> None:
    """Move *clock* forward and let everything that became due happen, in the order it is due.

    For a clock that does not jump by itself (the `mock_clock` fixture of pytest-trio). Never in a test that has
    threads, processes or sockets: virtual time runs past them.
    """
    end = clock.current_time() + seconds
    await settle()
    while (due := _next_deadline()) <= end:
        clock.jump(max(0.0, due - clock.current_time()))
        await settle()
    clock.jump(end - clock.current_time())
    await settle()


def _next_deadline() -> float:
    statistics = trio.lowlevel.current_statistics()
    return trio.current_time() + max(0.0, statistics.seconds_to_next_deadline)


@attrs.frozen
class Note(Message["Probe[T]", None], Generic[T]):
    """Something for a probe to keep."""

    content: T

    def deliver(self, to: "Probe[T]") -> None:
        to.note(self.content)


class Probe(Actor, Generic[T]):
    """An actor that keeps what it is told with `Note`, for a test to look at.

    Args:
        react: Called with each content first; may raise, to crash the probe.
    """

    def __init__(self, react: Callable[[T], None] | None = None) -> None:
        self.notes: deque[T] = deque()
        self._react = react
        self._arrived = trio.Event()

    def note(self, content: T) -> None:
        """Keep *content*."""
        if self._react is not None:
            self._react(content)
        self.notes.append(content)
        self._arrived.set()
        self._arrived = trio.Event()

    async def wait_for(self, count: int) -> list[T]:
        """The first *count* contents, waiting until there are so many."""
        while len(self.notes) < count:
            await self._arrived.wait()
        return list(self.notes)[:count]
