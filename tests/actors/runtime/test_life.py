"""An actor goes from state to state as its table says, and one that has ended stays ended."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from random import Random

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime import (
    TRANSITIONS,
    Actor,
    ActorEnded,
    ActorError,
    ActorState,
    ActorStopped,
    Backoff,
    Bus,
    ChildSpec,
    KeepOnRestart,
    MailboxOptions,
    Message,
    Ref,
    Restart,
    RestartIntensity,
    RestartIntensityExceeded,
    Strategy,
    Supervisor,
    SupervisorSpec,
    open_supervisor,
)
from actors.runtime.core import ENDED, ActorCore
from actors.testing import settle
from tests.actors.runtime.counter import Add, Counter, Crash, GetTotal, WaitFor

NO_DELAY = Backoff(initial=0.0, maximum=0.0)
STEPS = 40
QUIET = 100.0
"""Seconds after which every delay, start and end is over."""
Seen = set[tuple[ActorState, ActorState]]


class Fickle(Actor):
    """Starts and ends slowly or not at all, as chance has it, and does what it is told."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    async def on_start(self) -> None:
        await self._dawdle()

    async def on_stop(self) -> None:
        await self._dawdle()

    async def _dawdle(self) -> None:
        if self._chance.random() < 0.3:
            await trio.sleep(self._chance.random() * 3.0)
        if self._chance.random() < 0.15:
            raise OSError("bad luck")


@attrs.frozen
class Leave(Message[Actor, None]):
    """Stop yourself."""

    def deliver(self, to: Actor) -> None:
        to.context.stop()


@attrs.frozen
class Fail(Message[Actor, None]):
    """Crash."""

    def deliver(self, to: Actor) -> None:
        raise RuntimeError("asked to crash")


@attrs.frozen
class Rest(Message[Actor, None]):
    """Take a while."""

    seconds: float

    async def deliver(self, to: Actor) -> None:
        await trio.sleep(self.seconds)


@contextmanager
def observed(seen: Seen) -> Generator[None, None, None]:
    """Note every change of every actor's state while the block runs."""
    states: dict[ActorCore, ActorState] = {}

    def get(core: ActorCore) -> ActorState:
        return states[core]

    def change(core: ActorCore, new: ActorState) -> None:
        old = states.get(core, new)
        if old is not new:
            seen.add((old, new))
        states[core] = new

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ActorCore, "state", property(get, change), raising=False)
        yield


def a_child(chance: Random, name: str) -> ChildSpec[Fickle]:
    return ChildSpec(
        name,
        lambda: Fickle(chance),
        restart=chance.choice(list(Restart)),
        mailbox=MailboxOptions(capacity=3, keep=list(KeepOnRestart)[len(name) % 3]),
        grace=1.0,
        start_seconds=2.0,
        backoff=chance.choice([NO_DELAY, Backoff(initial=2.0, maximum=2.0, at_once=0)]),
    )


async def one_step(chance: Random, supervisors: list[Supervisor], refs: list[Ref[Fickle]], name: str) -> None:
    """Do one thing to a random supervisor or actor, perhaps without waiting for it to come about."""
    supervisor = chance.choice(supervisors)
    with suppress(ActorError, KeyError), trio.move_on_after(chance.choice([0.0, 0.5, 60.0])):
        match chance.randrange(7):
            case 0:
                refs.append(await supervisor.start(a_child(chance, name)))
            case 1:
                name = chance.choice(supervisor.children or ("nobody",))
                await (supervisor.stop(name) if chance.random() < 0.7 else supervisor.replace(a_child(chance, name)))
            case 2:
                await trio.sleep(chance.random() * 4.0)
            case choice if refs:
                chance.choice(refs).tell((Leave(), Fail(), Fail(), Rest(chance.random() * 3.0))[choice - 3])
            case _:
                await settle()


