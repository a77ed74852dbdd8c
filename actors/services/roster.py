"""The services as they run: each with its settings, its record and its actor; and how they become others."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import attrs
import trio

from actors.runtime import ActorError, ActorState, ActorStopped, Bus, Cell, ChildSpec, Ref, Supervisor
from actors.services.causes import AUTOSTART, Cause
from actors.services.dependencies import dependents, longest
from actors.services.idle import IdleService
from actors.services.keeper import Keeper, Phase
from actors.services.messages import (
    BeginService,
    Configure,
    Happened,
    Reconfigured,
    ServiceCommands,
    ServicesConfigured,
    ServiceView,
    ShutDown,
    StartService,
    State,
    Wanted,
)
from actors.services.monitors import (
    MONITORS,
    MonitorRecord,
    MonitorService,
    Surroundings,
    actor_of,
    can_start,
    new_monitor,
    shut_down_monitor,
)
from actors.services.part import PartService
from actors.services.process import ProcessService
from actors.services.record import BoardWriter, ServiceRecord, new_record
from actors.services.reload import Change, Effect, plan
from actors.services.schedule_times import Timetable
from actors.services.stopping import dependents_first
from actors.services.unattended import end_unattended
from actors.settings import ServiceSettings

log = logging.getLogger("actors.services")

SHUT_DOWN_MARGIN = 4.0
"""Seconds beyond the graces that a shutdown may take: a holder that does not answer is killed after 2."""

SHUT_DOWN_ANSWER = 1.0
"""Seconds that a service's actor has to take the shutdown: well within the margin, so that another way is left."""

KILLED_SECONDS = 2.0
"""How long what was killed may take to be gone."""


@attrs.frozen
class Premises:
    """Where the actors of services live, and with what."""

    supervisor: Supervisor
    keeper: Keeper
    logs_dir: Path
    random: Random
    timetable: Timetable
    """What the schedules of jobs are made with."""
    surroundings: Surroundings
    """What monitors are given."""


