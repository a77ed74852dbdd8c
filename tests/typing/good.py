"""A program of a user that uses every typed part of the runtime and is clean under pyright's strict mode.

Checked, never run. `assert_type` fails the check if a type is any other than the one named.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, assert_type

import attrs
import trio

from actors.runtime import (
    Actor,
    ActorEnded,
    ActorStarted,
    Bus,
    Cell,
    Changed,
    ChildSpec,
    Down,
    Lagged,
    Message,
    Ref,
    Subscription,
    Tick,
    Watch,
    open_supervisor,
)


class OutOfStockError(Exception):
    """There are fewer."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} left")
        self.left = left


class Taking(Protocol):
    """Whom `Take` can be sent to."""

    def take(self, count: int) -> int: ...


class Stocked(Taking, Protocol):
    """Whom all messages of this file can be sent to."""

    async def order(self, item: str) -> list[str]: ...

    def tick(self, tick: Tick) -> None: ...


@attrs.frozen
class Take(Message[Taking, int]):
    """Answered by a plain method."""

    errors = (OutOfStockError,)
    count: int

    def deliver(self, to: Taking) -> int:
        return to.take(self.count)


@attrs.frozen
class Order(Message[Stocked, list[str]]):
    """Answered by a coroutine, which `deliver` awaits."""

    item: str

    async def deliver(self, to: Stocked) -> list[str]:
        return await to.order(self.item)


@attrs.frozen
class OrderLazily(Message[Stocked, list[str]]):
    """Answered by a coroutine, which `deliver` hands on."""

    item: str

    def deliver(self, to: Stocked) -> Awaitable[list[str]]:
        return to.order(self.item)


@attrs.frozen
class Ticked(Message[Stocked, None]):
    """Told by a timer."""

    tick: Tick

    def deliver(self, to: Stocked) -> None:
        to.tick(self.tick)


@attrs.frozen
class Gone(Message["Shelf", None]):
    """Told by a monitor; to the actor's own class."""

    down: Down

    def deliver(self, to: "Shelf") -> None:
        to.gone(self.down)


class Shelf(Actor):
    """Handles them all without a word about protocols."""

    def __init__(self, other: Ref[Taking] | None = None) -> None:
        self._other = other
        self._left = Cell(10)

    async def on_start(self) -> None:
        self.context.every(1.0, Ticked)
        self.context.after(1.0, lambda tick: Ticked(tick))
        if self._other is not None:
            self.context.monitor(self._other, Gone)

    def take(self, count: int) -> int:
        if count > self._left.value:
            raise OutOfStockError(self._left.value)
        return self._left.set(self._left.value - count)

    async def order(self, item: str) -> list[str]:
        return [item]

    def tick(self, tick: Tick) -> None:
        assert_type(tick.missed, int)

    def gone(self, down: Down) -> None:
        assert_type(down.error, Exception | None)


async def replies_have_the_type_of_the_message(shelf: Ref[Shelf], taker: Ref[Taking]) -> None:
    assert_type(await shelf.ask(Take(1)), int)
    assert_type(await shelf.ask(Order("tea"), timeout=1.0), list[str])
    assert_type(await shelf.ask(OrderLazily("tea")), list[str])
    assert_type(await taker.ask(Take(1)), int)
    assert_type(shelf.tell(Take(1)), bool)
    await shelf.send(Order("tea"))
    assert_type(shelf.tell_threadsafe(Take(1), trio.lowlevel.current_trio_token()), bool)


def a_ref_of_an_actor_is_one_of_its_protocols(shelf: Ref[Shelf]) -> None:
    stocked: Ref[Stocked] = shelf
    taking: Ref[Taking] = stocked
    anybody: list[Ref[object]] = [shelf, stocked, taking]
    assert_type(anybody[0].path, str)


async def a_spec_keeps_the_type_of_its_actor(ref: Ref[Taking], factory: Callable[[], Actor]) -> None:
    plain = ChildSpec("plain", Shelf)
    assert_type(plain, ChildSpec[Shelf])
    made = ChildSpec("made", lambda: Shelf(ref))
    assert_type(made, ChildSpec[Shelf])
    general: list[ChildSpec[Actor]] = [plain, made]
    assert_type(general[0].factory(), Actor)
    async with open_supervisor() as root:
        assert_type(await root.start(plain), Ref[Shelf])
        assert_type(await root.start(made), Ref[Shelf])
        assert_type(await root.replace(plain), Ref[Shelf])
        assert_type(await root.start(ChildSpec("general", factory)), Ref[Actor])


async def subscribers_get_what_they_subscribed_to_or_how_much_they_missed(bus: Bus) -> None:
    with bus.subscribe(ActorStarted) as started:
        assert_type(started, Subscription[ActorStarted])
        assert_type(await started.receive(), ActorStarted | Lagged)
        assert_type(await started.receive_batch(), list[ActorStarted | Lagged])
        assert_type(started.receive_nowait(), ActorStarted | Lagged)
    with bus.subscribe(ActorStarted, ActorEnded, capacity=10) as either:
        assert_type(either, Subscription[ActorStarted | ActorEnded])
        async for event in either:
            assert_type(event, ActorStarted | ActorEnded | Lagged)
            if not isinstance(event, Lagged):
                assert_type(event.path, str)


async def cells_keep_their_type(bus: Bus) -> None:
    cell = Cell[tuple[str, int]](("a", 1), bus=bus, event=lambda old, new, version: Changed(new, old[1] + version))
    assert_type(cell, Cell[tuple[str, int]])
    assert_type(cell.value, tuple[str, int])
    assert_type(cell.update(lambda value: (value[0], value[1] + 1)), int)
    watch = cell.subscribe()
    assert_type(watch, Watch[tuple[str, int]])
    assert_type(watch.value, tuple[str, int])
    change = await watch.changes.receive()
    assert_type(change, Changed[tuple[str, int]] | Lagged)
    if isinstance(change, Changed):
        assert_type(change.value, tuple[str, int])
