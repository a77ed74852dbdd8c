"""Processes that end by themselves: repaired, given up or done, and what is told of it."""

import os
import signal
import socket
import sys
from datetime import datetime, timedelta, tzinfo

import attrs
import pytest
import trio

import actors.services.board
import actors.services.process
import actors.services.run_report
import actors.services.telling
import actors.services.watching
from actors import State, open_system
from actors.services import Wanted
from actors.settings import ReadyOptions
from tests.actors.metrics.children import until
from tests.actors.services.yard import PATIENCE, TREE, TREE_SIZE, Longest, Story, Yard, seeded


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


@pytest.mark.slow
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


@pytest.mark.slow
async def test_a_stop_while_it_waits_for_the_remains_of_a_crash_starts_nothing_more(yard: Yard) -> None:
    script = "echo up; (trap '' TERM; while :; do sleep 0.05; done) & sleep 0.1; exit 1"
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", script, start_seconds=5.0, stop_grace=1.0))) as system:
            await system.services.start("a")
            await system.services.wait_until(lambda board: board["a"].restarts == 1)
            view = system.services.view("a")
            assert (view.state, view.pid) == (State.STARTING, None)
            assert yard.processes() != []
            await system.services.stop("a")
            await system.services.wait_for("a", State.STOPPED)
            assert yard.processes() == []
        assert yard.log("a") == b"up\n"


@pytest.mark.slow
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


@pytest.mark.slow
async def test_a_stop_during_the_backoff_is_immediate_and_final(yard: Yard) -> None:
    flag = yard.directory / "works"
    script = f"test -e {flag} || exit 3; exec sleep 1000"
    service = yard.shell("a", script, backoff_initial=600.0, backoff_max=600.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=Longest()) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await system.services.wait_for("a", State.BACKOFF)
            asked = trio.current_time()
            assert (await system.services.stop("a")).view.next_restart_at is None
            await system.services.wait_for("a", State.STOPPED)
            assert trio.current_time() - asked < 2.0
            flag.touch()
            await system.services.start("a")
            await story.until("started")
            assert story.so_far() == ["error", "stopped", "started"], "a stop ends the failure: nothing recovered"


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


@pytest.mark.slow
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


