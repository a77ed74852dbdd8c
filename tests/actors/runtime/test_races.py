"""What random programs found: things that happen in the very moment in which something else does."""

from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio
import trio.testing

from actors.runtime import (
    Actor,
    ActorCrashed,
    ActorRestarting,
    Backoff,
    ChildSpec,
    KeepOnRestart,
    MailboxOptions,
    Message,
    open_supervisor,
)
from actors.testing import Note, Probe, settle
from tests.actors.runtime.counter import Add, Counter, Crash, GetTotal, TooMuchError, WaitFor

NO_DELAY = Backoff(initial=0.0, maximum=0.0)


@attrs.frozen
class TellSelfAndCrash(Message["Scribe", None]):
    """Handled without waiting: tells the actor something, then crashes it."""

    def deliver(self, to: "Scribe") -> None:
        to.context.tell(Write("told before the crash"))
        raise RuntimeError("asked to crash")


@attrs.frozen
class Write(Message["Scribe", int]):
    """Answers which incarnation wrote it."""

    line: str

    def deliver(self, to: "Scribe") -> int:
        return to.write(self.line)


@attrs.frozen
class WriteLater(Message["Scribe", int]):
    """The same, by a coroutine."""

    line: str

    async def deliver(self, to: "Scribe") -> int:
        await trio.lowlevel.checkpoint()
        return to.write(self.line)


@attrs.frozen
class CrashFirst(Message["Scribe", int]):
    """Told to itself in front of the rest: the actor crashes before the rest has its turn."""

    def deliver(self, to: "Scribe") -> Awaitable[int]:
        to.context.tell(Die())
        return WriteLater("the rest").deliver(to)


@attrs.frozen
class Die(Message["Scribe", None]):
    def deliver(self, to: "Scribe") -> None:
        if to.number == 1:
            raise RuntimeError("asked to crash")


class Scribe(Actor):
    """Every incarnation writes its number behind each line."""

    def __init__(self, book: list[tuple[str, int]], starts: list[None]) -> None:
        starts.append(None)
        self.number = len(starts)
        self._book = book

    def write(self, line: str) -> int:
        self._book.append((line, self.number))
        return self.number


def scribe(book: list[tuple[str, int]]) -> ChildSpec[Scribe]:
    starts: list[None] = []
    return ChildSpec("scribe", lambda: Scribe(book, starts), backoff=NO_DELAY)


async def test_what_a_crashing_call_in_place_told_the_actor_is_for_the_next_incarnation() -> None:
    book: list[tuple[str, int]] = []
    async with open_supervisor() as root:
        ref = await root.start(scribe(book))
        await settle()
        with pytest.raises(ActorCrashed):
            await ref.ask(TellSelfAndCrash())
        await settle()
        assert book == [("told before the crash", 2)]


async def test_a_coroutine_made_by_an_incarnation_that_crashed_before_its_turn_is_made_anew_by_the_next() -> None:
    book: list[tuple[str, int]] = []
    async with open_supervisor() as root:
        ref = await root.start(scribe(book))
        await settle()
        assert await ref.ask(CrashFirst()) == 2
        assert book == [("the rest", 2)]


async def test_statistics_read_while_messages_are_on_their_way_change_no_order() -> None:
    async with open_supervisor() as root:
        probe = Probe[int]()
        ref = await root.start(ChildSpec("probe", lambda: probe))
        await settle()
        for number in range(4):
            ref.tell(Note(number))
            ref.statistics()
        assert await probe.wait_for(4) == [0, 1, 2, 3]


async def test_waiting_times_after_a_declared_error_start_when_its_handler_ended(
    mock_clock: trio.testing.MockClock,
) -> None:
    mock_clock.autojump_threshold = 0.0

    @attrs.frozen
    class FailSlowly(Message[object, None]):
        errors = (TooMuchError,)

        async def deliver(self, to: object) -> None:
            await trio.sleep(3.0)
            raise TooMuchError

    async with open_supervisor() as root:
        ref = await root.start(ChildSpec("counter", Counter))
        ref.tell(FailSlowly())
        ref.tell(Add(1))
        assert await ref.ask(GetTotal()) == 1
        assert ref.statistics().waits.quantile(1.0) == 2**22 / 1e6  # 3 s, in the bucket that ends at 4.2 s


@pytest.mark.parametrize("keep", [KeepOnRestart.FAIL_ASKS, KeepOnRestart.NOTHING])
async def test_senders_that_wait_for_room_stay_through_a_restart_that_drops_the_queue(keep: KeepOnRestart) -> None:
    options = MailboxOptions(capacity=2, batch=1, keep=keep)
    depths: list[int] = []
    async with open_supervisor() as root:
        ref = await root.start(ChildSpec("counter", Counter, mailbox=options, backoff=Backoff(initial=0, maximum=0)))
        gate = trio.Event()
        ref.tell(WaitFor(gate))
        await settle()
        async with trio.open_nursery() as nursery:
            ref.tell(Crash())
            nursery.start_soon(_restarting, lambda: ref.ask(GetTotal()))
            await settle()
            for _ in range(6):  # none of them finds room before the restart
                nursery.start_soon(ref.send, Add(1))
            await settle()
            assert ref.core.mailbox.blocked == 6
            with trio.move_on_after(0.0):
                gate.set()
                while ref.core.restarts == 0:
                    await trio.lowlevel.cancel_shielded_checkpoint()
                    depths.append(ref.core.mailbox.depth)
        # The one that found room when the crashing message left was queued as the others that were dropped.
        assert await ref.ask(GetTotal()) == (6 if keep is KeepOnRestart.FAIL_ASKS else 5)
    assert max(depths) <= 3


async def _restarting(ask: Callable[[], Awaitable[int]]) -> None:
    with pytest.raises(ActorRestarting):
        await ask()
