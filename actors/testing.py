"""For tests of actors: a virtual clock that moves when told to, and an actor that records what reaches it."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import attrs
import trio
import trio.testing

from actors.runtime import Actor, Message

T = TypeVar("T")


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
