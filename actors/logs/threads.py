"""Blocking work of logs, in threads and processes of their own number."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class Threads:
    """A few threads, and fewer processes; who finds all of them busy waits."""

    def __init__(self, count: int, processes: int) -> None:
        self.limiter = trio.CapacityLimiter(count)
        self.processes = trio.CapacityLimiter(processes)
        """Of those who have something counted in a process of its own."""

    async def run(self, function: Callable[[*Arguments], T], *args: *Arguments) -> T:
        """What *function* returns of *args*; it is waited for even when the caller is cancelled."""
        return await trio.to_thread.run_sync(function, *args, limiter=self.limiter)
