"""All services of a system: one actor each, found by id."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random

import trio

from actors.runtime import Bus, Cell, Changed, ChildSpec, Message, Ref, Supervisor
from actors.services.idle import IdleService
from actors.services.keeper import Keeper
from actors.services.messages import (
    Accepted,
    Board,
    RestartService,
    ServiceCommands,
    ServiceNotFound,
    ServiceView,
    ShutDown,
    StartService,
    State,
    StopService,
)
from actors.services.process import ProcessService
from actors.services.record import BoardWriter, new_record
from actors.settings import ServiceSettings

SHUT_DOWN_MARGIN = 4.0
"""Seconds beyond the longest grace that a shutdown may take: a holder that does not answer is killed after 2."""


class Services:
    """What a system's services are, and how to command them."""

    def __init__(self, settings: Iterable[ServiceSettings], bus: Bus) -> None:
        self._settings = {service.id: service for service in settings}
        views = {
            service.id: ServiceView(service, available=service.kind == "process") for service in self._settings.values()
        }
        self._writer = BoardWriter(views, bus)
        self._refs: dict[str, Ref[ServiceCommands]] = {}

    @property
    def board(self) -> Cell[Board]:
        """What is known of every service, by id, in the order of the configuration."""
        return self._writer.cell

    def view(self, service_id: str) -> ServiceView:
        """What is known of one service.

        Raises:
            ServiceNotFound: There is none of this id.
        """
        try:
            return self._writer.cell.value[service_id]
        except KeyError:
            raise ServiceNotFound(service_id) from None

    def ref(self, service_id: str) -> Ref[ServiceCommands]:
        """The service's actor, to be sent `StartService`, `StopService` and `RestartService`.

        Raises:
            ServiceNotFound: There is none of this id.
        """
        try:
            return self._refs[service_id]
        except KeyError:
            raise ServiceNotFound(service_id) from None

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The ids that *pattern* names: an id, or one with `*`, `?` and `[...]`.

        Raises:
            ServiceNotFound: None matches.
        """
        if pattern in self._refs:
            return (pattern,)
        found = tuple(service for service in self._refs if fnmatchcase(service, pattern))
        if not found:
            raise ServiceNotFound(pattern)
        return found

    async def start(self, service_id: str) -> Accepted:
        """Have it running. Answers when the command is taken; see `wait_for`.

        Raises:
            ServiceNotFound: There is none of this id.
            ServiceUnavailable: This version cannot run its kind.
        """
        return await self.ref(service_id).ask(StartService())

    async def stop(self, service_id: str) -> Accepted:
        """Have it stopped, with nothing left of it. Answers and raises as `start`."""
        return await self.ref(service_id).ask(StopService())

    async def restart(self, service_id: str) -> Accepted:
        """Have it stopped, if it runs, and started. Answers and raises as `start`."""
        return await self.ref(service_id).ask(RestartService())

    async def wait_for(self, service_id: str, *states: State) -> ServiceView:
        """The view of a service once it is in one of *states*; waits as long as its caller lets it.

        Raises:
            ServiceNotFound: There is none of this id.
        """
        self.view(service_id)
        return (await self.wait_until(lambda board: board[service_id].state in states))[service_id]

    async def wait_until(self, condition: Callable[[Board], bool]) -> Board:
        """The board once *condition* holds for it; waits as long as its caller lets it."""
        watch = self.board.subscribe()
        with watch.changes:
            board = watch.value
            while not condition(board):
                changed = await watch.changes.receive()
                board = changed.value if isinstance(changed, Changed) else self.board.value
        return board

    async def open(self, supervisor: Supervisor, keeper: Keeper, logs_dir: Path, random: Random) -> None:
        """Start an actor for every service under *supervisor*, and those services that start by themselves."""
        for settings in self._settings.values():
            spec = ChildSpec(settings.id, self._factory(settings, keeper, logs_dir, random))
            self._refs[settings.id] = await supervisor.start(spec)
        for settings in self._settings.values():
            if settings.autostart and settings.kind == "process":
                self._refs[settings.id].tell(StartService())

    async def shut_down(self) -> None:
        """Stop all services at the same time; returns once all are stopped, or after the longest grace and a margin."""
        graces = [settings.process.stop_grace for settings in self._settings.values() if settings.process]
        with trio.move_on_after(max(graces, default=0.0) + SHUT_DOWN_MARGIN):
            async with trio.open_nursery() as nursery:
                for ref in self._refs.values():
                    nursery.start_soon(_send, ref, ShutDown())
            await self.wait_until(all_stopped)

    def _factory(
        self, settings: ServiceSettings, keeper: Keeper, logs_dir: Path, random: Random
    ) -> "Callable[[], ProcessService] | Callable[[], IdleService]":
        if settings.process is None:
            return lambda: IdleService(settings, self._writer)
        record = new_record(settings, settings.process, self._writer)
        return lambda: ProcessService(record, keeper, logs_dir, random)


def all_stopped(board: Mapping[str, ServiceView]) -> bool:
    """Whether nothing of any service is left."""
    return all(view.state is State.STOPPED for view in board.values())


async def _send(ref: Ref[ServiceCommands], message: Message[ServiceCommands, None]) -> None:
    await ref.send(message)