class Roster:
    """All services that run under an id of their own: instances, not groups."""

    def __init__(
        self, settings: Iterable[ServiceSettings], bus: Bus, parts: Mapping[str, Cell[bool]] | None = None
    ) -> None:
        """*parts* are the switches of the system's own parts, by the kind of service that switches them."""
        self._parts = dict(parts or {})
        self.settings: dict[str, ServiceSettings] = {service.id: service for service in settings}
        """What each goes by, in the order of the board."""
        self.writer = BoardWriter({service.id: self._new_view(service) for service in self.settings.values()}, bus)
        self.refs: dict[str, Ref[ServiceCommands]] = {}
        self._records: dict[str, ServiceRecord] = {}
        self._monitors: dict[str, MonitorRecord] = {}
        for service in self.settings.values():
            self._note(service)
        self._bus = bus
        self._premises: Premises | None = None
        self._closing = False

    async def open(self, premises: Premises, wanted: Mapping[str, Wanted]) -> None:
        """Start an actor for every service, and those services that are *wanted*; where it says nothing, autostart."""
        self._premises = premises
        for settings in self.settings.values():
            await self._start_actor(premises, settings)
        for settings in self.settings.values():
            self._start_if_wanted(settings, wanted.get(settings.id))

    @property
    def premises(self) -> Premises:
        """Where its actors live.

        Raises:
            ActorStopped: It is not open yet.
        """
        if self._premises is None:
            raise ActorStopped("services")
        return self._premises

    # -- becoming others

    async def lead_to(self, new: Sequence[ServiceSettings], *, reason: str) -> Reconfigured:
        """Make the services those of *new*, in its order; to be called by one at a time.

        Takes as long as what goes takes to stop: at most the longest of its graces and some seconds. Whatever fails
        with one service concerns that one alone.

        Args:
            new: Right together, without groups, each id once.
            reason: For the history: `reload` or `api`.
        """
        found = plan(self.settings, new)
        failed: dict[str, str] = {}
        restarted: set[str] = set()
        async with trio.open_nursery() as nursery:
            for service_id in found.removed:
                nursery.start_soon(self._take_away, service_id)
            for change in found.changed:
                nursery.start_soon(self._configure, change, restarted, failed)
        added = [settings for settings in found.added if await self._add(settings, failed)]
        self._arrange(new)
        changed = [change for change in found.changed if change.settings.id not in failed]
        outcome = Reconfigured(
            added=tuple(settings.id for settings in added),
            removed=found.removed,
            restarted=tuple(change.settings.id for change in changed if change.settings.id in restarted),
            changed=tuple(change.settings.id for change in changed if change.settings.id not in restarted),
            later=tuple(change.settings.id for change in changed if change.effect is Effect.NEXT_START),
            failed=failed,
        )
        self._tell(outcome, changed, reason)
        return outcome

    def _tell(self, outcome: Reconfigured, changed: Sequence[Change], reason: str) -> None:
        if outcome.nothing:
            return
        for change in changed:
            service_id, keys = change.settings.id, ", ".join(change.keys)
            log.info("service.configured service=%s keys=%r effect=%s", service_id, keys, change.effect.name.lower())
            self._happened(service_id, "changed", reason, keys)
            self.writer.tell("config_changed", service_id)
        for service_id in outcome.removed:
            self._happened(service_id, "removed", reason)
        for service_id in outcome.added:
            self._happened(service_id, "added", reason)
        for service_id, why in outcome.failed.items():
            log.error("service.not_configured service=%s why=%r next=with_the_next_reload", service_id, why)
        self._bus.publish(ServicesConfigured(outcome))

    def _happened(self, service_id: str, new: str, reason: str, detail: str = "") -> None:
        self._bus.publish(Happened(service_id, datetime.now(UTC), "configured", None, new, reason, detail))

    async def _configure(self, change: Change, restarted: set[str], failed: dict[str, str]) -> None:
        service_id = change.settings.id
        try:
            if (await self.refs[service_id].ask(Configure(change.settings))).restarted:
                restarted.add(service_id)
        except ActorError as error:
            failed[service_id] = str(error)
        else:
            self.settings[service_id] = change.settings

    async def _add(self, settings: ServiceSettings, failed: dict[str, str]) -> bool:
        if self._premises is None or self._closing:
            failed[settings.id] = "the system is not running"
            return False
        self._note(settings)
        self.writer.arrange([*self.writer.cell.value.values(), self._new_view(settings)])
        try:
            await self._start_actor(self._premises, settings)
        except ActorError as error:
            failed[settings.id] = str(error)
            self._forget(settings.id)
            return False
        self.settings[settings.id] = settings
        log.info("service.added service=%s kind=%s origin=%s", settings.id, settings.kind, settings.origin)
        self._start_if_wanted(settings, None)
        return True

    async def _take_away(self, service_id: str) -> None:
        """Stop a service, then its actor, and forget it."""
        record = self._records.get(service_id)
        grace = 0.0 if record is None else record.options.stop_grace
        with trio.move_on_after(grace + SHUT_DOWN_MARGIN) as bound:
            await self._shut_down(service_id)
        if bound.cancelled_caught and record is not None and record.run is not None:
            log.error("service.removal_cut_off service=%s next=kill", service_id)
            record.run.kill()
            with trio.move_on_after(KILLED_SECONDS):
                await record.run.wait(Phase.EMPTY)
        if self._premises is not None and service_id in self._premises.supervisor.children:
            await self._premises.supervisor.stop(service_id)
        self._forget(service_id)
        log.info("service.removed service=%s", service_id)

    def _arrange(self, new: Sequence[ServiceSettings]) -> None:
        board = self.writer.cell.value
        self.settings = {one.id: self.settings[one.id] for one in new if one.id in self.settings}
        self.writer.arrange([board[service_id] for service_id in self.settings])

    # -- one service

    def _can_start(self, settings: ServiceSettings) -> bool:
        return settings.kind in self._parts or can_start(settings)

    def _new_view(self, settings: ServiceSettings) -> ServiceView:
        """What is known of a service that was never started."""
        return ServiceView(settings, available=self._can_start(settings))

    def _note(self, settings: ServiceSettings) -> None:
        if settings.kind in self._parts:
            self._parts[settings.kind].set(False)  # until it is started
        if settings.process is not None:
            self._records[settings.id] = new_record(settings, settings.process, self.writer)

    def _forget(self, service_id: str) -> None:
        settings = self.settings.pop(service_id, None)
        if settings is not None and settings.kind in self._parts:
            self._parts[settings.kind].set(True)  # with no service to switch it, it works
        self.refs.pop(service_id, None)
        self._records.pop(service_id, None)
        self._monitors.pop(service_id, None)
        self.writer.unfollow(service_id)
        self.writer.arrange([view for view in self.writer.cell.value.values() if view.id != service_id])

    def monitor(self, service_id: str) -> MonitorRecord | None:
        """What is remembered of a monitor; None for what is none."""
        return self._monitors.get(service_id)

    async def _start_actor(self, premises: Premises, settings: ServiceSettings) -> None:
        self.refs[settings.id] = await premises.supervisor.start(
            ChildSpec(settings.id, self._factory(settings, premises))
        )

    def _start_if_wanted(self, settings: ServiceSettings, wanted: Wanted | None) -> None:
        if not self._can_start(settings):
            return
        if wanted is Wanted.UP or (wanted is None and settings.autostart):
            by = AUTOSTART if wanted is None else attrs.evolve(AUTOSTART, detail="it was to run before")
            self.refs[settings.id].tell(BeginService(by))

    def _factory(
        self, settings: ServiceSettings, premises: Premises
    ) -> "Callable[[], ProcessService | MonitorService | PartService | IdleService]":
        record, switch = self._records.get(settings.id), self._parts.get(settings.kind)
        if switch is not None:
            return lambda: PartService(settings, self.writer, switch)
        if settings.kind in MONITORS:
            monitor = self._monitors[settings.id] = new_monitor(settings, self.writer, self._bus, premises.logs_dir)
            return actor_of(monitor, attrs.evolve(premises.surroundings, start_other=self._start_other))
        if record is None:
            return lambda: IdleService(settings, self.writer)
        keeper, logs_dir, random, timetable = premises.keeper, premises.logs_dir, premises.random, premises.timetable
        return lambda: ProcessService(record, keeper, logs_dir, random, self._start_other, timetable)

    def _start_other(self, service_id: str, by: Cause) -> None:
        """For a service that depends on another; it never waits."""
        if service_id in self.refs:
            self.refs[service_id].tell(StartService(by))

    # -- the end

    async def shut_down(self) -> None:
        """Stop all services, each after those that depend on it and otherwise at the same time.

        Returns once all are stopped, or after the longest chain of graces and a margin. A service whose actor is down
        is stopped as well.
        """
        self._closing = True
        order = dependents(view.settings for view in self.writer.cell.value.values())
        graces = {service: record.options.stop_grace for service, record in self._records.items()}
        with trio.move_on_after(longest(order, graces) + SHUT_DOWN_MARGIN) as bound:
            await dependents_first(order, self._shut_down)
        if bound.cancelled_caught:
            left = [service for service, view in self.writer.cell.value.items() if view.state is not State.STOPPED]
            log.error("services.shutdown_cut_off services=%s next=kill", ",".join(left))

    async def _shut_down(self, service: str) -> None:
        ref, record = self.refs.get(service), self._records.get(service)
        if ref is not None and service in self._monitors:
            await shut_down_monitor(ref, self._monitors[service])
        elif ref is not None and record is None:
            with suppress(ActorError):  # no process is left of it in any case
                await ref.ask(ShutDown(), timeout=SHUT_DOWN_ANSWER)
        if ref is None or record is None:
            return  # it went meanwhile; or nothing of it ever runs
        record.shutting_down = True  # whatever becomes of its actor, it starts nothing any more
        if ref.state is ActorState.RUNNING:
            try:
                await ref.ask(ShutDown(), timeout=SHUT_DOWN_ANSWER)
                await self.writer.wait_until(lambda board: service not in board or _stopped(board[service]))
            except ActorError as error:
                log.error("services.shutdown_unanswered service=%s error=%s next=stop_it_directly", service, error)
            else:
                return
        await end_unattended(record)


def _stopped(view: ServiceView) -> bool:
    return view.state is State.STOPPED
