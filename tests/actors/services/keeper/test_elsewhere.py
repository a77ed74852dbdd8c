"""Where the kernel has neither subreapers nor a parent-death signal, as the keeper process sees it there."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import trio

from actors.services.keeper import Phase, link, open_keeper

from .workshop import PATIENCE, Workshop, finished, ignore, until

# The keeper with the Linux parts of its kernel module taken out.
ELSEWHERE = """
import importlib, sys, types
package = types.ModuleType("elsewhere")
package.__path__ = [sys.argv[1]]
sys.modules["elsewhere"] = package
kernel = importlib.import_module("elsewhere.kernel")
kernel.LINUX = False
kernel.descendants = kernel.children = lambda root: []
sys.exit(importlib.import_module("elsewhere.keeper_process").main(sys.argv[2:]))
"""


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    package = str(Path(link.__file__).parent)

    def command(descriptor: int, open_files: int) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", ELSEWHERE, package, str(descriptor), str(open_files)]

    monkeypatch.setattr(link, "keeper_command", command)


async def test_exit_codes_and_output_are_the_same(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            status = await finished(keeper, "one", workshop.shell("echo hello; exit 7"))
    assert status.exit_code == 7
    assert workshop.log == b"hello\n"


async def test_a_stop_ends_the_whole_group(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell("sleep 1000 & sleep 1000 & wait"), ignore)
            await workshop.until_processes(3)
            run.stop(signal=signal.SIGTERM, grace=10.0)
            assert (await run.wait()).signal == signal.SIGTERM
            await workshop.until_processes(0)


async def test_a_crash_leaves_nothing_of_the_group(workshop: Workshop) -> None:
    script = "(trap '' TERM; echo up; sleep 1000) & wait"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(script), ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log == b"up\n")
            run.signal(signal.SIGKILL)
            assert (await run.wait()).phase is Phase.EMPTY
            await workshop.until_processes(0)


async def test_leaving_kills_the_group(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            await keeper.start("one", workshop.shell("sleep 1000 & sleep 1000 & wait"), ignore)
            await workshop.until_processes(3)
    await workshop.until_processes(0)