async def random_lives(chance: Random) -> None:
    refs: list[Ref[Fickle]] = []
    with suppress(RestartIntensityExceeded):
        async with open_supervisor(random=chance, intensity=RestartIntensity(3, 30.0)) as root:
            supervisors: list[Supervisor] = [root]
            for restart in (Restart.PERMANENT, Restart.TEMPORARY):
                spec = SupervisorSpec(
                    restart.value, chance.choice(list(Strategy)), RestartIntensity(2, 10.0), restart, NO_DELAY
                )
                supervisors.append(await root.start_supervisor(spec))
            for number in range(STEPS):
                await one_step(chance, supervisors, refs, f"child-{number}")
            await trio.sleep(QUIET)
            assert {ref.state for ref in refs} <= {ActorState.RUNNING, *ENDED}
    assert {ref.state for ref in refs} <= ENDED


def run_lives(seed: int) -> Seen:
    seen: Seen = set()
    clock = trio.testing.MockClock(autojump_threshold=0.0)
    with observed(seen):
        trio.run(random_lives, Random(seed), clock=clock)  # noqa: S311 - chance is to be repeatable
    return seen


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_in_random_lives_every_change_of_state_is_one_of_the_table(seed: int) -> None:
    assert run_lives(seed) - set(TRANSITIONS) == set()


@pytest.mark.slow
def test_every_change_of_state_in_the_table_comes_about() -> None:
    missing = set(TRANSITIONS)
    for seed in range(300):
        missing -= run_lives(seed)
        if not missing:
            break
    assert missing == set()


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_a_child_that_has_ended_is_not_started_again_for_a_sibling(strategy: Strategy) -> None:
    async with open_supervisor(strategy=strategy) as root:
        crasher = await root.start(ChildSpec("crasher", Counter, backoff=NO_DELAY))
        left = await root.start(ChildSpec("left", Counter, restart=Restart.TRANSIENT))
        failed = await root.start(ChildSpec("failed", Counter, restart=Restart.TEMPORARY))
        beside = await root.start(ChildSpec("beside", Counter))
        left.tell(Leave())
        failed.tell(Crash())
        await settle()
        crasher.tell(Crash())
        await settle()
        assert (left.state, failed.state) == (ActorState.STOPPED, ActorState.FAILED)
        assert beside.statistics().restarts == 1
        with pytest.raises(ActorStopped):
            await left.ask(GetTotal())


async def test_a_child_that_has_ended_is_not_started_again_with_its_supervisor() -> None:
    async with open_supervisor() as root:
        inner = await root.start_supervisor(
            SupervisorSpec("inner", intensity=RestartIntensity(0, 60.0), backoff=NO_DELAY)
        )
        left = await inner.start(ChildSpec("left", Counter, restart=Restart.TRANSIENT))
        crasher = await inner.start(ChildSpec("crasher", Counter))
        left.tell(Leave())
        await settle()
        crasher.tell(Crash())
        await settle()
        assert (left.state, crasher.state) == (ActorState.STOPPED, ActorState.RUNNING)
        assert root.tree().children[0].restarts == 1


async def test_a_restart_of_the_supervisor_does_with_the_queues_what_the_mailboxes_say() -> None:
    async with open_supervisor() as root:
        inner = await root.start_supervisor(
            SupervisorSpec("inner", intensity=RestartIntensity(0, 60.0), backoff=NO_DELAY)
        )
        kept = await inner.start(ChildSpec("kept", Counter))
        dropped = await inner.start(
            ChildSpec("dropped", Counter, mailbox=MailboxOptions(keep=KeepOnRestart.NOTHING), grace=0.0)
        )
        crasher = await inner.start(ChildSpec("crasher", Counter))
        gate = trio.Event()
        for ref in (kept, dropped):
            ref.tell(WaitFor(gate))
            ref.tell(Add(3))
        await settle()
        crasher.tell(Crash())
        await settle()
        gate.set()
        assert (await kept.ask(GetTotal()), await dropped.ask(GetTotal())) == (3, 0)
        assert (kept.statistics().restarts, dropped.statistics().restarts) == (1, 1)


