"""Rolling restarts: several services one after another, each only when the one before is ready."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol, assert_never

import attrs
import trio

from actors.runtime import Actor, ActorError, Bus, Cell, Message
from actors.services.causes import Cause
from actors.services.causes import rolling as by_rolling
from actors.services.messages import Accepted, Board, Health, ServiceNotFound, ServiceUnavailable, ServiceView, State

log = logging.getLogger("actors.services")

NAME = "rolling.restarts"
"""Of the actor; no service can have it, for no id has a dot."""
MARGIN = 10.0
"""Seconds beyond what the settings allow a service to stop and to get ready."""
KEPT = 100
"""Rolling restarts that are remembered; the oldest that is over makes room."""


@attrs.frozen
class Rolling:
    """A rolling restart, and how far it is."""

    target: str
    """What was named: an id, a group, a tag or a pattern."""
    ids: tuple[str, ...]
    """In the order of their restarts."""
    parallel: int
    state: Literal["running", "done", "failed"] = "running"
    done: tuple[str, ...] = ()
    """Those that are ready again, in the order in which they were."""
    failed: str | None = None
    """The first that was not; those after it were left alone."""
    why: str = ""
    """English."""


Rollings = Mapping[str, Rolling]
"""The latest rolling restart of each target."""


@attrs.frozen
class RollingEnded:
    """A rolling restart is over."""

    rolling: Rolling


class AlreadyRolling(Exception):
    """Some of the services are in the middle of another rolling restart."""

    def __init__(self, target: str, ids: Sequence[str]) -> None:
        super().__init__(f"a rolling restart of {target!r} has {', '.join(ids)} in hand; wait for its end")
        self.target = target
        self.ids = tuple(ids)


class Restarting(Protocol):
    """What a rolling restart does to services."""

    async def restart(self, service_id: str, by: Cause) -> Accepted: ...

    def view(self, service_id: str) -> ServiceView: ...

    async def wait_until(self, condition: Callable[[Board], bool]) -> Board: ...


class RollingQuestions(Protocol):
    """What the actor handles."""

    def roll(self, target: str, ids: Sequence[str], parallel: int) -> Rolling | Awaitable[Rolling]: ...


@attrs.frozen
class Roll(Message[RollingQuestions, Rolling]):
    """Restart *ids* one after another, *parallel* at a time. Answered as it begins."""

    errors = (AlreadyRolling,)

    target: str
    ids: tuple[str, ...]
    parallel: int = 1

    def deliver(self, to: RollingQuestions) -> Rolling | Awaitable[Rolling]:
        return to.roll(self.target, self.ids, self.parallel)


class RollingRestarts(Actor):
    """Carries rolling restarts out, each in a task of its own. *cell* outlives it."""

    def __init__(self, services: Restarting, cell: Cell[Rollings], bus: Bus) -> None:
        self._services = services
        self._cell = cell
        self._bus = bus

    async def on_start(self) -> None:
        for rolling in tuple(self._cell.value.values()):
            if rolling.state == "running":  # its task ended with the incarnation before
                self._over(attrs.evolve(rolling, state="failed", why="interrupted by an error of WatchHamster's own"))

    def roll(self, target: str, ids: Sequence[str], parallel: int) -> Rolling:
        for other in self._cell.value.values():
            both = set(ids).intersection(other.ids)
            if other.state == "running" and both:
                raise AlreadyRolling(other.target, sorted(both))
        rolling = Rolling(target, tuple(ids), parallel)
        self._put(rolling)
        log.info("rolling.began target=%s services=%s parallel=%d", target, ",".join(ids), parallel)
        self.context.start_soon(self._carry_out, rolling)
        return rolling

    async def _carry_out(self, rolling: Rolling) -> None:
        """As many at a time as told; the first failure lets those that began come to their end, and begins no other."""
        waiting = list(rolling.ids)

        async def one_after_another() -> None:
            while waiting and self._now(rolling).failed is None:
                await self._restart(rolling.target, waiting.pop(0))

        async with trio.open_nursery() as nursery:
            for _ in range(min(rolling.parallel, len(waiting))):
                nursery.start_soon(one_after_another)
        now = self._now(rolling)
        self._over(attrs.evolve(now, state="done" if now.failed is None else "failed"))

    async def _restart(self, target: str, service_id: str) -> None:
        why = await restart_and_wait(self._services, service_id, by_rolling(target))
        now = self._cell.value[target]
        if why is None:
            self._put(attrs.evolve(now, done=(*now.done, service_id)))
        elif now.failed is None:
            self._put(attrs.evolve(now, failed=service_id, why=why))

    def _now(self, rolling: Rolling) -> Rolling:
        return self._cell.value[rolling.target]

    def _over(self, rolling: Rolling) -> None:
        self._put(rolling)
        if rolling.state == "done":
            log.info("rolling.done target=%s services=%s", rolling.target, ",".join(rolling.done))
        else:
            left = [one for one in rolling.ids if one not in (*rolling.done, rolling.failed)]
            log.error(
                "rolling.failed target=%s service=%s why=%r not_restarted=%s",
                *(rolling.target, rolling.failed, rolling.why, ",".join(left) or "none"),
            )
        self._bus.publish(RollingEnded(rolling))

    def _put(self, rolling: Rolling) -> None:
        kept = {target: other for target, other in self._cell.value.items() if target != rolling.target}
        if len(kept) >= KEPT:
            over = [target for target, other in kept.items() if other.state != "running"]
            for target in over[: len(kept) - KEPT + 1]:
                del kept[target]
        self._cell.set({**kept, rolling.target: rolling})


async def restart_and_wait(services: Restarting, service_id: str, by: Cause) -> str | None:
    """Restart a service and wait until it runs and is ready; why it is not, in English, or None.

    It has as long as its settings allow it to stop and to get ready. A start that fails ends the wait at once: with
    the others on the old version still, a second try is worth less than a look at it.
    """
    try:
        bound = patience(services.view(service_id))
        await services.restart(service_id, by)
        with trio.move_on_after(bound):
            board = await services.wait_until(lambda board: _settled(board.get(service_id)))
            return why_not(board.get(service_id))
        return f"not ready within {bound:g} s"
    except (ServiceNotFound, ServiceUnavailable, ActorError) as error:
        return str(error)


def patience(view: ServiceView) -> float:
    """Seconds within which a service must be there again."""
    options = view.settings.process
    if options is None:
        return MARGIN
    ready = 0.0 if options.ready is None else options.ready.deadline
    return options.stop_grace + options.start_seconds + ready + MARGIN


def _settled(view: ServiceView | None) -> bool:
    if view is None or view.state in (State.STOPPED, State.BACKOFF, State.EXITED, State.FATAL):
        return True
    # What nobody looks at is as good as ready; what is looked at must be seen to be well.
    return view.state is State.RUNNING and view.health is not Health.UNHEALTHY


def why_not(view: ServiceView | None) -> str | None:
    """Why a service that was restarted is not running, in English; None if it is."""
    if view is None:
        return "it was removed meanwhile"
    match view.state:
        case State.RUNNING | State.EXITED:  # a job that did its work is as far as it gets
            return None
        case State.STOPPED:
            return "it was stopped meanwhile"
        case State.BACKOFF | State.FATAL:
            return "it failed" if view.last_failure is None else view.last_failure.detail
        case State.STARTING | State.STOPPING:
            return f"it is {view.state.value}"
        case _:
            assert_never(view.state)
