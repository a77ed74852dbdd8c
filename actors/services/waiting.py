"""What actors of services have in common: they wait for others, and are woken when it is time."""

import logging
from collections.abc import Callable
from typing import Protocol

from actors.runtime import Timer
from actors.services.board import BoardWriter
from actors.services.causes import Cause, needed_by
from actors.services.dependencies import Outlook, outlook
from actors.settings import ServiceSettings

log = logging.getLogger("actors.services")


class Waiting(Protocol):
    """The record of a service that may depend on others."""

    brings: bool

    @property
    def settings(self) -> ServiceSettings: ...
    @property
    def board(self) -> BoardWriter: ...


class Dependencies:
    """What a service depends on."""

    def __init__(
        self, record: Waiting, start_other: Callable[[str, Cause], object], changed: Callable[[], object]
    ) -> None:
        """Of the service of *record*.

        Args:
            record: What is remembered of it.
            start_other: Has another service started, for a cause; it must not wait.
            changed: Called after each change of one that it depends on; it must not wait.
        """
        self._record = record
        self._start_other = start_other
        self._changed = changed

    def follow(self) -> None:
        """Hear of changes, by the settings as they are now."""
        settings = self._record.settings
        self.unfollow()
        if settings.depends_on:
            self._record.board.follow(settings.id, settings.depends_on, self._changed)

    def unfollow(self) -> None:
        """Hear of none any more."""
        self._record.board.unfollow(self._record.settings.id)

    def bring(self) -> None:
        """Have those started that must be there first, whatever they were told before."""
        self._record.brings = True
        for other in self.ahead().resting:
            log.info("service.brings service=%s other=%s", self._record.settings.id, other)
            self._start_other(other, needed_by(self._record.settings.id))

    def ahead(self, *, brings: bool | None = None) -> Outlook:
        """What stands between the service and its start; *brings* as its record says, unless given."""
        record = self._record
        return outlook(record.settings, record.board.cell.value, brings=record.brings if brings is None else brings)


class Alarm:
    """Wakes an actor once, at a time that may be put off."""

    def __init__(self, at: Callable[[float], Timer]) -> None:
        """*at* has the actor woken at a time on Trio's clock."""
        self._at = at
        self._timer: Timer | None = None

    def set(self, due: float | None) -> None:
        """Wake it at *due*, on Trio's clock, and not when it was to be before; None: not at all."""
        if self._timer is not None:
            if self._timer.active and self._timer.due == due:
                return
            self._timer.cancel()
        self._timer = None if due is None else self._at(due)