async def test_a_start_whose_caller_is_cancelled_leaves_no_child(mock_clock: trio.testing.MockClock) -> None:
    mock_clock.autojump_threshold = 0.0
    ended: list[str] = []

    class Slow(Actor):
        async def on_start(self) -> None:
            await trio.sleep(10.0)

        async def on_stop(self) -> None:
            ended.append("cleaned up")

    async with open_supervisor() as root:
        with trio.move_on_after(1.0) as scope:
            await root.start(ChildSpec("slow", Slow))
        assert scope.cancelled_caught
        assert root.children == ()
        assert ended == ["cleaned up"]
        await root.start(ChildSpec("slow", Slow))


async def test_an_actor_that_stops_itself_as_it_starts_has_ended() -> None:
    class Brief(Actor):
        async def on_start(self) -> None:
            self.context.stop()

    bus = Bus()
    with bus.subscribe(ActorEnded) as ends:
        async with open_supervisor(bus=bus) as root:
            brief = await root.start(ChildSpec("brief", Brief, restart=Restart.TRANSIENT))
            await settle()
            assert brief.state is ActorState.STOPPED
            assert ends.receive_nowait() == ActorEnded("root/brief", ActorState.STOPPED)


async def test_an_actor_told_to_stop_while_it_starts_does_not_say_that_it_runs(
    mock_clock: trio.testing.MockClock,
) -> None:
    mock_clock.autojump_threshold = 0.0
    seen: Seen = set()

    class Slow(Actor):
        async def on_start(self) -> None:
            await trio.sleep(1.0)

    with observed(seen):
        async with open_supervisor() as root, trio.open_nursery() as nursery:
            nursery.start_soon(root.start, ChildSpec("slow", Slow))
            await trio.sleep(0.5)
            await root.stop("slow")
    assert seen == {
        (ActorState.STOPPED, ActorState.STARTING),
        (ActorState.STARTING, ActorState.STOPPING),
        (ActorState.STOPPING, ActorState.STOPPED),
    }


@pytest.mark.parametrize(("inside", "outside"), [(0, 0), (1, 2), (5, 5)])
async def test_nested_limits_multiply(inside: int, outside: int) -> None:
    crashes = 0

    class Crashing(Actor):
        async def on_start(self) -> None:
            self.context.tell(Fail())

        async def on_stop(self) -> None:
            nonlocal crashes
            crashes += 1

    with pytest.raises(RestartIntensityExceeded):
        async with open_supervisor(intensity=RestartIntensity(outside)) as root:
            inner = await root.start_supervisor(
                SupervisorSpec("inner", intensity=RestartIntensity(inside), backoff=NO_DELAY)
            )
            await inner.start(ChildSpec("crashing", Crashing, backoff=NO_DELAY))
            await trio.sleep_forever()
    assert crashes == (inside + 1) * (outside + 1)


async def test_graces_of_siblings_add_up(mock_clock: trio.testing.MockClock) -> None:
    mock_clock.autojump_threshold = 0.0
    async with open_supervisor() as root:
        for number in range(3):
            slow = await root.start(ChildSpec(f"slow-{number}", Counter, grace=2.0))
            slow.tell(WaitFor(trio.Event()))
        await settle()
        started = trio.current_time()
    assert trio.current_time() - started == pytest.approx(6.0)


async def test_with_the_defaults_an_actor_that_cannot_run_escalates_within_a_second(
    mock_clock: trio.testing.MockClock,
) -> None:
    mock_clock.autojump_threshold = 0.0
    started = trio.current_time()

    class Crashing(Actor):
        async def on_start(self) -> None:
            self.context.tell(Fail())

    with pytest.raises(RestartIntensityExceeded):
        async with open_supervisor() as root:
            await root.start(ChildSpec("crashing", Crashing))
            await trio.sleep_forever()
    assert trio.current_time() - started <= 0.75
