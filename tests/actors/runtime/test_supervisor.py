"""Restarts, strategies, intensity, backoff and stopping."""

import attrs
import pytest
import trio
import trio.testing

from actors.runtime import (
    Actor,
    ActorCrashed,
    ActorFailed,
    ActorState,
    ActorStopped,
    Backoff,
    Bus,
    ChildSpec,
    InvalidSpec,
    Message,
    Ref,
    Restart,
    RestartIntensity,
    RestartIntensityExceeded,
    StartFailed,
    Strategy,
    Supervisor,
    SupervisorSpec,
    open_supervisor,
)
from actors.testing import advance, settle
from tests.actors.runtime.counter import Add, Counter, Crash, GetTotal, WaitFor

NO_DELAY = Backoff(initial=0.0, maximum=0.0)


def counters(log: list[str], *names: str) -> list[ChildSpec[Counter]]:
    return [ChildSpec(name, lambda name=name: Counter(log, name), backoff=NO_DELAY) for name in names]


async def start_all(root: Supervisor, specs: list[ChildSpec[Counter]]) -> list[Ref[Counter]]:
    return [await root.start(spec) for spec in specs]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.ONE_FOR_ONE, ["stop b", "start b"]),
        (Strategy.ONE_FOR_ALL, ["stop b", "stop c", "stop a", "start a", "start b", "start c"]),
        (Strategy.REST_FOR_ONE, ["stop b", "stop c", "start b", "start c"]),
    ],
)
async def test_a_crash_restarts_whom_the_strategy_names_in_order(strategy: Strategy, expected: list[str]) -> None:
    log: list[str] = []
    async with open_supervisor(strategy=strategy) as root:
        _, b, _ = await start_all(root, counters(log, "a", "b", "c"))
        log.clear()
        with pytest.raises(ActorCrashed):
            await b.ask(Crash())
        await settle()
        assert log == expected
        log.clear()
    assert log == ["stop c", "stop b", "stop a"]


async def test_a_sibling_restarted_for_another_keeps_its_queue() -> None:
    log: list[str] = []
    async with open_supervisor(strategy=Strategy.ONE_FOR_ALL) as root:
        a, b = await start_all(root, counters(log, "a", "b"))
        gate = trio.Event()
        a.tell(WaitFor(gate))
        a.tell(Add(3))
        await settle()
        b.tell(Crash())
        await settle()
        gate.set()
        assert await a.ask(GetTotal()) == 3
        assert a.statistics().restarts == 1


@pytest.mark.parametrize(
    ("restart", "crash", "comes_back"),
    [
        (Restart.PERMANENT, True, True),
        (Restart.PERMANENT, False, True),
        (Restart.TRANSIENT, True, True),
        (Restart.TRANSIENT, False, False),
        (Restart.TEMPORARY, True, False),
        (Restart.TEMPORARY, False, False),
    ],
)
async def test_restart_types_against_exit_kinds(restart: Restart, crash: bool, comes_back: bool) -> None:
    @attrs.frozen
    class Leave(Message["Leaver", None]):
        def deliver(self, to: "Leaver") -> None:
            if crash:
                raise RuntimeError("crash")
            to.context.stop()

    class Leaver(Actor):
        pass

    starts = 0

    def make() -> Leaver:
        nonlocal starts
        starts += 1
        return Leaver()

    async with open_supervisor() as root:
        ref = await root.start(ChildSpec("leaver", make, restart=restart, backoff=NO_DELAY))
        ref.tell(Leave())
        await settle()
        assert starts == (2 if comes_back else 1)
        assert (ref.state is ActorState.RUNNING) is comes_back


async def test_more_crashes_than_the_intensity_allows_end_the_supervisor_and_leave_the_block() -> None:
    log: list[str] = []
    with pytest.raises(RestartIntensityExceeded, match="more than 3 restarts within 60 s"):
        async with open_supervisor(intensity=RestartIntensity(3, 60.0)) as root:
            a, _ = await start_all(root, counters(log, "a", "b"))
            for _ in range(3):
                with pytest.raises(ActorCrashed):
                    await a.ask(Crash())
                await settle()
            assert a.state is ActorState.RUNNING
            a.tell(Crash())
            await trio.sleep_forever()
    assert log[-1] == "stop b"


