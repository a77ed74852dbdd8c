"""The process kind with real processes: starting, stopping, output, and many at a time."""

import logging
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors import ProcessOptions, ServiceEvent, ServiceNotFound, ServiceSettings, State, SystemSettings, open_system
from actors.runtime import CORRELATION
from actors.services import Board, RestartService, StartService, StopService, Wanted
from tests.actors.metrics.children import until
from tests.actors.services.yard import DEAF, PATIENCE, TREE, TREE_SIZE, Story, Yard, kill_all, seeded

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


async def test_the_last_line_before_a_crash_is_in_the_log(yard: Yard) -> None:
    code = "import os, sys; sys.stdout.write('x' * 300_000 + ' the end'); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    service = yard.service("a", sys.executable, "-IS", "-c", code, restart="never")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.signal == "SIGKILL"
            # A crash is told at once; what the pipe still holds follows it into the log.
            await until(lambda: yard.log("a") == b"x" * 300_000 + b" the end")
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


async def test_what_a_command_causes_carries_its_correlation_to_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "actors.services")
    seen: list[tuple[str, str | None]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((record.getMessage().partition(" ")[0], CORRELATION.get()))

    keep = Keep()
    logging.getLogger("actors.services").addHandler(keep)
    service = ServiceSettings(id="one", process=ProcessOptions(command="sleep 100", start_seconds=0.05))
    try:
        with trio.fail_after(20):
            async with open_system(SystemSettings(data_dir=tmp_path, services=[service])) as system:
                await system.services.wait_for("one", State.RUNNING)
                with system.bus.subscribe(ServiceEvent) as events:
                    token = CORRELATION.set("request-7")
                    await system.services.restart("one")
                    CORRELATION.reset(token)
                    event = await events.receive()
                assert isinstance(event, ServiceEvent)
                assert event.event_type == "restarted"
    finally:
        logging.getLogger("actors.services").removeHandler(keep)
    assert seen == [
        ("service.starting", None),
        ("service.running", None),
        ("service.stopping", "request-7"),
        ("service.starting", "request-7"),
        ("service.running", "request-7"),
        ("service.stopping", None),
        ("service.stopped", None),
    ]
