"""Blocking work of logs, in threads of their own number."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class Threads:
    """A few threads; who finds all of them busy waits."""

    def __init__(self, count: int) -> None:
        self.limiter = trio.CapacityLimiter(count)

    async def run(self, function: Callable[[*Arguments], T], *args: *Arguments) -> T:
        """What *function* returns of *args*; it is waited for even when the caller is cancelled."""
        return await trio.to_thread.run_sync(function, *args, limiter=self.limiter)
