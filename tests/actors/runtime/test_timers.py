"""Timers stay on their grid, merge what was missed, and end with their actor."""

from collections.abc import Callable

import attrs
import pytest
import trio
import trio.testing

from actors.runtime import (
    Actor,
    ActorCrashed,
    Backoff,
    ChildSpec,
    InvalidSpec,
    MailboxOptions,
    Message,
    Tick,
    open_supervisor,
)
from actors.testing import advance, settle


@attrs.frozen
class Ticked(Message["Clocked", None]):
    tick: Tick

    async def deliver(self, to: "Clocked") -> None:
        await to.ticked(self.tick)


@attrs.frozen
class Fail(Message["Clocked", None]):
    def deliver(self, to: "Clocked") -> None:
        raise RuntimeError("crash")


class Clocked(Actor):
    """Keeps its ticks; the handler takes as long as `delay` says."""

    def __init__(self, ticks: list[Tick], setup: Callable[["Clocked"], None], delay: float = 0.0) -> None:
        self.ticks = ticks
        self.delay = delay
        self._setup = setup

    async def on_start(self) -> None:
        self._setup(self)

    async def ticked(self, tick: Tick) -> None:
        self.ticks.append(tick)
        await trio.sleep(self.delay)


async def test_ticks_come_on_a_grid(mock_clock: trio.testing.MockClock) -> None:
    ticks: list[Tick] = []
    async with open_supervisor() as root:
        start = trio.current_time()
        await root.start(ChildSpec("clocked", lambda: Clocked(ticks, lambda me: void(me.context.every(2.0, Ticked)))))
        await advance(mock_clock, 6.5)
        assert [tick.scheduled_at - start for tick in ticks] == [2.0, 4.0, 6.0]
        assert [tick.missed for tick in ticks] == [0, 0, 0]


def void(_: object) -> None:
    """Nothing of it."""


async def test_a_slow_handler_gets_missed_ticks_merged_and_stays_on_the_grid(
    mock_clock: trio.testing.MockClock,
) -> None:
    ticks: list[Tick] = []
    async with open_supervisor() as root:
        start = trio.current_time()
        await root.start(
            ChildSpec("clocked", lambda: Clocked(ticks, lambda me: void(me.context.every(1.0, Ticked)), delay=3.5))
        )
        await advance(mock_clock, 11.6)
        # In hand from 1.0 to 4.5; the tick of 2.0 waited and was handled from 4.5 to 8.0; 3.0 and 4.0 were merged.
        assert [(tick.scheduled_at - start, tick.missed) for tick in ticks] == [(1.0, 0), (2.0, 0), (5.0, 2), (9.0, 3)]
        mock_clock.autojump_threshold = 0  # let the handler in progress end


async def test_a_clock_that_jumped_over_many_ticks_brings_one_that_counts_them(
    mock_clock: trio.testing.MockClock,
) -> None:
    ticks: list[Tick] = []
    async with open_supervisor() as root:
        start = trio.current_time()
        await root.start(ChildSpec("clocked", lambda: Clocked(ticks, lambda me: void(me.context.every(1.0, Ticked)))))
        mock_clock.jump(10.5)
        await settle()
        assert [(tick.scheduled_at - start, tick.missed) for tick in ticks] == [(10.0, 9)]


async def test_a_single_shot_comes_once_and_waits_for_room(mock_clock: trio.testing.MockClock) -> None:
    ticks: list[Tick] = []
    async with open_supervisor() as root:
        spec = ChildSpec(
            "clocked",
            lambda: Clocked(ticks, lambda me: void(me.context.after(1.0, Ticked)), delay=5.0),
            mailbox=MailboxOptions(capacity=1, batch=1),
            grace=60.0,
        )
        ref = await root.start(spec)
        for _ in range(2):
            ref.tell(Ticked(Tick(0.0)))
            await settle()
        await advance(mock_clock, 20.0)
        assert [tick.scheduled_at for tick in ticks[:2]] == [0.0, 0.0]
        assert len(ticks) == 3
        mock_clock.autojump_threshold = 0  # let the handler in progress end


async def test_a_cancelled_timer_does_not_fire(mock_clock: trio.testing.MockClock) -> None:
    ticks: list[Tick] = []
    async with open_supervisor() as root:
        await root.start(
            ChildSpec("clocked", lambda: Clocked(ticks, lambda me: me.context.every(1.0, Ticked).cancel()))
        )
        await advance(mock_clock, 5.0)
    assert ticks == []


async def test_the_timers_of_a_crashed_incarnation_are_gone_and_the_next_has_its_own(
    mock_clock: trio.testing.MockClock,
) -> None:
    ticks: list[Tick] = []
    async with open_supervisor() as root:
        ref = await root.start(
            ChildSpec(
                "clocked",
                lambda: Clocked(ticks, lambda me: void(me.context.every(1.0, Ticked))),
                backoff=Backoff(initial=0.0, maximum=0.0),
            )
        )
        await advance(mock_clock, 0.5)
        with pytest.raises(ActorCrashed):
            await ref.ask(Fail())
        await settle()
        await advance(mock_clock, 2.0)
        assert len(ticks) == 2


async def test_a_tick_that_cannot_be_made_crashes_the_actor_and_nobody_else(mock_clock: trio.testing.MockClock) -> None:
    ticks: list[Tick] = []

    def broken(_: Tick) -> Ticked:
        raise LookupError("no such message")

    async with open_supervisor() as root:
        bad = await root.start(ChildSpec("bad", lambda: Clocked([], lambda me: void(me.context.every(1.0, broken)))))
        await root.start(ChildSpec("good", lambda: Clocked(ticks, lambda me: void(me.context.every(1.0, Ticked)))))
        await advance(mock_clock, 3.5)
        assert bad.statistics().restarts >= 1
        assert len(ticks) == 3


async def test_an_interval_of_nothing_is_refused() -> None:
    async with open_supervisor() as root:

        def setup(me: Clocked) -> None:
            with pytest.raises(InvalidSpec, match="interval is 0; expected seconds above 0"):
                me.context.every(0, Ticked)

        await root.start(ChildSpec("clocked", lambda: Clocked([], setup)))
