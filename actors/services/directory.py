"""All services of a system: one actor each, found by id."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random

import trio

from actors.runtime import ActorError, ActorState, Bus, Cell, Changed, ChildSpec, Ref, Supervisor
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
from actors.services.part import PartService
from actors.services.process import ProcessService, end_unattended
from actors.services.record import BoardWriter, new_record
from actors.settings import ServiceSettings

log = logging.getLogger("actors.services")

SHUT_DOWN_MARGIN = 4.0
"""Seconds beyond the longest grace that a shutdown may take: a holder that does not answer is killed after 2."""

SHUT_DOWN_ANSWER = 1.0
"""Seconds that a service's actor has to take the shutdown: well within the margin, so that another way is left."""


class Services:
    """What a system's services are, and how to command them."""

    def __init__(self, settings: Iterable[ServiceSettings], bus: Bus, sending: Cell[bool] | None = None) -> None:
        """*sending* is what a service of kind `webhooks` switches."""
        self._settings = {service.id: service for service in settings}
        self._parts: dict[str, Cell[bool]] = {} if sending is None else {"webhooks": sending}
        runnable = {"process", *self._parts}
        views = {
            service.id: ServiceView(service, available=service.kind in runnable) for service in self._settings.values()
        }
        for view in views.values():
            if view.settings.kind in self._parts:
                self._parts[view.settings.kind].set(False)  # until it is started
        self._writer = BoardWriter(views, bus)
        self._records = {
            service.id: new_record(service, service.process, self._writer)
            for service in self._settings.values()
            if service.process is not None
        }
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
            if settings.autostart and self.view(settings.id).available:
                self._refs[settings.id].tell(StartService())

    async def shut_down(self) -> None:
        """Stop all services at the same time; returns once all are stopped, or after the longest grace and a margin.

        A service whose actor is down is stopped as well.
        """
        longest = max((record.options.stop_grace for record in self._records.values()), default=0.0)
        with trio.move_on_after(longest + SHUT_DOWN_MARGIN) as bound:
            async with trio.open_nursery() as nursery:
                for service in self._refs:
                    nursery.start_soon(self._shut_down, service)
        if bound.cancelled_caught:
            left = [service for service, view in self._writer.cell.value.items() if view.state is not State.STOPPED]
            log.error("services.shutdown_cut_off services=%s next=kill", ",".join(left))

    async def _shut_down(self, service: str) -> None:
        ref, record = self._refs[service], self._records.get(service)
        if record is None:
            with suppress(ActorError):  # nothing of it is left in any case
                await ref.ask(ShutDown(), timeout=SHUT_DOWN_ANSWER)
            return
        record.shutting_down = True  # whatever becomes of its actor, it starts nothing any more
        if ref.state is ActorState.RUNNING:
            try:
                await ref.ask(ShutDown(), timeout=SHUT_DOWN_ANSWER)
                await self.wait_for(service, State.STOPPED)
            except ActorError as error:
                log.error("services.shutdown_unanswered service=%s error=%s next=stop_it_directly", service, error)
            else:
                return
        await end_unattended(record)

    def _factory(
        self, settings: ServiceSettings, keeper: Keeper, logs_dir: Path, random: Random
    ) -> "Callable[[], ProcessService] | Callable[[], PartService] | Callable[[], IdleService]":
        record, switch = self._records.get(settings.id), self._parts.get(settings.kind)
        if switch is not None:
            return lambda: PartService(settings, self._writer, switch)
        if record is None:
            return lambda: IdleService(settings, self._writer)
        return lambda: ProcessService(record, keeper, logs_dir, random)