async def test_crashes_spread_wider_than_the_period_never_end_it(mock_clock: trio.testing.MockClock) -> None:
    log: list[str] = []
    async with open_supervisor(intensity=RestartIntensity(2, 10.0)) as root:
        (a,) = await start_all(root, counters(log, "a"))
        for _ in range(10):
            a.tell(Crash())
            await advance(mock_clock, 6.0)
        assert a.statistics().restarts == 10


async def test_a_domain_that_gives_up_takes_no_other_with_it() -> None:
    bus = Bus()
    log: list[str] = []
    async with open_supervisor(bus=bus) as root:
        bad = await root.start_supervisor(
            SupervisorSpec("bad", intensity=RestartIntensity(1, 60.0), restart=Restart.TEMPORARY)
        )
        good = await root.start_supervisor(SupervisorSpec("good"))
        (crasher,) = await start_all(bad, counters(log, "crasher"))
        (worker,) = await start_all(good, counters(log, "worker"))
        with bus.subscribe(ActorFailed) as failures:
            for _ in range(2):
                crasher.tell(Crash())
                await settle()
            told = [event for event in await failures.receive_batch() if isinstance(event, ActorFailed)]
        assert [event.path for event in told] == ["root/bad/crasher", "root/bad/crasher", "root/bad"]
        assert crasher.state is ActorState.FAILED
        with pytest.raises(ActorStopped):
            await crasher.ask(GetTotal())
        assert await worker.ask(Add(1)) == 1
        assert [child.state for child in root.tree().children] == [ActorState.FAILED, ActorState.RUNNING]


async def test_a_permanent_supervisor_is_started_again_with_its_children_and_their_refs() -> None:
    log: list[str] = []
    async with open_supervisor() as root:
        inner = await root.start_supervisor(
            SupervisorSpec("inner", intensity=RestartIntensity(1, 60.0), backoff=NO_DELAY)
        )
        a, b = await start_all(inner, counters(log, "a", "b"))
        for _ in range(2):
            a.tell(Crash())
            await settle()
        assert await b.ask(Add(2)) == 2
        assert await a.ask(Add(1)) == 1
        assert log[-3:] == ["stop b", "start a", "start b"]


async def test_messages_queue_during_a_backoff_and_a_stop_in_it_is_immediate(
    mock_clock: trio.testing.MockClock,
) -> None:
    slow = Backoff(initial=100.0, maximum=100.0, at_once=0)
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        counter = await root.start(ChildSpec("counter", Counter, backoff=slow))
        counter.tell(Crash())
        await settle()
        assert counter.state is ActorState.BACKOFF
        assert counter.tell(Add(1)) is True
        started = trio.current_time()
        nursery.start_soon(root.stop, "counter")
        await settle()
        assert trio.current_time() == started
        assert counter.state is ActorState.STOPPED

        other = await root.start(ChildSpec("other", Counter, backoff=slow))
        other.tell(Crash())
        other.tell(Add(1))
        await advance(mock_clock, 100.0)
        assert await other.ask(GetTotal()) == 1


async def test_a_child_that_does_not_start_is_refused_and_not_kept() -> None:
    class Broken(Actor):
        async def on_start(self) -> None:
            raise OSError("no disk")

    async with open_supervisor() as root:
        with pytest.raises(StartFailed, match=r"root/broken did not start: OSError\('no disk'\)"):
            await root.start(ChildSpec("broken", Broken))
        assert root.children == ()


async def test_a_start_that_takes_too_long_is_a_failed_start(mock_clock: trio.testing.MockClock) -> None:
    class Slow(Actor):
        async def on_start(self) -> None:
            await trio.sleep_forever()

    async with open_supervisor() as root, trio.open_nursery() as nursery:

        async def start() -> None:
            with pytest.raises(StartFailed, match="TooSlowError"):
                await root.start(ChildSpec("slow", Slow, start_seconds=3.0))

        nursery.start_soon(start)
        await advance(mock_clock, 3.1)


