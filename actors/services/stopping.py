"""Stopping many services in order."""

from collections.abc import Awaitable, Callable, Mapping

import trio


async def dependents_first(dependents: Mapping[str, frozenset[str]], stop: Callable[[str], Awaitable[None]]) -> None:
    """Stop all: each as soon as those that depend on it have stopped, and otherwise at the same time.

    Args:
        dependents: By id, who depends on it.
        stop: Stops one, and returns once it has stopped. The first that raises ends the others.
    """
    stopped = {name: trio.Event() for name in dependents}

    async def stop_in_turn(name: str) -> None:
        for other in dependents[name]:
            await stopped[other].wait()
        await stop(name)
        stopped[name].set()

    async with trio.open_nursery() as nursery:
        for name in dependents:
            nursery.start_soon(stop_in_turn, name)
