from __future__ import annotations

import os
import signal

import pytest
import trio

from actors.services.keeper import Phase, open_keeper

from .workshop import PATIENCE, TREE, TREE_SIZE, Story, Workshop, ignore, state, until


async def test_a_stop_ends_children_sessions_and_daemons(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(TREE), ignore)
            await workshop.until_processes(TREE_SIZE)
            run.stop(signal=signal.SIGTERM, grace=10.0)
            await run.wait()
            assert workshop.processes() == []


async def test_a_kill_ends_children_sessions_and_daemons(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(f"trap '' TERM; {TREE}"), ignore)
            await workshop.until_processes(TREE_SIZE)
            run.kill()
            assert (await run.wait()).signal == signal.SIGKILL
            assert workshop.processes() == []


async def test_a_crash_leaves_no_children_sessions_or_daemons(workshop: Workshop) -> None:
    story = Story()
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(TREE), story)
            await workshop.until_processes(TREE_SIZE)
            await run.wait(Phase.RUNNING)
            assert run.status.pid is not None
            os.kill(run.status.pid, signal.SIGSEGV)
            assert (await run.wait()).signal == signal.SIGSEGV
            assert workshop.processes() == []
    assert story.phases == [Phase.RUNNING, Phase.EXITED, Phase.EMPTY]


async def test_what_a_crash_leaves_may_say_goodbye(workshop: Workshop) -> None:
    script = "(trap 'echo goodbye; exit 0' TERM; echo up; while :; do sleep 0.01; done) & wait"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(script), ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log == b"up\n")
            await run.wait(Phase.RUNNING)
            assert run.status.pid is not None
            os.kill(run.status.pid, signal.SIGKILL)
            await run.wait()
    assert workshop.log.endswith(b"goodbye\n")  # the shell may remark on its sleep


@pytest.mark.slow
async def test_who_ignores_the_signal_is_killed_after_the_grace(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell("trap '' TERM; echo up; sleep 1000; sleep 1000"), ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log == b"up\n")
            asked = trio.current_time()
            run.stop(signal=signal.SIGTERM, grace=0.2)
            status = await run.wait()
            assert status.signal == signal.SIGKILL
            assert 0.2 <= trio.current_time() - asked < 2.0


@pytest.mark.slow
async def test_a_daemon_that_ignores_the_signal_is_killed_after_the_grace_of_the_stop(
    workshop: Workshop,
) -> None:
    script = "setsid sh -c \"trap '' TERM; echo up; sleep 1000; sleep 1000\" & wait"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(script), ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log == b"up\n")
            asked = trio.current_time()
            run.stop(signal=signal.SIGTERM, grace=0.4)
            assert (await run.wait(Phase.EXITED)).signal == signal.SIGTERM
            await run.wait()
            assert 0.4 <= trio.current_time() - asked < 2.0


async def test_the_signal_of_the_stop_is_the_one_asked_for(workshop: Workshop) -> None:
    script = "trap 'echo interrupted; exit 9' INT; echo up; while :; do sleep 0.01; done"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(script), ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log == b"up\n")
            run.stop(signal=signal.SIGINT, grace=10.0)
            assert (await run.wait()).exit_code == 9
    assert workshop.log == b"up\ninterrupted\n"


async def test_a_stop_right_after_the_start_takes_effect(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            for number in range(10):
                run = await keeper.start(f"run {number}", workshop.spec("sleep", "1000"), ignore)
                run.stop(signal=signal.SIGTERM, grace=10.0)
                assert (await run.wait()).signal == signal.SIGTERM


async def test_a_stopped_process_hears_the_stop(workshop: Workshop) -> None:
    script = "trap 'exit 8' TERM; echo up; while :; do sleep 0.01; done"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(script), ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log == b"up\n")
            pid = (await run.wait(Phase.RUNNING)).pid  # the log may be ahead of the report that has it
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: state(pid) == "T")
            run.stop(signal=signal.SIGTERM, grace=10.0)
            assert (await run.wait()).exit_code == 8


async def test_a_stopped_process_is_killed(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            await run.wait(Phase.RUNNING)
            run.signal(signal.SIGSTOP)
            run.kill()
            assert (await run.wait()).signal == signal.SIGKILL


async def test_commands_after_the_end_do_nothing(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("true"), ignore)
            end = await run.wait()
            run.stop(signal=signal.SIGTERM, grace=1.0)
            run.kill()
            run.signal(signal.SIGHUP)
            assert run.status is end
