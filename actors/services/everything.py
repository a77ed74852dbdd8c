"""All services at once: started along what they depend on, stopped against it."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal, Protocol

import attrs
import trio

from actors.runtime import Actor, ActorError, Message, Ref
from actors.services.dependencies import dependents
from actors.services.directory import Services
from actors.services.messages import Accepted, ServiceNotFound, ServiceUnavailable, State, StopService, Wanted
from actors.services.rolling import patience
from actors.services.stopping import dependents_first

log = logging.getLogger("actors.services")

NAME = "all.services"
"""Of the actor; no service can have it, for no id has a dot."""

What = Literal["start", "stop", "restart"]
Command = Callable[[str], Awaitable[Accepted]]
REST = (State.STOPPED, State.EXITED, State.FATAL)


class Everybody(Protocol):
    """What the actor handles."""

    def change(self, what: What) -> tuple[str, ...]: ...


@attrs.frozen
class ChangeAll(Message[Everybody, tuple[str, ...]]):
    """Start, stop or restart all services; answered as it begins, with those that are concerned."""

    what: What

    def deliver(self, to: Everybody) -> tuple[str, ...]:
        return to.change(self.what)


class EverythingActor(Actor):
    """Carries out what was last commanded; a command before it that is not through is given up for it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._scope: trio.CancelScope | None = None
        self._restarting: tuple[str, ...] = ()
        """Whom a restart that is not through has stopped or is to stop, and is to start again."""

    def change(self, what: What) -> tuple[str, ...]:
        if self._scope is not None:
            self._scope.cancel()
        scope = self._scope = trio.CancelScope()
        ids = self._concerned(what)
        self._restarting = ids if what == "restart" else ()
        log.info("services.all what=%s services=%s", what, ",".join(ids) or "none")
        self.context.start_soon(self._carry_out, what, ids, scope)
        return ids

    def _concerned(self, what: What) -> tuple[str, ...]:
        views = self._services.board.value.values()
        match what:
            case "start":
                return tuple(view.id for view in views if view.available)
            case "stop":
                return tuple(view.id for view in views if view.state not in REST or view.wanted is Wanted.UP)
            case "restart":
                # Whom a restart before this one has stopped already is not wanted for the moment.
                return tuple(
                    view.id
                    for view in views
                    if view.available and (view.wanted is Wanted.UP or view.id in self._restarting)
                )

    async def _carry_out(self, what: What, ids: Sequence[str], scope: trio.CancelScope) -> None:
        with scope:
            if what != "start":
                await self._stop(ids, for_good=what == "stop")
            if what != "stop":
                await self._start(ids)
            if not scope.cancel_called:  # else a later command has taken its place, and set its own
                self._restarting = ()

    async def _start(self, ids: Sequence[str]) -> None:
        """Each waits by itself for what it depends on."""
        async with trio.open_nursery() as nursery:
            for service_id in ids:
                nursery.start_soon(self._tried, "start", self._start_or_arm, service_id)

    async def _stop(self, ids: Sequence[str], *, for_good: bool) -> None:
        """Each after those that depend on it; one that does not stop in its time holds up no other for longer.

        What is not stopped *for_good* is not remembered as stopped: should we end in the middle of it, the next start
        starts it.
        """
        wanted = set(ids)
        order = dependents(view.settings for view in self._services.board.value.values())
        ours = {name: frozenset(others & wanted) for name, others in order.items() if name in wanted}
        stop = self._services.stop if for_good else self._stop_for_now
        await dependents_first(ours, partial(self._stop_one, stop))

    async def _stop_for_now(self, service_id: str) -> Accepted:
        return await self._services.ref(service_id).ask(StopService())

    async def _start_or_arm(self, service_id: str) -> Accepted:
        """Start it; a job that has a schedule waits for that."""
        process = self._services.view(service_id).settings.process
        if process is not None and process.schedule is not None:
            return await self._services.begin(service_id)
        return await self._services.start(service_id)

    async def _stop_one(self, stop: Command, service_id: str) -> None:
        if not await self._tried("stop", stop, service_id):
            return
        with trio.move_on_after(patience(self._services.view(service_id))) as bound:
            await self._services.wait_until(lambda board: service_id not in board or board[service_id].state in REST)
        if bound.cancelled_caught:
            log.error("services.all_not_stopped service=%s next=go_on_with_the_others", service_id)

    async def _tried(self, what: str, command: Command, service_id: str) -> bool:
        try:
            await command(service_id)
        except (ServiceNotFound, ServiceUnavailable, ActorError) as error:
            log.warning("services.all_refused what=%s service=%s error=%s next=go_on", what, service_id, error)
            return False
        return True


class Everything:
    """Commands to all services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._opening = trio.Lock()
        self._ref: Ref[EverythingActor] | None = None

    async def change(self, what: What) -> tuple[str, ...]:
        """Start, stop or restart all services, in the order of what they depend on; the ids that are concerned.

        `start` is for all that can be started, `stop` for all that run or are to, `restart` for all that are to run.
        Answers as it begins; what becomes of each is on the board. A later command takes the place of an earlier one.
        """
        async with self._opening:
            if self._ref is None:
                self._ref = await self._services.beside(NAME, lambda: EverythingActor(self._services))
        return await self._ref.ask(ChangeAll(what))
