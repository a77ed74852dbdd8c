"""The board of all services, and everything that is told of them."""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal, TypeAlias

import attrs

from actors.runtime import Bus, Cell, Changed
from actors.services.causes import Cause
from actors.services.messages import Board, EventType, Failure, Happened, ServiceChanged, ServiceEvent, ServiceView

Axis: TypeAlias = Literal["wanted", "state", "health"]


class BoardWriter:
    """The board of all services: one cell, one entry per service, each written by that service's actor alone.

    Whoever changes an entry tells it in the same step: nothing that happens to a service goes untold, and nothing is
    told that did not happen.
    """

    def __init__(self, services: Mapping[str, ServiceView], bus: Bus) -> None:
        self.cell: Cell[Board] = Cell(MappingProxyType(dict(services)))
        self._bus = bus
        self._followers: dict[str, tuple[frozenset[str], Callable[[], object]]] = {}

    def put(self, view: ServiceView, cause: Cause | None = None) -> None:
        """Replace the entry of *view*'s service, and tell it; nothing happens if it is the same.

        Args:
            view: The new entry.
            cause: Why its state, its health or what is wanted of it became another one, if one did. Whoever gives
                none tells it by itself.
        """
        old = self.cell.value[view.id]
        if old == view:
            return
        self.cell.set(MappingProxyType({**self.cell.value, view.id: view}))
        self._bus.publish(ServiceChanged(old, view))
        if cause is not None:
            self._tell_history(old, view, cause)
        self._wake_followers(view)

    def arrange(self, views: Sequence[ServiceView]) -> None:
        """Have exactly *views* on the board, in this order."""
        board = {view.id: view for view in views}
        if list(board.items()) != list(self.cell.value.items()):
            self.cell.set(MappingProxyType(board))
            for _, wake in tuple(self._followers.values()):
                wake()

    async def wait_until(self, condition: Callable[[Board], bool]) -> Board:
        """The board once *condition* holds for it; waits as long as its caller lets it."""
        watch = self.cell.subscribe()
        with watch.changes:
            board = watch.value
            while not condition(board):
                changed = await watch.changes.receive()
                board = changed.value if isinstance(changed, Changed) else self.cell.value
        return board

    def tell(
        self, event_type: EventType, service_id: str, failure: Failure | None = None, *, duration: float | None = None
    ) -> None:
        """Publish an event about a service, with its present view."""
        view = self.cell.value[service_id]
        self._bus.publish(ServiceEvent(event_type, view, datetime.now(UTC), failure, duration))

    def publish(self, event: object) -> None:
        """Publish anything else about a service."""
        self._bus.publish(event)

    def follow(self, follower: str, names: Iterable[str], wake: Callable[[], object]) -> None:
        """Have *wake* called after each change of one of the services called *names*, or of an instance of one.

        It must not wait. It takes the place of what *follower* followed before.
        """
        self._followers[follower] = (frozenset(names), wake)

    def unfollow(self, follower: str) -> None:
        """Call it no more."""
        self._followers.pop(follower, None)

    def _tell_history(self, old: ServiceView, new: ServiceView, cause: Cause) -> None:
        at = datetime.now(UTC)
        pid = new.pid if new.pid is not None else old.pid
        axes: tuple[tuple[Axis, enum.Enum, enum.Enum, str], ...] = (
            ("wanted", old.wanted, new.wanted, cause.by or cause.reason),
            ("state", old.state, new.state, cause.reason),
            ("health", old.health, new.health, cause.reason),
        )
        for axis, was, now, reason in axes:
            if was is not now:
                happened = Happened(new.id, at, axis, was.value, now.value, reason, cause.detail, pid)
                self._bus.publish(attrs.evolve(happened, exit_code=cause.exit_code, signal=cause.signal))

    def _wake_followers(self, view: ServiceView) -> None:
        for names, wake in tuple(self._followers.values()):
            if view.id in names or view.settings.instance_of in names:
                wake()
