"""What callers see: of answers, errors, deadlines, cancellation, stops and crashes."""

import math
from contextlib import suppress

import pytest
import trio
import trio.testing

from actors.runtime import (
    ActorCrashed,
    ActorRestarting,
    ActorState,
    ActorStopped,
    AskCycle,
    AskTimeout,
    Bus,
    ChildSpec,
    DeadLetter,
    Full,
    KeepOnRestart,
    MailboxFull,
    MailboxOptions,
    Ref,
    Restart,
    Supervisor,
    open_supervisor,
)
from actors.testing import advance, settle
from tests.actors.runtime.counter import Add, Counter, Crash, Do, GetTotal, TooMuchError, WaitFor


async def start(root: Supervisor, name: str = "counter", **mailbox: object) -> Ref[Counter]:
    options = MailboxOptions(**mailbox)  # type: ignore[arg-type] - the tests name the options they vary
    return await root.start(ChildSpec(name, Counter, mailbox=options))


async def test_an_ask_is_answered_in_the_order_it_was_sent() -> None:
    async with open_supervisor() as root:
        counter = await start(root)
        counter.tell(Add(1))
        await counter.send(Add(2))
        assert await counter.ask(Add(3)) == 6


async def test_a_declared_error_is_an_answer_and_the_actor_lives_on() -> None:
    async with open_supervisor() as root:
        counter = await start(root)
        await counter.ask(Add(5))
        with pytest.raises(TooMuchError, match="amount is 2000"):
            await counter.ask(Add(2000))
        assert await counter.ask(GetTotal()) == 5
        assert counter.statistics().restarts == 0


async def test_any_other_error_reaches_the_asker_as_a_crash_with_its_cause_and_the_actor_starts_fresh() -> None:
    async with open_supervisor() as root:
        counter = await start(root)
        await counter.ask(Add(5))
        with pytest.raises(ActorCrashed, match="root/counter crashed while handling Crash") as caught:
            await counter.ask(Crash())
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert await counter.ask(GetTotal()) == 0
        assert counter.statistics().restarts == 1


async def test_a_crash_loses_and_reorders_no_other_message() -> None:
    async with open_supervisor() as root:
        counter = await start(root)
        gate = trio.Event()
        counter.tell(WaitFor(gate))
        counter.tell(Crash())
        for _ in range(10):
            counter.tell(Add(1))
        gate.set()
        assert await counter.ask(GetTotal()) == 10
        counts = counter.statistics().counts
        assert (counts.sent, counts.handled, counts.crashed) == (13, 12, 1)


@pytest.mark.parametrize(("keep", "total"), [(KeepOnRestart.FAIL_ASKS, 7), (KeepOnRestart.NOTHING, 0)])
async def test_a_restart_fails_queued_asks_and_keeps_tells_as_the_mailbox_says(keep: KeepOnRestart, total: int) -> None:
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        counter = await start(root, keep=keep)
        gate = trio.Event()
        counter.tell(WaitFor(gate))
        counter.tell(Crash())
        counter.tell(Add(7))

        async def ask() -> None:
            with pytest.raises(ActorRestarting):
                await counter.ask(Add(100))

        nursery.start_soon(ask)
        await settle()
        gate.set()
        await settle()
        assert await counter.ask(GetTotal()) == total


async def test_an_ask_that_is_not_reached_in_time_is_never_run(mock_clock: trio.testing.MockClock) -> None:
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        counter = await start(root)
        gate = trio.Event()
        counter.tell(WaitFor(gate))

        async def ask() -> None:
            with pytest.raises(AskTimeout, match=r"within 2 s \(it was queued\)") as caught:
                await counter.ask(Add(1), timeout=2.0)
            assert caught.value.phase == "queued"

        nursery.start_soon(ask)
        await advance(mock_clock, 3.0)
        gate.set()
        assert await counter.ask(GetTotal()) == 0
        assert counter.statistics().counts.expired == 1


async def test_an_ask_in_progress_at_its_deadline_goes_on_and_its_answer_reaches_nobody(
    mock_clock: trio.testing.MockClock,
) -> None:
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        counter = await start(root)
        gate = trio.Event()

        async def ask() -> None:
            with pytest.raises(AskTimeout) as caught:
                await counter.ask(WaitFor(gate), timeout=1.0)
            assert caught.value.phase == "running"
            # The late answer (0) must not be taken for the answer of this one.
            assert await counter.ask(Add(41)) == 41

        nursery.start_soon(ask)
        await advance(mock_clock, 1.5)
        gate.set()


async def test_a_cancelled_callers_ask_is_skipped_when_its_turn_comes() -> None:
    async with open_supervisor() as root:
        counter = await start(root)
        gate = trio.Event()
        counter.tell(WaitFor(gate))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(counter.ask, Add(1))
            await settle()
            nursery.cancel_scope.cancel()
        gate.set()
        assert await counter.ask(GetTotal()) == 0
        assert counter.statistics().counts.abandoned == 1


async def test_a_handlers_asks_inherit_its_deadline(mock_clock: trio.testing.MockClock) -> None:
    async with open_supervisor() as root:
        outer = await start(root, "outer")
        inner = await start(root, "inner")
        waited = math.nan
        gate = trio.Event()

        async def nested() -> None:
            nonlocal waited
            started = trio.current_time()
            try:
                await inner.ask(WaitFor(gate), timeout=1000.0)
            except AskTimeout:
                waited = trio.current_time() - started

        async def ask() -> None:
            # Both deadlines are the same instant: the handler may still answer in it, or not.
            with suppress(AskTimeout):
                await outer.ask(Do(nested), timeout=2.0)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await advance(mock_clock, 2.0)
        assert waited == pytest.approx(2.0)
        gate.set()


