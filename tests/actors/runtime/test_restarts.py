"""Restarts that meet another restart, a start or a stop. Random programs found these."""

import attrs
import pytest
import trio
import trio.testing

from actors.runtime import (
    Actor,
    ActorState,
    ActorStopped,
    Backoff,
    ChildSpec,
    Down,
    Message,
    Restart,
    RestartIntensity,
    RestartIntensityExceeded,
    StartFailed,
    Strategy,
    SupervisorSpec,
    open_supervisor,
)
from actors.testing import advance, settle
from tests.actors.runtime.counter import Counter, Crash, GetTotal

NO_DELAY = Backoff(initial=0.0, maximum=0.0)


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_a_temporary_actor_is_not_started_again_for_the_sake_of_a_sibling(strategy: Strategy) -> None:
    log: list[str] = []
    async with open_supervisor(strategy=strategy) as root:
        crasher = await root.start(ChildSpec("crasher", lambda: Counter(log, "crasher"), backoff=NO_DELAY))
        brief = await root.start(ChildSpec("brief", lambda: Counter(log, "brief"), restart=Restart.TEMPORARY))
        crasher.tell(Crash())
        await settle()
        assert log.count("start brief") == 1
        assert (crasher.state, brief.state) == (ActorState.RUNNING, ActorState.STOPPED)
        with pytest.raises(ActorStopped):
            await brief.ask(GetTotal())


async def test_a_temporary_actor_is_not_started_again_with_its_supervisor() -> None:
    log: list[str] = []
    async with open_supervisor() as root:
        inner = await root.start_supervisor(
            SupervisorSpec("inner", intensity=RestartIntensity(0, 60.0), backoff=NO_DELAY)
        )
        crasher = await inner.start(ChildSpec("crasher", lambda: Counter(log, "crasher")))
        brief = await inner.start(ChildSpec("brief", lambda: Counter(log, "brief"), restart=Restart.TEMPORARY))
        crasher.tell(Crash())
        await settle()
        assert log.count("start brief") == 1
        assert (crasher.state, brief.state) == (ActorState.RUNNING, ActorState.STOPPED)


async def test_a_monitor_hears_once_of_an_actor_that_waits_for_its_restart_when_its_supervisor_gives_up(
    mock_clock: trio.testing.MockClock,
) -> None:
    heard: list[Down] = []

    @attrs.frozen
    class Heard(Message[object, None]):
        down: Down

        def deliver(self, to: object) -> None:
            heard.append(self.down)

    class Watcher(Actor):
        async def on_start(self) -> None:
            self.context.monitor(slow, Heard)

    async with open_supervisor() as root:
        inner = await root.start_supervisor(SupervisorSpec("inner", intensity=RestartIntensity(1, 60.0)))
        patient = Backoff(initial=1000.0, maximum=1000.0, at_once=0)
        slow = await inner.start(ChildSpec("slow", Counter, backoff=patient))
        crasher = await inner.start(ChildSpec("crasher", Counter, backoff=NO_DELAY))
        await root.start(ChildSpec("watcher", Watcher))
        slow.tell(Crash())
        await settle()
        crasher.tell(Crash())
        await advance(mock_clock, 1.0)
        assert [down.final for down in heard] == [False]


async def test_an_actor_can_monitor_the_one_it_is_linked_to() -> None:
    heard: list[Down] = []

    @attrs.frozen
    class Heard(Message[object, None]):
        down: Down

        def deliver(self, to: object) -> None:
            heard.append(self.down)

    class Watcher(Actor):
        async def on_start(self) -> None:
            self.context.monitor(watched, Heard)
            self.context.link(watched)

    async with open_supervisor() as root:
        watched = await root.start(ChildSpec("watched", Counter, backoff=NO_DELAY))
        watcher = await root.start(ChildSpec("watcher", Watcher, backoff=NO_DELAY))
        watched.tell(Crash())
        await settle()
        assert len(heard) == 1
        assert watcher.statistics().restarts == 1


async def test_an_actor_that_stops_itself_while_it_starts_ends_as_one_that_did_later() -> None:
    log: list[str] = []

    class Brief(Counter):
        async def on_start(self) -> None:
            await super().on_start()
            if log.count("start brief") == 1:
                self.context.stop()

    async with open_supervisor() as root:
        ref = await root.start(ChildSpec("brief", lambda: Brief(log, "brief"), backoff=NO_DELAY))
        await settle()
        assert (log, ref.state) == (["start brief", "stop brief", "start brief"], ActorState.RUNNING)
        assert await ref.ask(GetTotal()) == 0


async def test_a_start_that_a_siblings_crash_cuts_off_has_failed(mock_clock: trio.testing.MockClock) -> None:
    mock_clock.autojump_threshold = 0.0

    class Slow(Actor):
        async def on_start(self) -> None:
            await trio.sleep(100.0)

    async with open_supervisor(strategy=Strategy.ONE_FOR_ALL) as root:
        crasher = await root.start(ChildSpec("crasher", Counter, backoff=NO_DELAY))
        crasher.tell(Crash())
        with pytest.raises(StartFailed):
            await root.start(ChildSpec("slow", Slow, grace=1.0, start_seconds=200.0))
        assert root.children == ("crasher",)
        await settle()
        assert crasher.state is ActorState.RUNNING


async def test_a_supervisor_that_gives_up_starts_nobody_any_more() -> None:
    log: list[str] = []

    class Fragile(Counter):
        async def on_start(self) -> None:
            await super().on_start()
            if log.count("start fragile") == 2:
                raise RuntimeError("cannot start again")

    with pytest.raises(RestartIntensityExceeded):
        async with open_supervisor(strategy=Strategy.ONE_FOR_ALL, intensity=RestartIntensity(1, 60.0)) as root:
            fragile = await root.start(ChildSpec("fragile", lambda: Fragile(log, "fragile"), backoff=NO_DELAY))
            await root.start(ChildSpec("other", lambda: Counter(log, "other"), backoff=NO_DELAY))
            fragile.tell(Crash())
            await trio.sleep_forever()
    assert log.count("start other") == 1
