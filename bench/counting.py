"""The actor that is measured, and the work that every side does for a message: an addition."""

from collections.abc import Awaitable
from typing import Protocol

import attrs

from actors.runtime import Actor, Message


class Counter:
    """The work of one message, the same on every side."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0

    def add(self, amount: int) -> int:
        """Add, and answer the new total."""
        self.total += amount
        return self.total

    async def add_later(self, amount: int) -> int:
        """The same as a coroutine, which is work as well."""
        return self.add(amount)


class Counting(Protocol):
    """What the measured actor is asked."""

    def add(self, amount: int) -> int: ...

    def add_later(self, amount: int) -> Awaitable[int]: ...

    def crash(self) -> None: ...


@attrs.frozen
class Add(Message[Counting, int]):
    """Add, handled by a plain function."""

    amount: int = 1

    def deliver(self, to: Counting) -> int:
        return to.add(self.amount)


@attrs.frozen
class AddLater(Message[Counting, int]):
    """Add, handled by a coroutine: it cannot be answered without a switch to the actor's task."""

    amount: int = 1

    def deliver(self, to: Counting) -> Awaitable[int]:
        return to.add_later(self.amount)


@attrs.frozen
class Crash(Message[Counting, None]):
    """Raise what is not declared."""

    def deliver(self, to: Counting) -> None:
        to.crash()


class CounterActor(Actor):
    """Counts."""

    def __init__(self) -> None:
        self._counter = Counter()

    def add(self, amount: int) -> int:
        return self._counter.add(amount)

    def add_later(self, amount: int) -> Awaitable[int]:
        return self._counter.add_later(amount)

    def crash(self) -> None:
        raise RuntimeError("told to crash")
