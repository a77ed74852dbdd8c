"""All services of a system: one actor each, found by id; and what they are configured as."""

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import TypeVar

import attrs
import trio

from actors.runtime import Actor, Bus, Cell, ChildSpec, Message, Ref, Supervisor
from actors.services.added import forget, keep
from actors.services.causes import COMMAND, Cause
from actors.services.checking import CheckNow, LookTicket
from actors.services.keeper import Keeper
from actors.services.messages import (
    Accepted,
    BeginService,
    Board,
    InputTaken,
    NotApplied,
    Reconfigured,
    ReloadService,
    ReloadTaken,
    RestartService,
    SendInput,
    ServiceCommands,
    ServiceExists,
    ServiceIsGroup,
    ServiceNeeded,
    ServiceNotFound,
    ServiceOwned,
    ServiceView,
    StartService,
    State,
    StopService,
    Wanted,
)
from actors.services.monitors import Surroundings
from actors.services.monitors.feed.messages import NewsBoard
from actors.services.monitors.feed.monitor import FeedRecord
from actors.services.rolling import NAME as ROLLING
from actors.services.rolling import Roll, Rolling, RollingQuestions, RollingRestarts, Rollings
from actors.services.roster import Premises, Roster
from actors.services.schedule_times import Timetable
from actors.services.targets import instances_of, select
from actors.setting_rules import SettingProblem, SettingsError
from actors.settings import ServiceSettings, expanded, instance_ids, service_problems
from actors.store import Store

A = TypeVar("A", bound=Actor)

Remember = Callable[[str], Awaitable[None]]
"""Keeps what is wanted of the service of that id."""


