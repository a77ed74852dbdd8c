"""The whole backend for the time of a block."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import attrs
import trio

from actors.metrics.actor import MetricsActor, new_record
from actors.metrics.messages import MetricsQuestions, Readings
from actors.runtime import (
    Bus,
    Cell,
    ChildSpec,
    Ref,
    Restart,
    RestartIntensity,
    Supervisor,
    SupervisorSpec,
    TreeNode,
    open_supervisor,
)
from actors.services.directory import Services
from actors.services.keeper import Keeper, open_keeper
from actors.settings import SystemSettings

log = logging.getLogger("actors.system")

DOMAIN_INTENSITY = RestartIntensity(restarts=20, period=60.0)
"""A domain is given up after this many crashes: many services may crash once for one reason."""


@attrs.frozen
class Metrics:
    """The machine's figures."""

    readings: Cell[Readings]
    """The newest, always there."""
    ref: Ref[MetricsQuestions]
    """For `GetHistory`, `GetChart`, `ClearHistory` and `GetStability`."""


class System:
    """A running backend: refs to ask and tell, cells to look at and follow, and the bus with every event."""

    def __init__(
        self,
        settings: SystemSettings,
        bus: Bus,
        root: Supervisor,
        keeper: Keeper,
        services: Services,
        metrics: Metrics,
    ) -> None:
        self.settings = settings
        self.bus = bus
        self.services = services
        self.metrics = metrics
        self._root = root
        self._keeper = keeper
        self._stopping = False

    def tree(self) -> TreeNode:
        """Every supervisor and actor with its state and statistics, as of now."""
        return self._root.tree()

    @property
    def stopping(self) -> bool:
        """Whether services are being stopped because the system ends."""
        return self._stopping

    async def stop_services(self) -> None:
        """Stop all services in parallel, for good: at most the longest grace and some seconds.

        Leaving the block does it too; who has last words to say does it before. Metrics, events and questions go on.
        """
        self._stopping = True
        await self.services.shut_down()

    def kill_services(self) -> None:
        """Kill everything that services run, at once. What is wanted is started again: stop the services first."""
        for run in tuple(self._keeper.runs.values()):
            run.kill()


@asynccontextmanager
async def open_system(settings: SystemSettings, *, random: Random | None = None) -> AsyncGenerator[System, None]:
    """A backend made of *settings*; leaving the block stops everything, in order, within a bound.

    Services are stopped in parallel within the longest of their graces, then the actors in reverse order, and last
    the keeper, with whatever might be left. It installs no signal handlers, and several can be open at a time, each
    with its own data directory.

    Args:
        settings: What to run.
        random: For the jitter of delays; a seeded one makes them repeatable.

    Raises:
        OSError: The data directory cannot be made.
    """
    await trio.to_thread.run_sync(_make_directories, settings.logs_dir)
    random = random or Random()  # noqa: S311 - jitter is no secret
    bus = Bus()
    async with (
        open_keeper() as keeper,
        open_supervisor("system", intensity=DOMAIN_INTENSITY, bus=bus, random=random) as root,
    ):
        services = Services(settings.services, bus)
        metrics = await _open_metrics(root, settings, services, bus)
        await _open_services(root, settings, services, keeper, random)
        system = System(settings, bus, root, keeper, services, metrics)
        try:
            yield system
        finally:
            with trio.CancelScope(shield=True):  # bounded by the longest grace of a service
                await system.stop_services()


async def _open_metrics(root: Supervisor, settings: SystemSettings, services: Services, bus: Bus) -> Metrics:
    domain = await root.start_supervisor(_domain("metrics"))
    record = new_record(settings.metrics)

    def make() -> MetricsActor:
        return MetricsActor(record, settings.metrics, settings.data_dir, services.board, bus)

    return Metrics(record.readings, await domain.start(ChildSpec("sampler", make)))


async def _open_services(
    root: Supervisor, settings: SystemSettings, services: Services, keeper: Keeper, random: Random
) -> None:
    domain = await root.start_supervisor(_domain("services"))
    await services.open(domain, keeper, settings.logs_dir, random)


def _domain(name: str) -> SupervisorSpec:
    # Temporary: a domain that gives up stays down and is told as `ActorFailed`; it never takes another with it.
    return SupervisorSpec(name, intensity=DOMAIN_INTENSITY, restart=Restart.TEMPORARY)


def _make_directories(logs: Path) -> None:
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
