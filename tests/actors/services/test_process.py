"""The process kind with real processes: starting, stopping, crashing, giving up, and what is told of it."""

import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors import ServiceNotFound, State, open_system
from actors.services import Board, RestartService, StartService, StopService, Wanted
from tests.actors.metrics.children import until
from tests.actors.services.yard import DEAF, PATIENCE, TREE, TREE_SIZE, Longest, Story, Yard, kill_all, seeded

# --- starting and stopping ---


async def test_a_started_service_runs_in_one_process_and_says_so(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            story = Story.of(system.bus)
            assert system.services.view("a").state is State.STOPPED
            accepted = await system.services.start("a")
            assert accepted.changed
            assert accepted.view.state is State.STARTING
            view = await system.services.wait_for("a", State.RUNNING)
            assert [view.pid] == yard.processes("a")
            assert view.wanted is Wanted.UP
            assert view.restarts == 0
            assert view.running_since is not None
            assert datetime.now(UTC) - view.running_since < timedelta(seconds=PATIENCE)
            assert view.running_since_clock is not None
            assert view.running_since_clock <= trio.current_time()
            assert (await story.until("started")).view.pid == view.pid
            assert story.so_far() == ["started"]
            assert not (await system.services.start("a")).changed


async def test_a_stop_leaves_nothing_of_a_service_wherever_it_hid(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", TREE))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await until(lambda: len(yard.processes()) == TREE_SIZE)
            accepted = await system.services.stop("a")
            assert (accepted.changed, accepted.view.state) == (True, State.STOPPING)
            view = await system.services.wait_for("a", State.STOPPED)
            assert yard.processes() == []
            assert (view.pid, view.running_since, view.wanted) == (None, None, Wanted.DOWN)
            await story.until("stopped")
            assert not (await system.services.stop("a")).changed
            assert story.so_far().count("stopped") == 1
            assert "error" not in story.so_far()


@pytest.mark.slow
async def test_who_ignores_term_is_killed_after_its_grace(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", DEAF, stop_grace=0.3))) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"up\n")
            asked = trio.current_time()
            await system.services.stop("a")
            await system.services.wait_for("a", State.STOPPED)
            assert trio.current_time() - asked >= 0.3
            assert yard.processes() == []


async def test_a_service_is_stopped_by_the_signal_of_its_settings(yard: Yard) -> None:
    script = "trap 'echo interrupted; exit 0' INT; echo up; while :; do sleep 0.01; done"
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", script, stop_signal="SIGINT"))) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"up\n")
            await system.services.stop("a")
            await system.services.wait_for("a", State.STOPPED)
            assert b"interrupted" in yard.log("a")


async def test_a_stop_while_it_starts_is_obeyed(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", start_seconds=60.0))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            assert (await system.services.stop("a")).view.state is State.STOPPING
            await system.services.wait_for("a", State.STOPPED)
            assert yard.processes() == []
            assert story.so_far() == ["stopped"]


@pytest.mark.slow
async def test_a_start_while_it_stops_ends_with_one_new_process(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", DEAF, stop_grace=0.2))) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"up\n")
            old = (await system.services.wait_for("a", State.RUNNING)).pid
            await system.services.stop("a")
            accepted = await system.services.start("a")
            assert (accepted.changed, accepted.view.state) == (True, State.STOPPING)
            view = await system.services.wait_for("a", State.RUNNING)
            assert view.pid != old
            assert view.pid in yard.processes()
            assert old not in yard.processes()
            await until(lambda: yard.log("a") == b"up\nup\n")


async def test_a_restart_makes_a_new_process_once_nothing_of_the_old_is_left(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            old = (await system.services.wait_for("a", State.RUNNING)).pid
            await system.services.restart("a")
            event = await story.until("restarted")
            assert event.view.pid not in (None, old)
            assert yard.processes("a") == [event.view.pid]
            assert event.view.restarts == 0, "restarts count what nobody commanded"
            assert story.so_far() == ["started", "restarted"]


async def test_a_restart_of_what_does_not_run_starts_it(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            story = Story.of(system.bus)
            await system.services.restart("a")
            await story.until("started")
            assert len(yard.processes("a")) == 1


async def test_services_that_start_by_themselves_do_and_others_wait(yard: Yard) -> None:
    services = yard.service("a", autostart=True), yard.service("b")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.wait_for("a", State.RUNNING)
            assert system.services.view("b").state is State.STOPPED
            assert system.services.view("b").wanted is Wanted.DOWN


async def test_a_command_to_nobody_says_so(yard: Yard) -> None:
    async with open_system(yard.settings(yard.service("a"))) as system:
        with pytest.raises(ServiceNotFound, match="there is no service 'b'"):
            await system.services.start("b")
        with pytest.raises(ServiceNotFound):
            await system.services.wait_for("b", State.RUNNING)


# --- crashing ---


@pytest.mark.slow
async def test_a_crash_is_told_with_what_failed_and_repaired_and_told_again(yard: Yard) -> None:
    service = yard.service("a", backoff_initial=0.5, backoff_max=0.5)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=seeded()) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            old = (await story.until("started")).view.pid
            assert old is not None
            os.kill(old, signal.SIGKILL)

            error = await story.until("error")
            assert error.failure is not None
            assert (error.failure.reason, error.failure.signal) == ("signal", "SIGKILL")
            assert error.failure.detail == "killed by SIGKILL"
            assert (error.view.state, error.view.pid, error.view.running_since) == (State.BACKOFF, None, None)
            assert error.view.last_failure == error.failure
            assert error.view.next_restart_at is not None
            assert error.view.next_restart_at - error.failure.at <= timedelta(seconds=0.6)

            recovered = await story.until("recovered")
            assert recovered.failure == error.failure
            assert recovered.view.state is State.RUNNING
            assert recovered.view.pid not in (None, old)
            assert (recovered.view.restarts, recovered.view.next_restart_at) == (1, None)
            assert recovered.view.last_failure == error.failure, "what failed last is still known"
            assert story.so_far() == ["started", "error", "recovered"]


@pytest.mark.slow
async def test_every_restart_that_nobody_commanded_is_counted(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", fatal_failures=10)), random=seeded()) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            pid = (await story.until("started")).view.pid
            for count in (1, 2, 3):
                assert pid is not None
                os.kill(pid, signal.SIGTERM)
                view = (await story.until("recovered")).view
                assert view.restarts == count
                assert view.pid != pid
                pid = view.pid


async def test_what_a_crash_leaves_behind_is_gone_before_the_next_run(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", TREE, start_seconds=0.0))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await until(lambda: len(yard.processes()) == TREE_SIZE)
            old = set(yard.processes())
            pid = (await system.services.wait_for("a", State.RUNNING)).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await story.until("recovered")
            assert not old & set(yard.processes())
            await until(lambda: len(yard.processes()) == TREE_SIZE)


async def test_too_many_failures_in_the_window_are_fatal_until_a_command(yard: Yard) -> None:
    flag = yard.directory / "works"
    script = f"test -e {flag} || exit 3; exec sleep 1000"
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", script, fatal_failures=3))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert (view.restarts, view.pid, view.next_restart_at, view.wanted) == (2, None, None, Wanted.UP)
            assert view.last_failure is not None
            assert (view.last_failure.reason, view.last_failure.exit_code) == ("exit", 3)
            assert view.last_failure.detail == "exit code 3"
            assert story.so_far() == ["error"] * 3

            flag.touch()
            await system.services.start("a")
            assert (await story.until("recovered")).view.state is State.RUNNING
            # The earlier failures are forgiven: one more is the first of a new count.
            pid = system.services.view("a").pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            assert (await story.until("error")).view.state is State.BACKOFF


async def test_a_start_of_what_runs_forgives_no_failure(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", fatal_failures=2))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            for expected in (State.BACKOFF, State.FATAL):
                pid = (await system.services.wait_for("a", State.RUNNING)).pid
                assert pid is not None
                await system.services.start("a")
                os.kill(pid, signal.SIGKILL)
                assert (await story.until("error")).view.state is expected


@pytest.mark.slow
async def test_a_service_that_always_comes_up_and_crashes_later_is_called_fatal_too(yard: Yard) -> None:
    service = yard.shell("a", "sleep 0.15; exit 1", start_seconds=0.05, fatal_failures=3)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await system.services.wait_for("a", State.FATAL)
            assert story.so_far() == ["started", "error", "recovered", "error", "recovered", "error"]


async def test_a_stop_ends_fatal(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", "false", fatal_failures=1))) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.FATAL)
            await system.services.stop("a")
            assert (await system.services.wait_for("a", State.STOPPED)).wanted is Wanted.DOWN


async def test_a_stop_during_the_backoff_is_immediate_and_final(yard: Yard) -> None:
    service = yard.service("a", "false", backoff_initial=600.0, backoff_max=600.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=seeded()) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.BACKOFF)
            asked = trio.current_time()
            assert (await system.services.stop("a")).view.next_restart_at is None
            await system.services.wait_for("a", State.STOPPED)
            assert trio.current_time() - asked < 2.0


async def test_a_start_during_the_backoff_does_not_wait_for_it(yard: Yard) -> None:
    flag = yard.directory / "works"
    script = f"test -e {flag} || exit 3; exec sleep 1000"
    service = yard.shell("a", script, backoff_initial=600.0, backoff_max=600.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=seeded()) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.BACKOFF)
            flag.touch()
            await system.services.start("a")
            view = await system.services.wait_for("a", State.RUNNING)
            assert view.restarts == 0


@pytest.mark.slow
async def test_the_delay_doubles_with_every_failure_up_to_its_limit_and_starts_anew_after_a_healthy_run(
    yard: Yard,
) -> None:
    flag = yard.directory / "works"
    script = f"test -e {flag} && exec sleep 1000; exit 3"
    service = yard.shell(
        "a", script, backoff_initial=0.1, backoff_max=0.4, healthy_seconds=0.2, start_seconds=0.0, fatal_failures=100
    )

    async def next_delay(story: Story) -> float:
        error = await story.until("error")
        assert error.failure is not None
        assert error.view.next_restart_at is not None
        return (error.view.next_restart_at - error.failure.at).total_seconds()

    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=Longest()) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            for longest in (0.1, 0.2, 0.4, 0.4):
                assert await next_delay(story) == pytest.approx(longest, abs=0.04)
            flag.touch()
            view = await system.services.wait_for("a", State.RUNNING)
            await until(lambda: view.pid in yard.processes("a"))
            assert view.running_since_clock is not None
            await trio.sleep_until(view.running_since_clock + 0.25)  # how long it runs is what is tested
            flag.unlink()
            pid = system.services.view("a").pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            assert await next_delay(story) == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize("command", ["start", "restart"])
@pytest.mark.parametrize("state", [State.EXITED, State.FATAL, State.BACKOFF])
async def test_a_command_starts_it_again_from_wherever_it_came_to_rest(yard: Yard, state: State, command: str) -> None:
    flag = yard.directory / "works"
    code = 0 if state is State.EXITED else 1
    service = yard.shell(
        "a",
        f"test -e {flag} && exec sleep 1000; exit {code}",
        restart="on-failure",
        fatal_failures=1 if state is State.FATAL else 5,
        backoff_initial=600.0,
        backoff_max=600.0,
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=Longest()) as system:
            await system.services.start("a")
            await system.services.wait_for("a", state)
            flag.touch()
            commands = {"start": system.services.start, "restart": system.services.restart}
            accepted = await commands[command]("a")
            assert accepted.changed
            assert accepted.view.state is State.STARTING
            await system.services.wait_for("a", State.RUNNING)
            assert len(yard.processes()) == 1


async def test_a_program_that_is_not_there_is_a_failure_that_names_it(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", "/no/such/program", fatal_failures=2))) as system:
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "spawn"
            assert "cannot start '/no/such/program': No such file or directory" in view.last_failure.detail
            assert view.last_failure.exit_code is None


async def test_a_command_no_machine_can_take_is_a_failure_and_not_a_crash_of_ours(yard: Yard) -> None:
    huge = yard.service("a", "true", *["x" * 1_000_000] * 17, fatal_failures=2)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(huge)) as system:
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "spawn"
            assert "ProcessSpec.argv" in view.last_failure.detail
            assert system.services.ref("a").statistics().restarts == 0


# --- expected ends ---


@pytest.mark.parametrize(
    ("restart", "code", "states", "events"),
    [
        ("on-failure", 0, State.EXITED, ["stopped"]),
        ("on-failure", 7, State.EXITED, ["stopped"]),
        ("on-failure", 1, State.FATAL, ["error", "error"]),
        ("never", 0, State.EXITED, ["stopped"]),
        ("never", 7, State.EXITED, ["stopped"]),
        ("never", 1, State.FATAL, ["error"]),
        ("always", 0, State.FATAL, ["error", "error"]),  # it ends before it was up, again and again
    ],
)
async def test_how_a_run_ends_leads_where_the_policy_says(
    yard: Yard, restart: str, code: int, states: State, events: list[str]
) -> None:
    service = yard.shell(
        "a", f"exit {code}", restart=restart, expected_exit_codes=(0, 7), fatal_failures=2, start_seconds=5.0
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            view = await system.services.wait_for("a", State.EXITED, State.FATAL)
            assert view.state is states
            assert story.so_far() == events
            assert (view.last_failure is None) == ("error" not in events)


@pytest.mark.slow
async def test_an_expected_end_of_what_always_runs_is_no_failure_and_it_runs_again(yard: Yard) -> None:
    service = yard.shell("a", "sleep 0.1; exit 0", start_seconds=0.02, fatal_failures=1)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            board = await system.services.wait_until(lambda board: board["a"].restarts >= 3)
            assert board["a"].last_failure is None
            assert "error" not in story.so_far()


async def test_a_run_that_was_up_before_anybody_looked_was_up(yard: Yard) -> None:
    """With nothing to wait for, even the shortest run counts as up: its expected end is no failure."""
    service = yard.service("a", "true", start_seconds=0.0, fatal_failures=1)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await system.services.wait_until(lambda board: board["a"].restarts >= 5)
            assert "error" not in story.so_far()
            assert "started" in story.so_far()


# --- output ---


async def test_output_is_logged_byte_for_byte_and_appended_over_restarts(yard: Yard) -> None:
    blob = bytes(range(256)) * 400
    (yard.directory / "blob").write_bytes(blob)
    script = f"cat {yard.directory / 'blob'}; echo last words >&2; exec sleep 1000"
    once = blob + b"last words\n"
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", script))) as system:
            await system.services.start("a")
            await until(lambda: len(yard.log("a")) == len(once))
            await system.services.restart("a")
            await until(lambda: len(yard.log("a")) == 2 * len(once))
            await system.services.stop("a")
            await system.services.wait_for("a", State.STOPPED)
            assert yard.log("a") == 2 * once


async def test_the_last_line_before_a_crash_is_in_the_log_when_the_crash_is_told(yard: Yard) -> None:
    code = "import os, sys; sys.stdout.write('x' * 300_000 + ' the end'); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    service = yard.service("a", sys.executable, "-IS", "-c", code, restart="never")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.signal == "SIGKILL"
            assert yard.log("a").endswith(b"x the end")
            assert view.lost_output_bytes == 0


async def test_output_that_the_log_cannot_take_is_counted_over_all_runs(yard: Yard) -> None:
    (yard.directory / "data" / "logs" / "a.log").mkdir(parents=True)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", "echo 12345; exec sleep 1000"))) as system:
            await system.services.start("a")
            await system.services.wait_until(lambda board: board["a"].lost_output_bytes == 6)
            await system.services.restart("a")
            await system.services.wait_until(lambda board: board["a"].lost_output_bytes == 12)
            await system.services.wait_for("a", State.RUNNING)


async def test_a_service_has_its_own_environment_and_its_id(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", "echo $HAMSTER_SERVICE $HAMSTER_MARK $PATH"))) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a").startswith(f"a {yard.mark} {os.environ['PATH']}\n".encode()))


# --- beside one another ---


@pytest.mark.slow
async def test_services_start_and_stop_while_another_refuses_to_end(yard: Yard) -> None:
    deaf, other = yard.shell("deaf", DEAF, stop_grace=1.0), yard.service("other")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(deaf, other)) as system:
            await system.services.start("deaf")
            await until(lambda: yard.log("deaf") == b"up\n")
            await system.services.stop("deaf")
            for _ in range(3):
                await system.services.start("other")
                await system.services.wait_for("other", State.RUNNING)
                await system.services.stop("other")
                await system.services.wait_for("other", State.STOPPED)
            assert system.services.view("deaf").state is State.STOPPING, "the others waited for it"
            await system.services.wait_for("deaf", State.STOPPED)


@pytest.mark.slow
async def test_fifty_services_start_and_stop_in_parallel(yard: Yard) -> None:
    services = [yard.shell(f"s{number}", "exec sleep 1000", autostart=True) for number in range(50)]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.wait_until(lambda board: all(view.state is State.RUNNING for view in board.values()))
            pids = {view.pid for view in system.services.board.value.values()}
            assert len(pids) == 50
            assert pids == set(yard.processes())
            async with trio.open_nursery() as nursery:
                for service in services:
                    nursery.start_soon(system.services.stop, service.id)
            await system.services.wait_until(lambda board: all(view.state is State.STOPPED for view in board.values()))
            assert yard.processes() == []


STORM = ("start", "stop", "restart", "kill", "pause")


@pytest.mark.slow
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(STORM)), min_size=5, max_size=60))
def test_after_any_storm_exactly_what_was_wanted_last_lives_and_lives_once(
    yard: Yard, steps: list[tuple[str, str]]
) -> None:
    trio.run(storm, yard, steps)


async def storm(yard: Yard, steps: list[tuple[str, str]]) -> None:
    commands = {"start": StartService(), "stop": StopService(), "restart": RestartService()}
    scripts = {"a": "exec sleep 1000", "b": "sleep 1000 & exec sleep 1000", "c": DEAF}
    sizes = {"a": 1, "b": 2, "c": 2}
    services = [yard.shell(name, script, stop_grace=0.05, fatal_failures=1000) for name, script in scripts.items()]
    wanted = dict.fromkeys(scripts, False)

    def settled(board: Board) -> bool:
        return all(board[name].state is (State.RUNNING if up else State.STOPPED) for name, up in wanted.items())

    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services), random=seeded()) as system:
            for name, step in steps:
                pid = system.services.view(name).pid
                if step == "pause":
                    await trio.testing.wait_all_tasks_blocked(0.003)
                elif step == "kill":
                    kill_all([] if pid is None else [pid])
                else:
                    system.services.ref(name).tell(commands[step])
                    wanted[name] = step != "stop"
            # What was told last is first in nobody's queue: an ask behind it is answered once all of it was taken.
            for name, up in wanted.items():
                await (system.services.start(name) if up else system.services.stop(name))
            await system.services.wait_until(settled)
            for name, up in wanted.items():
                living = sizes[name] if up else 0
                await until(lambda name=name, living=living: len(yard.processes(name)) == living)
            assert settled(system.services.board.value)
    assert yard.processes() == []
