"""Somebody kills or freezes a part of us. Nothing of a service may be left, and nobody else may notice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors.services.keeper import Keeper, Phase, Run, RunStatus, open_keeper
from actors.services.keeper.holder import COMMANDS_BOUND

from .workshop import (
    PATIENCE,
    TREE,
    TREE_SIZE,
    Workshop,
    alive,
    finished,
    ignore,
    parent_of,
    state,
    until,
)

OWNER = Path(__file__).with_name("owner.py")
ROOT = Path(__file__).parents[4]


@asynccontextmanager
async def owner(workshop: Workshop, count: int) -> AsyncGenerator[tuple[int, int], None]:
    """A process of ours with *count* trees, all of it marked: its pid and its keeper's."""
    process = await trio.lowlevel.open_process(
        [sys.executable, OWNER, workshop.directory, str(count), TREE],
        stdout=subprocess.PIPE,
        env={**os.environ, "HAMSTER_MARK": workshop.mark, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        async with process.stdout:
            keeper = int(await process.stdout.receive_some())
            # Ourselves, the keeper, the holders and their services.
            await workshop.until_processes(2 + count + count * TREE_SIZE)
            yield process.pid, keeper
    finally:
        process.kill()
        await process.wait()


async def freeze(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: state(pid) == "T")


def own_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def holders_of(keeper: int) -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _is_child(entry, keeper)]


def _is_child(entry: Path, parent: int) -> bool:
    try:
        return parent_of(int(entry.name)) == parent
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("victims", [["owner"], ["owner", "keeper"], ["keeper", "owner"]])
async def test_after_a_sigkill_of_us_or_of_us_and_the_keeper_nothing_is_left(
    workshop: Workshop, victims: Sequence[str]
) -> None:
    with trio.fail_after(PATIENCE):
        async with owner(workshop, 4) as (pid, keeper):
            for victim in victims:
                os.kill(pid if victim == "owner" else keeper, signal.SIGKILL)
            await workshop.until_processes(0)


@pytest.mark.slow
async def test_after_a_sigkill_of_us_with_a_frozen_holder_nothing_is_left(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with owner(workshop, 2) as (pid, keeper):
            await freeze(holders_of(keeper)[0])
            os.kill(pid, signal.SIGKILL)
            await workshop.until_processes(0)


@pytest.mark.slow
async def test_what_a_terminal_or_a_shutdown_sends_to_everybody_does_not_reach_the_keeper(
    workshop: Workshop,
) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            status = await run.wait(Phase.RUNNING)
            assert keeper.pid is not None
            assert os.getsid(keeper.pid) != os.getsid(0)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(keeper.pid, number)
            assert (await finished(keeper, "two", workshop.spec("true"))).exit_code == 0
            assert run.status is status


async def started(keeper: Keeper, workshop: Workshop, count: int) -> list[Run]:
    """Trees, complete."""
    runs = [await keeper.start(f"tree {number}", workshop.shell(TREE), ignore) for number in range(count)]
    await workshop.until_processes(count * TREE_SIZE)
    for run in runs:
        await run.wait(Phase.RUNNING)
    return runs


async def test_a_keeper_that_is_killed_takes_its_runs_along_and_the_next_start_has_a_new_one(
    workshop: Workshop,
) -> None:
    left: list[list[int]] = []

    def told(run: Run) -> None:
        if run.status.phase is Phase.EMPTY:
            left.append([pid for pid in workshop.processes() if pid == run.status.pid])

    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            runs = [await keeper.start(f"tree {number}", workshop.shell(TREE), told) for number in range(2)]
            await workshop.until_processes(2 * TREE_SIZE)
            first = keeper.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            for run in runs:
                status = await run.wait()
                assert (status.phase, status.error) == (Phase.EMPTY, "keeper lost")
            assert workshop.processes() == []
            assert left == [[], []]
            assert (await finished(keeper, "tree 0", workshop.shell("exit 3"))).exit_code == 3
            assert keeper.pid not in (None, first)


async def test_a_main_process_dies_with_its_holder_even_while_the_keeper_cannot_act(
    workshop: Workshop,
) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            status = await run.wait(Phase.RUNNING)
            assert keeper.pid is not None
            assert status.pid is not None
            await freeze(keeper.pid)
            os.kill(parent_of(status.pid), signal.SIGKILL)
            await workshop.until_processes(0)
            assert run.status.phase is Phase.RUNNING  # nobody can tell yet
            os.kill(keeper.pid, signal.SIGKILL)
            assert (await run.wait()).error == "keeper lost"


async def test_a_keeper_that_is_killed_while_a_holder_is_frozen_leaves_nothing(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            (run,) = await started(keeper, workshop, 1)
            assert run.status.pid is not None
            assert keeper.pid is not None
            await freeze(parent_of(run.status.pid))
            os.kill(keeper.pid, signal.SIGKILL)
            assert (await run.wait()).error == "keeper lost"
            assert workshop.processes() == []


async def test_a_holder_that_is_killed_takes_its_service_along_and_no_other(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            victim, other = await started(keeper, workshop, 2)
            assert victim.status.pid is not None
            os.kill(parent_of(victim.status.pid), signal.SIGKILL)
            status = await victim.wait()
            assert (status.phase, status.error) == (Phase.EMPTY, "holder lost")
            # All of its tree is gone by then, and all of the other's lives.
            assert len(workshop.processes()) == TREE_SIZE
            assert other.status.phase is Phase.RUNNING


async def test_a_holder_that_is_terminated_by_somebody_ends_its_service(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            (run,) = await started(keeper, workshop, 1)
            assert run.status.pid is not None
            os.kill(parent_of(run.status.pid), signal.SIGTERM)
            assert (await run.wait()).error == "holder lost"
            assert workshop.processes() == []


@pytest.mark.slow
async def test_while_a_holder_is_frozen_others_start_and_stop_and_its_own_stop_completes_by_force(
    workshop: Workshop,
) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            (frozen,) = await started(keeper, workshop, 1)
            assert frozen.status.pid is not None
            await freeze(parent_of(frozen.status.pid))
            asked = trio.current_time()
            frozen.stop(signal=signal.SIGTERM, grace=0.5)
            other = await keeper.start("other", workshop.spec("sleep", "1000"), ignore)
            await other.wait(Phase.RUNNING)
            other.stop(signal=signal.SIGTERM, grace=10.0)
            assert (await other.wait()).signal == signal.SIGTERM
            assert frozen.status.phase is Phase.RUNNING
            assert trio.current_time() - asked < 2.5
            status = await frozen.wait()
            assert status.error == "holder lost"
            assert workshop.processes() == []


@pytest.mark.slow
async def test_commands_to_a_frozen_holder_neither_wait_nor_pile_up(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            (frozen,) = await started(keeper, workshop, 1)
            assert frozen.status.pid is not None
            await freeze(parent_of(frozen.status.pid))
            for _ in range(10_000):
                frozen.signal(signal.SIGWINCH)
            assert frozen.commands_dropped > 0
            assert 0 < frozen.unsent_bytes <= 2 * COMMANDS_BOUND
            frozen.kill()
            assert (await frozen.wait()).error == "holder lost"


@pytest.mark.slow
async def test_a_frozen_keeper_does_not_keep_us_from_leaving(workshop: Workshop) -> None:
    statuses: list[RunStatus] = []
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("sleep", "1000"), lambda run: statuses.append(run.status))
            await run.wait(Phase.RUNNING)
            assert keeper.pid is not None
            pid = keeper.pid
            await freeze(pid)
    assert statuses[-1].phase is Phase.EMPTY
    await until(lambda: not alive(pid))


@pytest.mark.slow
async def test_a_service_outlives_the_worker_thread_its_keeper_was_launched_from(workshop: Workshop) -> None:
    """The parent-death signal follows a thread, and Trio ends an idle worker thread after 10 s."""
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            status = await run.wait(Phase.RUNNING)
            before = own_threads()
            await trio.sleep(10.5)  # the time itself is what is tested
            assert own_threads() < before
            assert run.status is status
            assert status.pid is not None
            assert alive(status.pid)
