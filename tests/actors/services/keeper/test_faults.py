"""The machine runs out of something. What runs is not touched, what cannot start says why, and later it can."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from actors.services.keeper import Keeper, KeeperUnavailable, Phase, Run, link, open_keeper

from .workshop import PATIENCE, Workshop, finished, ignore, state, until

# A keeper in which forks fail for whomever the file names, by the name of its process.
FORKLESS = """
import errno, importlib, os, sys, types
package = types.ModuleType("forkless")
package.__path__ = [sys.argv[1]]
sys.modules["forkless"] = package
fork = os.fork
def failing():
    with open("/proc/self/comm") as comm:
        name = comm.read().strip()
    if os.path.exists(sys.argv[2]) and open(sys.argv[2]).read() == name:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()
os.fork = failing
sys.exit(importlib.import_module("forkless.keeper_process").main(sys.argv[3:]))
"""


def launch_forkless(monkeypatch: pytest.MonkeyPatch, fault: Path) -> None:
    """Have keepers launched in which forks fail for whomever the file *fault* names."""
    package = str(Path(link.__file__).parent)

    def command(descriptor: int, open_files: int) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", FORKLESS, package, str(fault), str(descriptor), str(open_files)]

    monkeypatch.setattr(link, "keeper_command", command)


async def sleeper(keeper: Keeper, workshop: Workshop, name: str = "sleeper") -> Run:
    run = await keeper.start(name, workshop.spec("sleep", "1000"), ignore)
    await run.wait(Phase.RUNNING)
    return run


@contextmanager
def open_files(pid: int, limit: int) -> Generator[None]:
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def lowest_free(pid: int) -> int:
    used = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in range(len(used) + 1) if number not in used)


async def test_without_a_free_descriptor_of_ours_nothing_starts_and_all_runs_on(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await sleeper(keeper, workshop)
            with open_files(os.getpid(), lowest_free(os.getpid())), pytest.raises(KeeperUnavailable, match="no socket"):
                await keeper.start("two", workshop.spec("true"), ignore)
            assert (await finished(keeper, "two", workshop.shell("exit 3"))).exit_code == 3
            assert run.status.phase is Phase.RUNNING
            run.stop(signal=signal.SIGTERM, grace=5.0)
            assert (await run.wait()).signal == signal.SIGTERM


async def test_without_a_free_descriptor_in_the_keeper_nothing_starts_and_all_runs_on(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await sleeper(keeper, workshop)
            assert keeper.pid is not None
            with open_files(keeper.pid, lowest_free(keeper.pid)):
                status = await finished(keeper, "two", workshop.spec("true"))
            assert status.error == "holder lost"
            assert status.pid is None
            assert (await finished(keeper, "two", workshop.shell("exit 3"))).exit_code == 3
            assert run.status.phase is Phase.RUNNING


@pytest.mark.parametrize("who", ["keeper", "holder"])
async def test_when_forks_fail_nothing_starts_and_the_command_is_not_blamed(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    fault = workshop.directory / "fault"
    launch_forkless(monkeypatch, fault)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await sleeper(keeper, workshop)
            fault.write_text(f"hamster-{who}")
            for _ in range(3):
                status = await finished(keeper, "two", workshop.spec("true"))
                assert "Resource temporarily unavailable; look at the machine's limits" in str(status.error)
                assert status.machine_failed
                assert status.pid is None
            fault.unlink()
            assert (await finished(keeper, "two", workshop.shell("exit 3"))).exit_code == 3
            assert run.status.phase is Phase.RUNNING


async def test_a_command_that_cannot_be_executed_is_to_blame_itself(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            status = await finished(keeper, "one", workshop.spec("/no/such/program"))
    assert status.error is not None
    assert not status.machine_failed


async def test_while_the_keeper_is_frozen_services_run_and_stop_and_a_start_waits_for_it(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            one, two = await sleeper(keeper, workshop, "one"), await sleeper(keeper, workshop, "two")
            assert keeper.pid is not None
            pid = keeper.pid
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: state(pid) == "T")
            three = await keeper.start("three", workshop.spec("sleep", "1000"), ignore)
            one.stop(signal=signal.SIGTERM, grace=5.0)
            assert (await one.wait()).signal == signal.SIGTERM
            assert two.status.phase is Phase.RUNNING
            assert three.status.phase is Phase.SPAWNING
            # What is over has left a holder, which needs no keeper.
            assert (await finished(keeper, "four", workshop.shell("exit 3"))).exit_code == 3
            os.kill(pid, signal.SIGCONT)
            assert (await three.wait(Phase.RUNNING)).phase is Phase.RUNNING
