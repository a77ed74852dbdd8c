"""Rolling restarts with real processes: one after another, each behind the one before."""

import attrs
import pytest
import trio

from actors import State, System, open_system
from actors.runtime import Subscription
from actors.services import AlreadyRolling, Health, RollingEnded, ServiceChanged, ServiceNotFound, ServiceView
from actors.services.rolling import patience, why_not
from actors.settings import ReadyOptions
from tests.actors.services.yard import PATIENCE, Yard, kill_all


async def all_up(system: System, *services: str) -> list[int | None]:
    return [(await system.services.wait_for(service, State.RUNNING)).pid for service in services]


async def ended(events: "Subscription[RollingEnded]") -> RollingEnded:
    event = await events.receive()
    assert isinstance(event, RollingEnded)
    return event


@pytest.mark.parametrize("parallel", [1, 2])
async def test_a_rolling_restart_takes_no_more_than_it_may_from_the_group_at_a_time(yard: Yard, parallel: int) -> None:
    web = yard.service("web", autostart=True, instances=4)
    names = [f"web-{number}" for number in range(1, 5)]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(web)) as system:
            before = await all_up(system, *names)
            with system.bus.subscribe(ServiceChanged, RollingEnded) as events:
                begun = await system.services.roll("web", parallel=parallel)
                assert (begun.state, begun.ids) == ("running", tuple(names))
                up = set(names)
                fewest = len(up)
                while True:
                    event = await events.receive()
                    if isinstance(event, RollingEnded):
                        break
                    assert isinstance(event, ServiceChanged)
                    (up.add if event.new.state is State.RUNNING else up.discard)(event.new.id)
                    fewest = min(fewest, len(up))
            assert fewest == 4 - parallel
            assert event.rolling.state == "done"
            assert sorted(event.rolling.done) == names
            assert not set(before) & set(await all_up(system, *names))
            assert await system.services.rolled("web") == event.rolling


async def test_it_stops_at_the_first_that_does_not_come_back_and_leaves_the_others_alone(yard: Yard) -> None:
    # The second one finds the mark of its first run, and fails.
    script = (
        'test "$HAMSTER_INSTANCE" = 2 && test -e "$0.ran" && exit 7; test "$HAMSTER_INSTANCE" = 2 && : > "$0.ran"; '
    )
    web = yard.service(
        *("web", "sh", "-c", script + "exec sleep 1000", str(yard.directory / "mark")),
        autostart=True, instances=3, backoff_initial=1000.0, backoff_max=1000.0,
    )  # fmt: skip
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(web)) as system:
            before = await all_up(system, "web-1", "web-2", "web-3")
            with system.bus.subscribe(RollingEnded) as events:
                await system.services.roll("web-*")
                rolling = (await ended(events)).rolling
            assert (rolling.state, rolling.done, rolling.failed) == ("failed", ("web-1",), "web-2")
            assert rolling.why == "exit code 7"
            assert (await all_up(system, "web-3")) == before[2:]


async def test_a_second_one_on_the_same_services_is_refused_and_one_on_others_is_not(yard: Yard) -> None:
    stuck = yard.service("stuck", autostart=True, start_seconds=1000.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(stuck, yard.service("other", autostart=True))) as system:
            await all_up(system, "other")
            await system.services.roll("stuck")
            with pytest.raises(AlreadyRolling, match="stuck") as refused:
                await system.services.roll("st*")
            assert refused.value.ids == ("stuck",)
            await system.services.roll("other")
            assert (await system.services.rolled("other")).state == "done"
            await system.services.stop("stuck")
            rolling = await system.services.rolled("stuck")
            assert (rolling.state, rolling.why) == ("failed", "it was stopped meanwhile")
            with pytest.raises(ServiceNotFound):
                await system.services.roll("tag:nobody")


async def test_one_that_is_removed_meanwhile_ends_it(yard: Yard) -> None:
    stuck = yard.service("stuck", autostart=True, start_seconds=1000.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(stuck)) as system:
            await system.services.roll("stuck")
            await system.services.wait_until(lambda board: board["stuck"].pid is not None)
            await system.services.reconfigure([])
            rolling = await system.services.rolled("stuck")
            assert rolling.state == "failed"
            assert rolling.why in ("it was removed meanwhile", "it was stopped meanwhile")


async def test_what_is_restarted_at_once_may_crash_and_come_back_without_anybody_rolling(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", autostart=True))) as system:
            await all_up(system, "a")
            await system.services.roll("a")
            assert (await system.services.rolled("a")).state == "done"
            with system.bus.subscribe(ServiceChanged) as events:
                kill_all(yard.processes("a"))
                while True:
                    event = await events.receive()
                    assert isinstance(event, ServiceChanged)
                    if event.new.restarts == 1 and event.new.state is State.RUNNING:
                        break
            assert system.services.rollings.value["a"].state == "done"


def test_it_waits_as_long_as_the_settings_allow(yard: Yard) -> None:
    quick = yard.service("a", stop_grace=5.0, start_seconds=1.0)
    assert patience(ServiceView(quick)) == 16.0
    assert quick.process is not None
    slow = attrs.evolve(quick.process, ready=ReadyOptions(tcp="127.0.0.1:1", deadline=60.0))
    assert patience(ServiceView(attrs.evolve(quick, process=slow))) == 76.0


@pytest.mark.parametrize("state", list(State))
def test_only_what_runs_or_did_its_job_is_there_again(yard: Yard, state: State) -> None:
    said = why_not(ServiceView(yard.service("a"), state=state, health=Health.HEALTHY))
    assert (said is None) == (state in {State.RUNNING, State.EXITED})
