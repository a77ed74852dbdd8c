"""A small actor that the tests of the runtime share: it counts, waits, fails and crashes on demand."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs
import trio

from actors.runtime import Actor, Message

Action = Callable[[], Awaitable[object]]


class TooMuchError(Exception):
    """The declared error of `Add`."""


class Counting(Protocol):
    """What a counter can be asked."""

    def add(self, amount: int) -> int: ...

    def total(self) -> int: ...

    async def wait(self, gate: trio.Event) -> int: ...

    def crash(self) -> None: ...

    async def do(self, action: Action) -> object: ...


@attrs.frozen
class Add(Message[Counting, int]):
    """Add, and answer the new total."""

    errors = (TooMuchError,)
    amount: int = 1

    def deliver(self, to: Counting) -> int:
        return to.add(self.amount)


@attrs.frozen
class GetTotal(Message[Counting, int]):
    """The total."""

    def deliver(self, to: Counting) -> int:
        return to.total()


@attrs.frozen
class WaitFor(Message[Counting, int]):
    """Answer the total once the gate is open."""

    gate: trio.Event

    async def deliver(self, to: Counting) -> int:
        return await to.wait(self.gate)


@attrs.frozen
class Crash(Message[Counting, None]):
    """Raise something undeclared."""

    def deliver(self, to: Counting) -> None:
        to.crash()


@attrs.frozen
class Do(Message[Counting, object]):
    """Run *action* (a coroutine function) within the handler."""

    action: Action

    async def deliver(self, to: Counting) -> object:
        return await to.do(self.action)


class Counter(Actor):
    """Handles all of `Counting`; `log` notes its life."""

    def __init__(self, log: list[str] | None = None, name: str = "counter") -> None:
        self._total = 0
        self._log = log if log is not None else []
        self._name = name

    async def on_start(self) -> None:
        self._log.append(f"start {self._name}")

    async def on_stop(self) -> None:
        self._log.append(f"stop {self._name}")

    def add(self, amount: int) -> int:
        if amount > 1000:
            raise TooMuchError(f"amount is {amount}; expected 1000 or less")
        self._total += amount
        return self._total

    def total(self) -> int:
        return self._total

    async def wait(self, gate: trio.Event) -> int:
        await gate.wait()
        return self._total

    def crash(self) -> None:
        raise RuntimeError("asked to crash")

    async def do(self, action: Action) -> object:
        return await action()
