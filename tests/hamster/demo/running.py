"""A demo program as a real process, up to its first line."""

import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import attrs
import trio

T = TypeVar("T")

UP = 20.0  # seconds to begin in: a tenth is usual, a busy machine has its moments


@attrs.frozen
class Running:
    """The process and its first line, without the end of the line."""

    process: trio.Process
    first: str


@asynccontextmanager
async def running(module: str, *arguments: str) -> AsyncGenerator[Running, None]:
    """`python -m MODULE ARGUMENTS` until the block is left; killed then, where it still runs."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        with trio.fail_after(UP):
            yield Running(process, await _first_line(process))
    finally:
        process.kill()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + UP):
            await process.wait()
            assert process.stdout is not None
            await process.stdout.aclose()


async def _first_line(process: trio.Process) -> str:
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        byte = await process.stdout.receive_some(1)
        if not byte:
            break
        line += byte
    return line.decode().rstrip("\n")


async def rest(process: trio.Process) -> str:
    """What it writes from here to its end."""
    assert process.stdout is not None
    return b"".join([piece async for piece in process.stdout]).decode()


async def until(ask: Callable[[], Awaitable[T]], right: Callable[[T], bool]) -> T:
    """The first answer that is *right*, for what changes by a clock of its own and tells nobody."""
    with trio.fail_after(UP):
        while True:
            answer = await ask()
            if right(answer):
                return answer
            await trio.sleep(0.02)