async def test_a_clean_up_that_hangs_or_fails_is_cut_off(
    mock_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Hangs(Actor):
        async def on_stop(self) -> None:
            await trio.sleep_forever()

    class Fails(Actor):
        async def on_stop(self) -> None:
            raise OSError("disk gone")

    async with open_supervisor() as root, trio.open_nursery() as nursery:
        await root.start(ChildSpec("hangs", Hangs))
        await root.start(ChildSpec("fails", Fails))
        nursery.start_soon(root.stop, "fails")
        nursery.start_soon(root.stop, "hangs")
        await advance(mock_clock, 5.5)
        assert root.children == ()
    assert "actor.stop_cut_off path=root/hangs" in caplog.text
    assert "actor.stop_failed path=root/fails" in caplog.text


async def test_a_background_tasks_error_crashes_its_actor_and_ends_with_it() -> None:
    running = 0

    class Busy(Actor):
        async def on_start(self) -> None:
            self.context.start_soon(self.work)

        async def work(self) -> None:
            nonlocal running
            running += 1
            try:
                await trio.sleep(1.0)
                raise RuntimeError("background")
            finally:
                running -= 1

    async with open_supervisor() as root:
        ref = await root.start(ChildSpec("busy", Busy, backoff=NO_DELAY))
        await settle()
        assert running == 1
        await root.stop("busy")
        assert running == 0
        assert ref.state is ActorState.STOPPED


def test_a_bad_spec_is_refused_before_anything_starts() -> None:
    with pytest.raises(InvalidSpec, match="name is 'a/b'; expected 1 to 64 letters"):
        ChildSpec("a/b", Counter)
    with pytest.raises(InvalidSpec, match=r"a\.grace is -1; expected seconds of 0 or more"):
        ChildSpec("a", Counter, grace=-1)
    with pytest.raises(InvalidSpec, match=r"intensity\.period is 0"):
        RestartIntensity(1, 0)
    with pytest.raises(InvalidSpec, match=r"backoff.maximum is 1.0; expected seconds of 2 \(initial\) or more"):
        Backoff(initial=2.0, maximum=1.0)


async def test_two_children_of_one_name_are_refused() -> None:
    async with open_supervisor() as root:
        await root.start(ChildSpec("a", Counter))
        with pytest.raises(InvalidSpec, match="a name that root has no child of yet"):
            await root.start(ChildSpec("a", Counter))


async def test_the_bodys_own_error_leaves_the_block_as_it_is_after_the_children_were_stopped() -> None:
    log: list[str] = []
    with pytest.raises(LookupError, match="mine"):
        async with open_supervisor() as root:
            await start_all(root, counters(log, "a"))
            raise LookupError("mine")
    assert log == ["start a", "stop a"]


async def test_cancelling_the_block_stops_the_actors_in_order_and_handles_what_is_queued() -> None:
    log: list[str] = []

    @attrs.frozen
    class Say(Message[Counter, None]):
        def deliver(self, to: Counter) -> None:
            log.append("handled")

    with trio.CancelScope() as scope:
        async with open_supervisor() as root:
            _, b = await start_all(root, counters(log, "a", "b"))
            b.tell(Say())
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert log == ["start a", "start b", "handled", "stop b", "stop a"]


async def test_a_cancelled_opening_ends_and_leaves_no_task() -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    with trio.CancelScope() as scope:
        scope.cancel()
        async with open_supervisor():
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.lowlevel.current_statistics().tasks_living == before


async def test_the_bodys_error_keeps_its_own_cause() -> None:
    cause = OSError("disk")
    with pytest.raises(LookupError) as caught:
        async with open_supervisor():
            raise LookupError("mine") from cause
    assert caught.value.__cause__ is cause
