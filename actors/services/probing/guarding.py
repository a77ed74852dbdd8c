"""Who kills the commands of ours that only answer, should we die in the middle of one."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import trio
from trio.lowlevel import RunVar

log = logging.getLogger("actors.services.probing")

GUARD_SECONDS = 5.0
"""How long a guardian may take before the command is followed without one."""


class Guardian(Protocol):
    """Outlives us long enough; the keeper is one."""

    async def guard(self, pid: int, pidfd: int) -> Callable[[], None]:
        """Kill the process, with its group, if we die before the answer is called."""
        ...


_guardians: RunVar[tuple[Guardian, ...]] = RunVar("probing_guardians", default=())


@asynccontextmanager
async def guarded_by(guardian: Guardian) -> AsyncGenerator[None, None]:
    """Have commands guarded by *guardian* for the length of the block; of several any will do: we are one process."""
    _guardians.set((*_guardians.get(), guardian))
    try:
        yield
    finally:
        _guardians.set(tuple(other for other in _guardians.get() if other is not guardian))


async def guard(pid: int, pidfd: int | None) -> Callable[[], None]:
    """Have a child guarded, as far as that is possible; call the answer when it has ended."""
    if pidfd is not None:
        for guardian in reversed(_guardians.get()):
            with trio.move_on_after(GUARD_SECONDS):
                try:
                    return await guardian.guard(pid, pidfd)
                except OSError as error:
                    log.debug("probing.not_guarded pid=%d error=%s", pid, error)
    return _nothing


def _nothing() -> None:
    """It was not guarded."""
