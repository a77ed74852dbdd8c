"""Whatever ends an actor, everybody who wants something of it is told, each in the one way that fits."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
import trio.testing

from actors.runtime import (
    ActorCrashed,
    ActorStopped,
    AskTimeout,
    Backoff,
    Bus,
    ChildSpec,
    DeadLetter,
    MailboxOptions,
    Ref,
    Restart,
    RestartIntensity,
    Strategy,
    Supervisor,
    SupervisorSpec,
    open_supervisor,
)
from actors.testing import advance, settle
from tests.actors.runtime.counter import Add, Counter, Crash, Do, GetTotal, WaitFor

TEMPORARY = Restart.TEMPORARY
NO_DELAY = Backoff(initial=0.0, maximum=0.0)
Seen = dict[str, str]


async def note(seen: Seen, who: str, wants: Callable[[], Awaitable[object]]) -> None:
    """Write down what became of *wants*."""
    try:
        await wants()
        seen[who] = "done"
    except Exception as error:
        seen[who] = type(error).__name__


async def crowd(nursery: trio.Nursery, counter: Ref[Counter], first: Do | WaitFor, seen: Seen) -> None:
    """One ask in progress, an ask and a tell in the queue of two, and a sender without room."""
    nursery.start_soon(note, seen, "handled", lambda: counter.ask(first, timeout=1000.0))
    await settle()
    nursery.start_soon(note, seen, "queued", lambda: counter.ask(Add(1), timeout=1000.0))
    await settle()
    counter.tell(Add(2))
    nursery.start_soon(note, seen, "sending", lambda: counter.send(Add(4)))
    await settle()


@pytest.mark.parametrize(
    ("ending", "handled"),
    [("crash", "ActorCrashed"), ("stop", "ActorStopped"), ("supervisor gives up", "ActorStopped")],
)
async def test_everybody_hears_of_the_end_of_an_actor_that_does_not_come_back(
    ending: str, handled: str, mock_clock: trio.testing.MockClock
) -> None:
    bus, seen, gate = Bus(), Seen(), trio.Event()

    async def wait_and_crash() -> None:
        await gate.wait()
        raise RuntimeError("crash")

    async with open_supervisor(bus=bus) as root, trio.open_nursery() as nursery:
        inner = await root.start_supervisor(
            SupervisorSpec("inner", Strategy.ONE_FOR_ONE, RestartIntensity(0), TEMPORARY)
        )
        spec = ChildSpec("counter", Counter, TEMPORARY, MailboxOptions(capacity=2, batch=1), grace=2.0)
        counter = await inner.start(spec)
        other = await inner.start(ChildSpec("other", Counter))
        with bus.subscribe(DeadLetter) as letters:
            await crowd(nursery, counter, Do(wait_and_crash), seen)
            assert seen == {}
            match ending:
                case "crash":
                    gate.set()
                case "stop":
                    nursery.start_soon(inner.stop, "counter")
                case _:
                    other.tell(Crash())
            await advance(mock_clock, 3.0)
            assert seen == {"handled": handled, "queued": "ActorStopped", "sending": "ActorStopped"}
            dead = [letter for letter in await letters.receive_batch() if isinstance(letter, DeadLetter)]
            assert [(letter.message, letter.reason) for letter in dead] == [("Add", "the actor has stopped")] * 2
        assert counter.tell(Add(1)) is False
        with pytest.raises(ActorStopped):
            await counter.send(Add(1))


async def start_two(root: Supervisor) -> tuple[Ref[Counter], Ref[Counter]]:
    options = MailboxOptions(capacity=2, batch=1)
    first = await root.start(ChildSpec("first", Counter, mailbox=options, backoff=NO_DELAY))
    return first, await root.start(ChildSpec("second", Counter, backoff=NO_DELAY))


async def test_a_restart_for_a_sibling_lets_the_ask_in_progress_end_and_loses_nobody() -> None:
    seen, gate = Seen(), trio.Event()
    async with open_supervisor(strategy=Strategy.ONE_FOR_ALL) as root, trio.open_nursery() as nursery:
        first, second = await start_two(root)
        await crowd(nursery, first, WaitFor(gate), seen)
        second.tell(Crash())
        await settle()
        assert seen == {}
        gate.set()
        await settle()
        assert seen == {"handled": "done", "queued": "done", "sending": "done"}
        assert await first.ask(GetTotal()) == 7
        assert first.statistics().restarts == 1


async def test_an_ask_without_room_ends_at_its_deadline_and_is_never_handled(
    mock_clock: trio.testing.MockClock,
) -> None:
    seen, gate = Seen(), trio.Event()
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        first, _ = await start_two(root)
        await crowd(nursery, first, WaitFor(gate), seen)

        async def ask() -> None:
            with pytest.raises(AskTimeout, match="it was queued"):
                await first.ask(Add(100), timeout=1.0)

        nursery.start_soon(ask)
        await advance(mock_clock, 1.5)
        gate.set()
        await settle()
        assert await first.ask(GetTotal()) == 7


async def test_the_message_that_crashed_an_actor_is_not_delivered_again() -> None:
    delivered = 0

    async def crash() -> None:
        nonlocal delivered
        delivered += 1
        raise RuntimeError("crash")

    async with open_supervisor() as root:
        first, _ = await start_two(root)
        first.tell(Add(1))
        with suppress(ActorCrashed):
            await first.ask(Do(crash))
        assert await first.ask(GetTotal()) == 0
        assert delivered == 1
