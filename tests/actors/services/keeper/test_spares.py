"""A holder outlives a run for a moment, and is given the next one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import attrs
import pytest
import trio

from actors.services.keeper import Keeper, Phase, Run, open_keeper
from actors.services.keeper import holder as holder_module
from actors.services.keeper.holder import SPARE_BOUND

from .workshop import PATIENCE, TREE, TREE_SIZE, Workshop, alive, finished, ignore, parent_of, until


async def holder_of(run: Run) -> int:
    status = await run.wait(Phase.RUNNING)
    assert status.pid is not None
    return parent_of(status.pid)


async def spare_of(keeper: Keeper, workshop: Workshop) -> int:
    """A holder whose run is over."""
    run = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
    holder = await holder_of(run)
    run.kill()
    await run.wait()
    return holder


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def test_what_is_started_again_has_the_same_holder(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            first = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            holder = await holder_of(first)
            first.signal(signal.SIGKILL)
            await first.wait()
            second = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            assert await holder_of(second) == holder
            third = await keeper.start("another", workshop.spec("sleep", "1000"), ignore)
            assert await holder_of(third) != holder


@pytest.mark.slow
async def test_a_holder_that_gets_no_other_run_leaves(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            holder = await spare_of(keeper, workshop)
            ended = trio.current_time()
            await until(lambda: not alive(holder))
            assert SPARE_BOUND / 2 < trio.current_time() - ended < SPARE_BOUND + 5
            assert (await finished(keeper, "one", workshop.shell("exit 3"))).exit_code == 3


async def test_what_one_run_leaves_to_the_next_is_nothing(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            counts: set[int] = set()
            specs = [
                attrs.evolve(workshop.shell("exit 1"), notify=True, stdin="pipe"),
                attrs.evolve(workshop.spec("/no/such/program"), notify=True, stdin="pipe"),
                attrs.evolve(workshop.shell("echo hello"), log_path="/dev/full"),
            ]
            for _ in range(3):
                for spec in specs:
                    await finished(keeper, "one", spec)
                run = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
                counts.add(descriptors(await holder_of(run)))
                assert run.status.lost_output_bytes == 0
                assert run.status.log_error is None
                run.kill()
                await run.wait()
            assert len(counts) == 1


async def test_a_holder_that_was_killed_while_it_had_no_run_is_replaced(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            holder = await spare_of(keeper, workshop)
            os.kill(holder, signal.SIGKILL)
            await until(lambda: not keeper.spares)
            assert (await finished(keeper, "one", workshop.shell("exit 3"))).exit_code == 3


async def test_a_spare_holder_does_not_outlive_its_keeper(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            holder = await spare_of(keeper, workshop)
            assert keeper.pid is not None
            os.kill(keeper.pid, signal.SIGKILL)
            await until(lambda: not alive(holder))
            await until(lambda: keeper.pid is None)
            assert (await finished(keeper, "one", workshop.shell("exit 3"))).exit_code == 3


async def test_a_spare_holder_is_gone_when_the_block_is_left(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            holder = await spare_of(keeper, workshop)
    assert not alive(holder)


@pytest.mark.slow
async def test_what_is_asked_of_a_run_that_is_over_does_not_reach_the_next(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_module, "ANSWER_BOUND", 0.05)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            first = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            holder = await holder_of(first)
            first.kill()
            await first.wait()
            second = await keeper.start("one", workshop.spec("sleep", "1000"), ignore)
            assert await holder_of(second) == holder
            first.kill()
            first.stop(signal=signal.SIGKILL, grace=0.0)
            first.signal(signal.SIGKILL)
            assert not first.send_input(b"hello")
            # A holder that was expected to end something would be killed by the time this one has run and ended.
            await finished(keeper, "two", workshop.shell("sleep 0.3"))
            assert second.status.phase is Phase.RUNNING


@pytest.mark.slow
async def test_a_tree_that_crashes_again_and_again_leaves_nothing_each_time(workshop: Workshop) -> None:
    """Sessions and daemons of their own, one set per crash, is what other supervisors leak."""
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            for _ in range(5):
                run = await keeper.start("one", workshop.shell(TREE, grace=0.0), ignore)
                await workshop.until_processes(TREE_SIZE)
                await run.wait(Phase.RUNNING)
                run.signal(signal.SIGKILL)
                await run.wait()
                assert workshop.processes() == []