class Services:
    """What a system's services are, and how to command and configure them."""

    def __init__(
        self,
        settings: Iterable[ServiceSettings],
        bus: Bus,
        store: Store | None = None,
        parts: Mapping[str, Cell[bool]] | None = None,
    ) -> None:
        """Have these services, none of them started.

        Args:
            settings: With groups not yet expanded.
            bus: Told everything.
            store: Keeps what is added at run time; None: nothing does.
            parts: The switches of the system's own parts, by the kind of service that switches them.
        """
        self._declared = {service.id: service for service in settings}
        self._roster = Roster(expanded(self._declared.values()), bus, parts)
        self._remember: Remember | None = None
        self._store = store
        self._configuring = trio.Lock()
        self._bus = bus
        self._rollings: Cell[Rollings] = Cell({})
        self._rolling = trio.Lock()
        self._roller: Ref[RollingQuestions] | None = None

    @property
    def board(self) -> Cell[Board]:
        """What is known of every service, by id, in the order of the configuration."""
        return self._roster.writer.cell

    @property
    def declared(self) -> Mapping[str, ServiceSettings]:
        """What was configured, by id: a service of several instances is one entry here, and several on the board."""
        return MappingProxyType(self._declared)

    def view(self, service_id: str) -> ServiceView:
        """What is known of one service.

        Raises:
            ServiceIsGroup: The id stands for several instances.
            ServiceNotFound: There is none of this id.
        """
        try:
            return self.board.value[service_id]
        except KeyError:
            raise self._not_found(service_id) from None

    def settings_of(self, service_id: str) -> ServiceSettings | None:
        """What a service is; None when there is none of this id."""
        view = self.board.value.get(service_id)
        return None if view is None else view.settings

    def ref(self, service_id: str) -> Ref[ServiceCommands]:
        """The service's actor. Raises as `view`.

        What it is commanded directly, and not by `start`, `stop` and `restart`, is not remembered over our own restart.
        """
        try:
            return self._roster.refs[service_id]
        except KeyError:
            raise self._not_found(service_id) from None

    def matching(self, target: str) -> tuple[str, ...]:
        """The ids that *target* names: an id, a group's, `tag:NAME`, or a pattern with `*`, `?` and `[...]`.

        Raises:
            ServiceNotFound: None matches.
        """
        found = select(self._roster.settings, target)
        if not found:
            raise ServiceNotFound(target)
        return found

    def _not_found(self, service_id: str) -> ServiceNotFound:
        instances = instances_of(self._roster.settings, service_id)
        return ServiceIsGroup(service_id, instances) if instances else ServiceNotFound(service_id)

    # -- commands

    async def start(self, service_id: str) -> Accepted:
        """Have it running. Answers when the command is taken; see `wait_for`.

        Raises:
            ServiceNotFound: There is none of this id.
            ServiceUnavailable: This version cannot run its kind.
        """
        return await self._command(service_id, StartService())

    async def begin(self, service_id: str) -> Accepted:
        """As `start`, but a job that has a schedule waits for that."""
        return await self._command(service_id, BeginService(COMMAND))

    async def stop(self, service_id: str) -> Accepted:
        """Have it stopped, with nothing left of it. Answers and raises as `start`."""
        return await self._command(service_id, StopService())

    async def restart(self, service_id: str, by: Cause = COMMAND) -> Accepted:
        """Have it stopped, if it runs, and started; its history says *by* what. Answers and raises as `start`."""
        return await self._command(service_id, RestartService(by))

    async def _command(self, service_id: str, message: Message[ServiceCommands, Accepted]) -> Accepted:
        accepted = await self.ref(service_id).ask(message)
        if self._remember is not None:
            await self._remember(service_id)
        return accepted

    async def check(self, service_id: str, *, force: bool = False) -> LookTicket:
        """Look at it now; the ticket is to wait with for what is found. With *force* as if for the first time.

        Raises:
            ServiceNotFound: There is none of this id.
            NotCheckable: There is nothing to look at in its kind.
            NotRunning: It is stopped.
        """
        kind = self.view(service_id).settings.kind
        return await self.ref(service_id).ask(CheckNow(service_id, kind, force))

    async def reload(self, service_id: str) -> ReloadTaken:
        """Have it read its configuration again, while it runs; what came of it is told as `ReloadEnded`.

        Raises:
            ServiceNotFound: There is none of this id.
            CannotReload: Nobody said how.
            ServiceNotRunning: It has no process.
        """
        return await self.ref(service_id).ask(ReloadService())

    async def send_input(self, service_id: str, data: bytes, *, end: bool = False) -> InputTaken:
        """Write *data* to its stdin, all or nothing, and with *end* end that.

        Raises:
            ServiceNotFound: There is none of this id.
            NoInput: Its stdin is no pipe.
            ServiceNotRunning: It has no process.
            InputFull: It does not read what was sent before.
            InputClosed: Its input has ended.
        """
        return await self.ref(service_id).ask(SendInput(data, end))

    async def wait_for(self, service_id: str, *states: State) -> ServiceView:
        """The view of a service once it is in one of *states*; waits as long as its caller lets it.

        Raises:
            ServiceNotFound: There is none of this id, or not any more.
        """
        self.view(service_id)
        board = await self.wait_until(lambda board: service_id not in board or board[service_id].state in states)
        if service_id not in board:
            raise ServiceNotFound(service_id)
        return board[service_id]

    async def wait_until(self, condition: Callable[[Board], bool]) -> Board:
        """The board once *condition* holds for it; waits as long as its caller lets it."""
        return await self._roster.writer.wait_until(condition)

    def news(self, service_id: str) -> Cell[NewsBoard] | None:
        """What is known of the sources of a feed, to look at and to follow; None for what is no feed.

        Raises:
            ServiceNotFound: There is none of this id.
        """
        self.view(service_id)
        record = self._roster.monitor(service_id)
        return record.memory.board if isinstance(record, FeedRecord) else None

    async def beside(self, name: str, factory: Callable[[], A]) -> Ref[A]:
        """Start an actor beside those of the services, which no service can be named as."""
        return await self._roster.premises.supervisor.start(ChildSpec(name, factory))

    # -- rolling restarts

    @property
    def rollings(self) -> Cell[Rollings]:
        """The latest rolling restart of each target, and how far it is."""
        return self._rollings

    async def roll(self, target: str, *, parallel: int = 1) -> Rolling:
        """Begin to restart what *target* names, *parallel* at a time, each only when one before is ready again.

        It stops at the first that does not come back. Answers as it begins; see `rolled` and `RollingEnded`.

        Raises:
            ServiceNotFound: Nothing is named so.
            AlreadyRolling: Some of it is in the middle of another rolling restart.
        """
        ids = self.matching(target)
        async with self._rolling:
            if self._roller is None:
                self._roller = await self.beside(ROLLING, partial(RollingRestarts, self, self._rollings, self._bus))
        return await self._roller.ask(Roll(target, ids, parallel))

    async def rolled(self, target: str) -> Rolling:
        """The rolling restart of *target* once it is over; waits as long as its caller lets it."""
        watch = self._rollings.subscribe()
        with watch.changes:
            while (now := self._rollings.value[target]).state == "running":
                await watch.changes.receive()
        return now

    # -- configuration

    async def reconfigure(self, services: Sequence[ServiceSettings]) -> Reconfigured:
        """Make the configured services those of *services*; those added at run time stay, after them.

        One configuration at a time; commands never wait for it. What goes is stopped, what comes is started unless
        it does not start by itself, and only what would be another process is restarted. It is carried out to its
        end even if the caller is cancelled; see `Roster.lead_to` for how long that takes.

        Raises:
            SettingsError: They cannot be together, or with those added at run time. Nothing was changed.
        """
        async with self._configuring:
            added = [service for service in self._declared.values() if service.origin == "api"]
            taken = {service.id for service in added}
            problems = [_taken(service.id) for service in services if service.id in taken]
            wanted = self._checked((*services, *added), problems)
            with to_its_end():  # bounded by the longest grace of what goes
                return await self._lead_to(wanted, "reload")

    async def add(self, service: ServiceSettings) -> Reconfigured:
        """Add a service at run time, and keep it over restarts: it is on the disk when this returns.

        Raises:
            ServiceExists: There is one of its id.
            SettingsError: It does not fit the others, such as by whom it depends on.
            StoreError: It could not be kept. Nothing was changed.
            NotApplied: It is kept, but could not be started.
        """
        service = attrs.evolve(service, origin="api")
        async with self._configuring:
            if service.id in self._declared or service.id in self.board.value:
                raise ServiceExists(service.id)
            return await self._keep(service)

    async def change(self, service: ServiceSettings) -> Reconfigured:
        """Change a service that was added at run time. Answers and raises as `add`, and:

        Raises:
            ServiceNotFound: There is none of this id.
            ServiceOwned: It was not added at run time.
        """
        service = attrs.evolve(service, origin="api")
        async with self._configuring:
            self._own(service.id)
            return await self._keep(service)

    async def remove(self, service_id: str) -> Reconfigured:
        """Stop a service that was added at run time and forget it; nothing of it is left when this returns.

        Raises:
            ServiceNotFound: There is none of this id.
            ServiceOwned: It was not added at run time.
            ServiceNeeded: Others depend on it.
            StoreError: It is still kept. Nothing was changed.
        """
        async with self._configuring:
            self._own(service_id)
            needed_by = [other.id for other in self._declared.values() if service_id in other.depends_on]
            if needed_by:
                raise ServiceNeeded(service_id, needed_by)
            left = [service for service in self._declared.values() if service.id != service_id]
            with to_its_end():  # bounded by the store's deadline and the service's grace
                if self._store is not None:
                    await forget(self._store, service_id)
                return await self._lead_to(left, "api")

    def _own(self, service_id: str) -> None:
        """Refuse an id whose service was not added at run time."""
        declared = self._declared.get(service_id)
        if declared is None:
            view = self.view(service_id)  # one of several instances; or there is none
            raise ServiceOwned(service_id, view.settings.origin)
        if declared.origin != "api":
            raise ServiceOwned(service_id, declared.origin)

    async def _keep(self, service: ServiceSettings) -> Reconfigured:
        wanted = self._checked(tuple({**self._declared, service.id: service}.values()))
        # Committed first, then applied: whoever is answered finds it there after a restart.
        with to_its_end():  # bounded by the store's deadline and the grace of instances that go
            if self._store is not None:
                await keep(self._store, service)
            outcome = await self._lead_to(wanted, "api")
        for service_id in instance_ids(service):
            if service_id in outcome.failed:
                raise NotApplied(service_id, outcome.failed[service_id])
        return outcome

    def _checked(
        self, services: Sequence[ServiceSettings], problems: Sequence[SettingProblem] = ()
    ) -> Sequence[ServiceSettings]:
        problems = problems or service_problems(services)
        if problems:
            raise SettingsError("services", problems)
        return services

    async def _lead_to(self, services: Sequence[ServiceSettings], reason: str) -> Reconfigured:
        self._declared = {service.id: service for service in services}
        return await self._roster.lead_to(expanded(services), reason=reason)

    # -- life

    async def open(
        self,
        supervisor: Supervisor,
        keeper: Keeper,
        logs_dir: Path,
        random: Random,
        wanted: Mapping[str, Wanted] | None = None,
        remember: Remember | None = None,
        timetable: Timetable | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Start an actor for every service under *supervisor*, and those services that are *wanted*.

        Of those that *wanted* says nothing of, the ones that start by themselves. What is commanded from now on is
        given to *remember* before the command is answered. Without *surroundings* monitors have no store, which some
        kinds need.
        """
        self._remember = remember
        premises = Premises(
            supervisor, keeper, logs_dir, random, timetable or Timetable(), surroundings or Surroundings(random)
        )
        await self._roster.open(premises, wanted or {})

    async def shut_down(self) -> None:
        """Stop all services, each after those that depend on it and otherwise at the same time.

        Returns once all are stopped, or after the longest chain of graces and a margin. A service whose actor is down
        is stopped as well.
        """
        await self._roster.shut_down()


@contextmanager
def to_its_end() -> Generator[None, None, None]:
    """Whatever cancels the caller waits for the end of the block, which has a bound of its own."""
    with trio.CancelScope(shield=True):
        yield


def _taken(service_id: str) -> SettingProblem:
    expected = "an id that no service added over the API has"
    return SettingProblem(("services", service_id), "there, too", expected, "rename it, or remove that one")