async def test_asking_oneself_over_others_is_refused_at_once_with_the_path() -> None:
    async with open_supervisor() as root:
        first = await start(root, "first")
        second = await start(root, "second")
        seen: list[tuple[str, ...]] = []

        async def back() -> None:
            with pytest.raises(AskCycle) as caught:
                await first.ask(GetTotal())
            seen.append(caught.value.cycle)

        async def onward() -> None:
            await second.ask(Do(back))

        await first.ask(Do(onward))
        assert seen == [("root/second", "root/first", "root/second")]

        async def self_ask() -> None:
            with pytest.raises(AskCycle):
                await first.ask(GetTotal())

        await first.ask(Do(self_ask))


async def test_a_stop_drains_the_queue_and_then_refuses() -> None:
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        counter = await start(root)
        gate = trio.Event()
        answers: list[int] = []

        async def ask() -> None:
            answers.append(await counter.ask(Add(1)))

        counter.tell(WaitFor(gate))
        nursery.start_soon(ask)
        await settle()
        nursery.start_soon(root.stop, "counter")
        await settle()
        assert counter.state is ActorState.STOPPING
        with pytest.raises(ActorStopped, match="root/counter has stopped"):
            await counter.ask(GetTotal())
        gate.set()
        await settle()
        assert answers == [1]
        assert counter.state is ActorState.STOPPED


async def test_after_its_grace_a_stopped_actor_is_cut_off_and_every_asker_is_told(
    mock_clock: trio.testing.MockClock,
) -> None:
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        counter = await root.start(ChildSpec("counter", Counter, grace=2.0))
        refused: list[str] = []

        async def ask(message: WaitFor | Add) -> None:
            with pytest.raises(ActorStopped):
                await counter.ask(message, timeout=100.0)
            refused.append(type(message).__name__)

        nursery.start_soon(ask, WaitFor(trio.Event()))
        await settle()
        nursery.start_soon(ask, Add(1))
        await settle()
        nursery.start_soon(root.stop, "counter")
        await advance(mock_clock, 1.9)
        assert refused == []
        await advance(mock_clock, 0.2)
        assert sorted(refused) == ["Add", "WaitFor"]


async def test_a_sender_that_waits_for_room_keeps_its_place_over_a_restart_and_is_told_of_a_stop() -> None:
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        counter = await start(root, capacity=1, batch=1)
        gate = trio.Event()
        counter.tell(WaitFor(gate))
        await settle()
        counter.tell(Crash())
        nursery.start_soon(counter.send, Add(1))
        await settle()
        assert counter.tell(Add(100)) is False  # a tell never waits
        gate.set()
        await settle()
        assert await counter.ask(GetTotal()) == 1

        blocked = trio.Event()
        counter.tell(WaitFor(blocked))
        await settle()
        counter.tell(Add(1))

        async def send() -> None:
            with pytest.raises(ActorStopped):
                await counter.send(Add(1))

        nursery.start_soon(send)
        await settle()
        nursery.start_soon(root.stop, "counter")
        await settle()
        blocked.set()


async def test_a_full_mailbox_does_what_its_policy_says() -> None:
    bus = Bus()
    with bus.subscribe(DeadLetter) as letters:
        async with open_supervisor(bus=bus) as root:
            for policy, total in ((Full.REJECT, 3), (Full.DROP_NEWEST, 3), (Full.DROP_OLDEST, 6)):
                counter = await start(root, policy.value, capacity=2, batch=1, full=policy)
                gate = trio.Event()
                counter.tell(WaitFor(gate))
                await settle()
                accepted = [counter.tell(Add(amount)) for amount in (1, 2, 4)]
                assert accepted == [True, True, policy is Full.DROP_OLDEST]
                if policy is not Full.DROP_OLDEST:
                    with pytest.raises(MailboxFull, match=r"\(2 messages\)"):
                        await counter.send(Add(8))
                gate.set()
                await settle()
                assert await counter.ask(GetTotal()) == total
    received = letters.statistics().queued
    assert received == 5  # two each where the new one goes, one where the oldest goes


async def test_telling_a_stopped_actor_is_a_dead_letter_and_no_error() -> None:
    bus = Bus()
    async with open_supervisor(bus=bus) as root:
        counter = await start(root)
        await root.stop("counter")
        with bus.subscribe(DeadLetter) as letters:
            assert counter.tell(Add(1)) is False
            assert letters.receive_nowait() == DeadLetter("root/counter", "Add", "the actor has stopped")


async def test_a_temporary_actor_that_crashes_answers_all_who_wait() -> None:
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        counter = await root.start(ChildSpec("counter", Counter, restart=Restart.TEMPORARY))
        gate = trio.Event()
        counter.tell(WaitFor(gate))
        counter.tell(Crash())

        async def ask() -> None:
            with pytest.raises(ActorStopped):
                await counter.ask(GetTotal())

        nursery.start_soon(ask)
        await settle()
        gate.set()
        await settle()
        assert counter.state is ActorState.FAILED
