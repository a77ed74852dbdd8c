"""A whole tree of actors for the time of a block."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random

import trio

from actors.runtime.bus import Bus
from actors.runtime.children import Surroundings
from actors.runtime.core import ActorState
from actors.runtime.groups import unwrapping
from actors.runtime.specs import RestartIntensity, Strategy, SupervisorSpec
from actors.runtime.supervisor import Supervisor, SupervisorChild
from actors.runtime.timers import Timers
from actors.runtime.tracing import Tracer


@asynccontextmanager
async def open_supervisor(
    name: str = "root",
    *,
    strategy: Strategy = Strategy.ONE_FOR_ONE,
    intensity: RestartIntensity | None = None,
    bus: Bus | None = None,
    random: Random | None = None,
) -> AsyncGenerator[Supervisor, None]:
    """A supervisor for the time of the block. Leaving it stops all children in reverse, each within its grace.

    Args:
        name: First part of every path beneath it.
        strategy: Who is restarted when one child crashes.
        intensity: When it gives up; 5 restarts in 60 s unless given.
        bus: Where it tells what happens; one of its own unless given.
        random: For the jitter of backoffs; a seeded one makes them repeatable.

    Raises:
        RestartIntensityExceeded: Out of the block, when the children crashed too often.
    """
    spec = SupervisorSpec(name, strategy, intensity or RestartIntensity())
    bus = bus or Bus()
    around = Surroundings(bus, Timers(), Tracer(bus), random or Random())  # noqa: S311 - jitter is no secret
    root = SupervisorChild(Supervisor(name, spec, around))
    root.begin()
    # Shielded: a cancellation is for whoever uses the actors. Cancelled together with the block they could not end
    # in order; leaving has deadlines of its own.
    lives = trio.CancelScope(shield=True)
    with unwrapping():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_live, root, around.timers, lives, name=name)
            try:
                await root.settled.wait()
                yield root.inner
            finally:
                with trio.CancelScope(shield=True):  # bounded by the graces of the children
                    await root.end(final=True)
                root.give_up(ActorState.STOPPED)
                lives.cancel()


async def _live(root: SupervisorChild, timers: Timers, lives: trio.CancelScope) -> None:
    with unwrapping(), lives:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(timers.run, name=f"{root.path} timers")
            try:
                await root.run()
            finally:
                root.ended(None)
