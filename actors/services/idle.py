"""Services of a kind that this version cannot run: they are there, stopped, and say so."""

import attrs

from actors.runtime import Actor
from actors.services.causes import Cause
from actors.services.messages import (
    Accepted,
    CannotReload,
    Configured,
    InputTaken,
    NoInput,
    ReloadTaken,
    ServiceUnavailable,
)
from actors.services.record import BoardWriter
from actors.settings import ServiceSettings


class IdleService(Actor):
    """Always stopped. Stopping it is no error, starting it is one that says why."""

    def __init__(self, settings: ServiceSettings, board: BoardWriter) -> None:
        self._settings = settings
        self._board = board

    def start(self, by: Cause) -> Accepted:
        raise ServiceUnavailable(self._settings.id, self._settings.kind)

    def stop(self) -> Accepted:
        return Accepted(self._board.cell.value[self._settings.id], changed=False)

    def restart(self, by: Cause) -> Accepted:
        raise ServiceUnavailable(self._settings.id, self._settings.kind)

    def begin(self, by: Cause) -> Accepted:
        return self.stop()

    def reload(self) -> ReloadTaken:
        raise CannotReload(self._settings.id)

    def send_input(self, data: bytes, *, end: bool) -> InputTaken:
        raise NoInput(self._settings.id)

    def configure(self, settings: ServiceSettings) -> Configured:
        self._settings = settings
        self._board.put(attrs.evolve(self._board.cell.value[settings.id], settings=settings))
        return Configured(restarted=False)

    def shut_down(self) -> None:
        """Nothing to do."""
