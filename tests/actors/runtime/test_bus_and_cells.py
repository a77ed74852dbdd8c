"""Events reach whom they should, in order; whoever is slow is told what it missed; cells never disagree."""

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime import Bus, Cell, Changed, InvalidSpec, Lagged, Overflow, Subscription
from actors.testing import settle


@attrs.frozen
class Animal:
    name: str


@attrs.frozen
class Hamster(Animal):
    pass


def drain(subscription: Subscription[int]) -> list[int | Lagged]:
    out: list[int | Lagged] = []
    while True:
        try:
            out.append(subscription.receive_nowait())
        except trio.WouldBlock:
            return out


async def test_a_subscriber_of_a_class_gets_its_subclasses_and_nothing_else() -> None:
    bus = Bus()
    with bus.subscribe(Animal) as animals, bus.subscribe(Hamster, str) as mixed:
        for event in (Animal("cat"), Hamster("Gus"), "text", 5):
            bus.publish(event)
        assert await animals.receive_batch() == [Animal("cat"), Hamster("Gus")]
        assert await mixed.receive_batch() == [Hamster("Gus"), "text"]
    bus.publish(Animal("late"))
    assert bus.subscribers == 0


async def test_a_reader_that_waits_is_woken_and_ends_when_closed() -> None:
    bus = Bus()
    got: list[object] = []
    subscription = bus.subscribe(Animal)

    async def read() -> None:
        got.extend([event async for event in subscription])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await settle()
        bus.publish(Animal("a"))
        bus.publish(Animal("b"))
        await settle()
        subscription.close()
    assert got == [Animal("a"), Animal("b")]


async def test_a_reader_whose_event_somebody_took_waits_for_the_next() -> None:
    got: list[int | Lagged] = []
    subscription = Subscription[int]()

    async def read() -> None:
        got.extend([event async for event in subscription])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await settle()
        subscription.push(1)
        assert subscription.receive_nowait() == 1  # before the reader, which is woken, has run
        await settle()
        subscription.push(2)
        await settle()
        subscription.close()
    assert got == [2]


async def test_two_readers_of_one_subscription_are_refused() -> None:
    with Bus().subscribe(object) as subscription:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(subscription.receive)
            await settle()
            with pytest.raises(trio.BusyResourceError, match="subscribe once per reader"):
                await subscription.receive()
            nursery.cancel_scope.cancel()


async def test_a_cancelled_reader_loses_nothing() -> None:
    with Subscription[int]() as subscription:
        with trio.move_on_after(0):
            await subscription.receive()
        subscription.push(1)
        with trio.CancelScope() as scope:
            scope.cancel()
            await subscription.receive()
        assert await subscription.receive() == 1


@pytest.mark.parametrize(
    ("overflow", "expected"),
    [
        (Overflow.DROP_OLDEST, [Lagged(3), 4, 5, 6]),
        (Overflow.DROP_NEWEST, [1, 2, 3, Lagged(3)]),
    ],
)
def test_what_does_not_fit_is_counted_where_it_is_missing(overflow: Overflow, expected: list[int | Lagged]) -> None:
    subscription = Subscription[int](capacity=3, overflow=overflow)
    for number in range(1, 7):
        subscription.push(number)
    assert drain(subscription) == expected


@given(
    st.sampled_from(Overflow),
    st.integers(1, 4),
    st.lists(st.one_of(st.just("push"), st.just("read")), max_size=60),
)
def test_received_and_missed_add_up_and_order_is_kept(overflow: Overflow, capacity: int, steps: list[str]) -> None:
    subscription = Subscription[int](capacity=capacity, overflow=overflow)
    published = 0
    seen: list[int | Lagged] = []
    for step in steps:
        if step == "push":
            subscription.push(published)
            published += 1
        else:
            try:
                seen.append(subscription.receive_nowait())
            except trio.WouldBlock:
                continue
        assert subscription.statistics().queued <= capacity
    seen += drain(subscription)
    # Replaying what was seen, every number is either received at its place or counted as missing just there.
    following = 0
    for item in seen:
        if isinstance(item, Lagged):
            following += item.missed
        else:
            assert item == following
            following += 1
    assert following == published
    statistics = subscription.statistics()
    assert statistics.received + statistics.missed == published


def test_a_subscription_without_room_is_refused() -> None:
    with pytest.raises(InvalidSpec, match=r"subscription\.capacity is 0"):
        Subscription[int](capacity=0)


async def test_a_cell_changes_value_version_and_event_in_one_step() -> None:
    bus = Bus()
    cell = Cell(10, bus=bus, event=lambda old, new, version: (old, new, version))
    with bus.subscribe(object) as events:
        watch = cell.subscribe()
        assert (watch.value, watch.version) == (10, 1)
        assert cell.set(11) == 2
        cell.update(lambda value: value * 2)
        assert (cell.value, cell.version) == (22, 3)
        assert await watch.changes.receive_batch() == [Changed(11, 2), Changed(22, 3)]
        assert await events.receive_batch() == [(10, 11, 2), (11, 22, 3)]
        watch.changes.close()
        cell.set(0)
        assert watch.changes.statistics().queued == 0


@given(st.lists(st.sampled_from(["set", "watch"]), max_size=30))
def test_whenever_one_starts_to_follow_a_cell_value_and_changes_fit_together(steps: list[str]) -> None:
    cell = Cell(0)
    watches = [cell.subscribe()]
    for step in steps:
        if step == "set":
            cell.set(cell.value + 1)
        else:
            watches.append(cell.subscribe())
    for watch in watches:
        value, version = watch.value, watch.version
        while watch.changes.statistics().queued:
            changed = watch.changes.receive_nowait()
            assert isinstance(changed, Changed)
            assert (changed.value, changed.version) == (value + 1, version + 1)
            value, version = changed.value, changed.version
        assert (value, version) == (cell.value, cell.version)