async def test_a_commanded_restart_is_told_once_and_what_comes_by_itself_is_none(yard: Yard) -> None:
    flag = yard.directory / "stays"
    flag.touch()
    service = yard.shell("a", f"while test -e {flag}; do sleep 0.01; done", start_seconds=0.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await system.services.wait_for("a", State.RUNNING)
            await system.services.restart("a")
            await story.until("restarted")
            flag.unlink()
            await story.until("started")
            assert story.so_far()[:3] == ["started", "restarted", "started"]


@pytest.mark.slow
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


# --- failures of others ---


@pytest.mark.slow
async def test_a_child_that_keeps_the_port_is_gone_before_the_service_is_started_again(yard: Yard) -> None:
    """Otherwise the new run cannot bind, and the old child answers in the name of a service that is dead."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = f"""if True:
        import os, socket, sys, time
        server = socket.create_server(("127.0.0.1", {port}))
        if os.fork() == 0:
            os.setsid()
        print("bound", flush=True)
        time.sleep(1000)"""
    service = yard.service(
        "a", sys.executable, "-IS", "-c", serve, ready=ReadyOptions(tcp=f"127.0.0.1:{port}", interval=0.05)
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=Longest()) as system:
            await system.services.start("a")
            pid = (await system.services.wait_for("a", State.RUNNING)).pid
            assert pid is not None
            await until(lambda: len(yard.processes()) == 2)
            os.kill(pid, signal.SIGKILL)
            view = (
                await system.services.wait_until(
                    lambda board: board["a"].restarts == 1 and board["a"].state is State.RUNNING
                )
            )["a"]
            assert len(yard.processes()) == 2
            assert view.last_failure is not None
            assert view.last_failure.signal == "SIGKILL", "the new run could not bind"


@pytest.mark.slow
async def test_a_service_that_lives_a_while_and_crashes_for_ever_is_given_up_by_the_window(yard: Yard) -> None:
    """It comes up each time: who counts failed starts alone never gives it up."""
    service = yard.shell("a", "sleep 0.15; exit 1", start_seconds=0.02, fatal_failures=4, fatal_window=60.0)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=seeded()) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.restarts == 3
            assert story.so_far().count("error") == 4
            assert story.so_far().count("recovered") == 3, "it never came up, and the test shows nothing"


@pytest.mark.slow
async def test_twenty_that_each_need_half_a_second_to_stop_are_stopped_together(yard: Yard) -> None:
    script = "trap 'sleep 0.5; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    services = [yard.shell(f"s{number}", script, autostart=True) for number in range(20)]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await until(lambda: all(yard.log(service.id) == b"up\n" for service in services))
            asked = trio.current_time()
            await system.stop_services()
            assert trio.current_time() - asked < 5.0, "one after the other would take 10 s"
            assert yard.processes() == []


@pytest.mark.slow
async def test_commands_on_other_services_do_not_wait_for_one_that_waits(yard: Yard) -> None:
    """Whatever the first is at: it waits for a dependency, for its readiness, for its backoff, for its end."""
    never = ReadyOptions(exec=("false",), interval=0.05)
    services = (
        attrs.evolve(yard.service("waiting"), depends_on={"unready": "healthy"}),
        yard.service("unready", ready=never),
        yard.service("failing", "false", backoff_initial=600.0, backoff_max=600.0),
        yard.shell("deaf", "trap '' TERM; echo up; while :; do sleep 1000; done", stop_grace=1.5),
        yard.service("quick"),
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services), random=Longest()) as system:
            for name in ("waiting", "failing", "deaf"):
                await system.services.start(name)
            await until(lambda: yard.log("deaf") == b"up\n")
            await system.services.stop("deaf")
            await system.services.wait_for("failing", State.BACKOFF)
            await system.services.start("quick")
            await system.services.wait_for("quick", State.RUNNING)
            await system.services.stop("quick")
            await system.services.wait_for("quick", State.STOPPED)
            states = {name: system.services.view(name).state for name in ("waiting", "unready", "failing", "deaf")}
            assert states == {
                "waiting": State.STARTING,
                "unready": State.STARTING,
                "failing": State.BACKOFF,
                "deaf": State.STOPPING,
            }


@pytest.mark.slow
@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
async def test_a_clock_that_is_set_changes_no_delay_and_restarts_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    """The time of day stands in views alone: every duration is on Trio's clock."""

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + jump

    flag = yard.directory / "works"
    failing = yard.shell("failing", f"test -e {flag} || exit 3; exec sleep 1000", backoff_initial=0.6, backoff_max=0.6)
    ready = ReadyOptions(exec=("true",), interval=0.05)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(failing, yard.service("a", ready=ready)), random=Longest()) as system:
            await system.services.start("a")
            pid = (await system.services.wait_for("a", State.RUNNING)).pid
            await system.services.start("failing")
            await system.services.wait_for("failing", State.BACKOFF)
            began = trio.current_time()
            flag.touch()
            for module in MODULES_WITH_CLOCKS:
                monkeypatch.setattr(module, "datetime", Jumped)
            view = await system.services.wait_for("failing", State.RUNNING)
            assert trio.current_time() - began < 5.0
            assert view.running_since_clock is not None
            assert view.running_since_clock - began > 0.4, "it did not wait for its backoff"
            assert (system.services.view("a").pid, system.services.view("a").state) == (pid, State.RUNNING)


MODULES_WITH_CLOCKS = (
    actors.services.board,
    actors.services.process,
    actors.services.run_report,
    actors.services.telling,
    actors.services.watching,
)


@pytest.mark.slow
async def test_restarts_at_the_same_time_leave_one_process_neither_two_nor_none(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", "sleep 1000 & exec sleep 1000"))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            first = (await story.until("started")).view.pid
            for _ in range(3):
                async with trio.open_nursery() as nursery:
                    for _ in range(5):
                        nursery.start_soon(system.services.restart, "a")
            await system.services.wait_until(
                lambda board: board["a"].state is State.RUNNING and board["a"].pid not in (None, first)
            )
            await until(lambda: len(yard.processes("a")) == 2)
            assert system.services.view("a").pid in yard.processes("a")
