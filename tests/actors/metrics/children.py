"""Real child processes for the tests, and the one place that polls for what the kernel has no event for."""

import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import trio

# Seconds a test waits for a child before it fails: a loaded machine starts Python in one or two.
PATIENCE_S = 20.0

# Seconds between two looks.
POLL_S = 0.02

BURN = "while True: pass"


async def until(reached: Callable[[], bool]) -> None:
    """Return once *reached* says so; a `trio.TooSlowError` after `PATIENCE_S`."""
    with trio.fail_after(PATIENCE_S):
        while not reached():  # noqa: ASYNC110  # the kernel has no event for it
            await trio.sleep(POLL_S)


@asynccontextmanager
async def python(code: str) -> AsyncGenerator[trio.Process, None]:
    """A Python child in a session of its own that runs *code*; killed with its whole session at the end."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-I", "-S", "-c", code], stdout=-1, start_new_session=True
    )
    try:
        yield process
    finally:
        _kill_group(process.pid)
        with trio.CancelScope(shield=True, deadline=trio.current_time() + PATIENCE_S):
            await process.wait()
        if process.stdout is not None:
            await process.stdout.aclose()


async def said(process: trio.Process) -> str:
    """The next thing *process* wrote."""
    assert process.stdout is not None
    with trio.fail_after(PATIENCE_S):
        return (await process.stdout.receive_some()).decode()


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
