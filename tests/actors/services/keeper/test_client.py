from __future__ import annotations

import logging
import os
import signal
import sys

import attrs
import pytest
import trio

from actors.services.keeper import KeeperClosed, Phase, Run, RunExists, open_keeper

from .workshop import PATIENCE, Story, Workshop, alive, finished, ignore, parent_of, until


async def test_a_run_is_told_from_its_start_to_its_end(workshop: Workshop) -> None:
    story = Story()
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell("exit 7"), story)
            assert run.status.phase is Phase.SPAWNING
            assert keeper.runs == {"one": run}
            await run.wait()
            assert keeper.runs == {}
    assert story.phases == [Phase.RUNNING, Phase.EXITED, Phase.EMPTY]
    last = story.statuses[-1]
    assert (last.exit_code, last.signal, last.error) == (7, None, None)
    assert last.pid is not None
    assert last.started_at is not None
    assert last.exited_at is not None
    assert last.started_at <= last.exited_at


async def test_an_end_by_a_signal_names_it(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            status = await finished(keeper, "one", workshop.shell("kill -USR1 $$"))
    assert (status.exit_code, status.signal) == (None, signal.SIGUSR1)


@pytest.mark.slow
async def test_three_hundred_quick_runs_all_tell_their_exit_code(workshop: Workshop) -> None:
    codes: dict[int, int | None] = {}
    limit = trio.CapacityLimiter(20)
    with trio.fail_after(60):
        async with open_keeper() as keeper, trio.open_nursery() as nursery:

            async def one(number: int) -> None:
                async with limit:
                    status = await finished(keeper, f"run {number}", workshop.shell(f"exit {number % 256}"))
                    codes[number] = status.exit_code

            for number in range(300):
                nursery.start_soon(one, number)
    assert codes == {number: number % 256 for number in range(300)}


@pytest.mark.slow
async def test_a_hundred_start_and_stop_at_once(workshop: Workshop) -> None:
    with trio.fail_after(60):
        async with open_keeper() as keeper:
            async with trio.open_nursery() as nursery:
                for number in range(100):
                    nursery.start_soon(keeper.start, f"s{number}", workshop.spec("sleep", "1000"), ignore)
            runs = list(keeper.runs.values())
            assert len(runs) == 100
            for run in runs:
                await run.wait(Phase.RUNNING)
            for run in runs:
                run.stop(signal=signal.SIGTERM, grace=10.0)
            ends = [await run.wait() for run in runs]
    assert {status.signal for status in ends} == {signal.SIGTERM}


async def test_a_name_has_one_run_at_a_time(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            with pytest.raises(RunExists) as caught:
                await keeper.start("one", workshop.spec("true"), ignore)
            assert caught.value.run is run
            run.kill()
            await run.wait()
            assert (await finished(keeper, "one", workshop.spec("true"))).exit_code == 0


async def test_the_next_run_can_be_started_from_the_notice_of_the_end(workshop: Workshop) -> None:
    restarts = 0
    done = trio.Event()
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper, trio.open_nursery() as nursery:

            def again(run: Run) -> None:
                nonlocal restarts
                if run.status.phase is Phase.EMPTY and restarts < 5:
                    restarts += 1
                    nursery.start_soon(keeper.start, run.name, workshop.spec("true"), again)
                elif run.status.phase is Phase.EMPTY:
                    done.set()

            await keeper.start("one", workshop.spec("true"), again)
            await done.wait()
    assert restarts == 5


async def test_an_exception_in_notify_is_logged_and_everything_runs_on(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(run: Run) -> None:
        raise RuntimeError(f"broken for {run.status.phase.value}")

    with trio.fail_after(PATIENCE), caplog.at_level(logging.ERROR):
        async with open_keeper() as keeper:
            other = await keeper.start("other", workshop.spec("sleep", "1000"), ignore)
            run = await keeper.start("one", workshop.shell("exit 3"), broken)
            assert (await run.wait()).exit_code == 3
            assert (await other.wait(Phase.RUNNING)).phase is Phase.RUNNING
    assert "broken for running" in caplog.text
    assert "run.notify_failed name=one phase=empty" in caplog.text


async def test_waiting_for_a_phase_that_never_comes_ends_with_the_run(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("/nowhere/nothing"), ignore)
            assert (await run.wait(Phase.RUNNING)).phase is Phase.EMPTY


async def test_a_phase_that_passes_at_once_is_not_missed(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("true"), ignore)
            assert (await run.wait(Phase.EXITED)).phase is Phase.EXITED


async def test_leaving_kills_what_runs_and_the_keeper_is_gone(workshop: Workshop) -> None:
    story = Story()
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell("trap '' TERM; sleep 1000; sleep 1000"), story)
            await run.wait(Phase.RUNNING)
            pid = keeper.pid
            assert pid is not None
            assert alive(pid)
    assert not alive(pid)
    assert story.statuses[-1].phase is Phase.EMPTY
    assert story.statuses[-1].signal == signal.SIGKILL
    with pytest.raises(KeeperClosed):
        await keeper.start("two", workshop.spec("true"), ignore)


async def test_a_cancelled_block_still_hears_how_its_runs_ended(workshop: Workshop) -> None:
    story = Story()
    with trio.fail_after(PATIENCE):
        with trio.CancelScope() as scope:
            async with open_keeper() as keeper:
                run = await keeper.start("one", workshop.spec("sleep", "1000"), story)
                await run.wait(Phase.RUNNING)
                scope.cancel()
                await trio.sleep_forever()
    assert story.phases == [Phase.RUNNING, Phase.EXITED, Phase.EMPTY]


async def test_two_keepers_at_once_know_nothing_of_each_other(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as one, open_keeper() as two:
            first = await one.start("same", workshop.spec("sleep", "1000"), ignore)
            second = await two.start("same", workshop.spec("sleep", "1000"), ignore)
            await first.wait(Phase.RUNNING)
            await second.wait(Phase.RUNNING)
            assert one.pid != two.pid
            first.kill()
            await first.wait()
            assert second.status.phase is Phase.RUNNING


async def test_the_service_gets_its_environment_and_nothing_of_ours(workshop: Workshop) -> None:
    script = (
        "import os; print(open('/proc/self/environ').read().split(chr(0)), "
        "sorted(os.listdir('/proc/self/fd')), os.getcwd())"
    )
    spec = workshop.spec(sys.executable, "-I", "-S", "-c", script, cwd=str(workshop.directory))
    ours = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(ours, True)
    try:
        with trio.fail_after(PATIENCE):
            async with open_keeper() as keeper:
                await finished(keeper, "one", attrs.evolve(spec, env={"A": "b"}))
    finally:
        os.close(ours)
    # 3 is the descriptor that listdir itself opens.
    assert workshop.log.decode() == f"['A=b', ''] ['0', '1', '2', '3'] {workshop.directory}\n"


async def test_the_service_gets_default_signals_a_session_and_the_limit_of_files(workshop: Workshop) -> None:
    script = (
        "import os, resource; "
        # 32 and 33 are the C library's own: nobody can set them, and we may have been started with them ignored.
        "sets = [l.split()[1] for l in open('/proc/self/status') if l[:6] in ('SigBlk', 'SigIgn')]; "
        "print([hex(int(one, 16) & ~(3 << 31)) for one in sets], "
        "os.getsid(0) == os.getpid(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        with trio.fail_after(PATIENCE):
            async with open_keeper(open_files=333) as keeper:
                await finished(keeper, "one", workshop.spec(sys.executable, "-I", "-S", "-c", script))
    finally:
        signal.signal(signal.SIGUSR2, before)
    # Python itself ignores SIGPIPE (13) and SIGXFSZ (25) at its start.
    assert workshop.log.decode() == f"['0x0', '{hex(1 << 12 | 1 << 24)}'] True 333\n"


async def test_an_environment_of_300_kilobytes_arrives(workshop: Workshop) -> None:
    env = {f"LONG_{number}": "x" * 100_000 for number in range(3)}
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            status = await finished(keeper, "one", workshop.spec("sh", "-c", "printenv LONG_2 | wc -c", env=env))
    assert status.exit_code == 0
    assert workshop.log.strip() == b"100001"


async def test_undecodable_bytes_in_the_environment_arrive_as_they_are(workshop: Workshop) -> None:
    env = {"PLACE": b"caf\xe9".decode("utf-8", "surrogateescape"), "TEXT": "한국어"}
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            await finished(keeper, "one", workshop.spec("sh", "-c", 'printf %s "$PLACE$TEXT"', env=env))
    assert workshop.log == b"caf\xe9" + "한국어".encode()


async def test_a_signal_goes_to_the_main_process_alone(workshop: Workshop) -> None:
    script = (
        "trap 'echo main got it; exit 0' USR1; (trap 'echo child got it' USR1; sleep 0.2; sleep 1000) & echo up; wait"
    )
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(script), ignore)
            await until(lambda: workshop.log_path.exists() and b"up" in workshop.log)
            run.signal(signal.SIGUSR1)
            assert (await run.wait()).exit_code == 0
    assert workshop.log == b"up\nmain got it\n"


async def test_a_signal_or_a_grace_that_cannot_be_is_refused(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            with pytest.raises(ValueError, match="signal is 4711"):
                run.signal(4711)
            with pytest.raises(ValueError, match="grace is -1"):
                run.stop(signal=signal.SIGTERM, grace=-1)
            await run.wait(Phase.RUNNING)


@pytest.mark.slow
async def test_an_orphan_that_is_none_of_a_service_does_not_come_to_us(workshop: Workshop) -> None:
    """We are no subreaper and reap nobody we did not start; only the keeper and the holders do."""
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            status = await run.wait(Phase.RUNNING)
            assert status.pid is not None
            holder = parent_of(status.pid)
            assert parent_of(holder) == keeper.pid
            assert keeper.pid is not None
            assert parent_of(keeper.pid) == os.getpid()
            done = await trio.run_process(
                ["sh", "-c", "(sleep 0.3 & echo $!)"],
                capture_stdout=True,
                env={"PATH": os.environ["PATH"], "HAMSTER_MARK": workshop.mark},
            )
            assert parent_of(int(done.stdout)) != os.getpid()
            await until(lambda: not alive(int(done.stdout)))
