"""What each policy makes of each end of a run, and what becomes of a service that was given up."""

import pytest
import trio

from actors import State, open_system
from actors.services import Wanted
from tests.actors.services.test_robustness import crash
from tests.actors.services.yard import PATIENCE, Story, Yard, seeded

# --- given up, with a way back ---


@pytest.mark.slow
async def test_who_was_given_up_is_tried_once_more_after_the_long_delay_and_again_until_it_works(yard: Yard) -> None:
    flag = yard.directory / "works"
    script = f"test -e {flag} || exit 3; exec sleep 1000"
    service = yard.shell("a", script, fatal_failures=2, fatal_retry=1.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=seeded()) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert (view.restarts, view.wanted) == (1, Wanted.UP)
            assert view.next_restart_at is not None
            board = await system.services.wait_until(lambda board: board["a"].restarts == 2)
            view = await system.services.wait_for("a", State.FATAL)
            assert view.restarts == 2, "it was tried once, not until it had failed twice again"
            flag.touch()
            recovered = await story.until("recovered")
            assert recovered.view.restarts == 3
            assert story.so_far().count("error") == 3
            assert board["a"].state in (State.STARTING, State.FATAL)


async def test_a_stop_ends_the_long_delay_and_no_retry_comes(yard: Yard) -> None:
    service = yard.service("a", "false", fatal_failures=1, fatal_retry=600.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            assert (await system.services.wait_for("a", State.FATAL)).next_restart_at is not None
            await system.services.stop("a")
            view = await system.services.wait_for("a", State.STOPPED)
            assert (view.next_restart_at, view.wanted) == (None, Wanted.DOWN)


@pytest.mark.slow
async def test_a_restarted_actor_still_minds_the_long_delay(yard: Yard) -> None:
    flag = yard.directory / "works"
    script = f"test -e {flag} || exit 3; exec sleep 1000"
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", script, fatal_failures=1, fatal_retry=1.0))) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.FATAL)
            flag.touch()
            await crash(system, "a")
            assert (await system.services.wait_for("a", State.RUNNING)).restarts == 1


async def test_what_is_never_restarted_is_not_tried_again_either(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", "false", restart="never", fatal_retry=1.0))) as system:
            await system.services.start("a")
            assert (await system.services.wait_for("a", State.FATAL)).next_restart_at is None


# --- policy x how it ends x when ---

RESTARTS = ("always", "on-failure", "never")
ENDS = {"expected": "exit 7", "unexpected": "exit 1", "signal": "kill -KILL $$"}


@pytest.mark.slow
@pytest.mark.parametrize("restart", RESTARTS)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("up", [True, False])
async def test_every_policy_answers_every_end_before_and_after_it_came_up(
    yard: Yard, restart: str, end: str, up: bool
) -> None:
    service = yard.shell(
        "a",
        f"echo run; sleep 0.1; {ENDS[end]}",
        restart=restart,
        expected_exit_codes=(0, 7),
        start_seconds=0.0 if up else 60.0,
        fatal_failures=2,
    )
    again = restart == "always" or (restart == "on-failure" and end != "expected")
    failure = end != "expected" or (restart == "always" and not up)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=seeded()) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            if again and not failure:
                view = (await system.services.wait_until(lambda board: board["a"].restarts == 2))["a"]
                assert "error" not in story.so_far()
                return
            view = await system.services.wait_for("a", State.EXITED, State.FATAL)
            assert view.state is (State.FATAL if failure else State.EXITED)
            assert view.restarts == (1 if again else 0)
            assert story.so_far().count("error") == (view.restarts + 1 if failure else 0)
            assert (view.last_failure is not None) == failure
