"""Parts of the system itself that can be paused, as services."""

from datetime import UTC, datetime

import attrs
import trio

from actors.runtime import Actor, Cell
from actors.services.board import BoardWriter
from actors.services.causes import COMMAND, SHUTDOWN, Cause
from actors.services.messages import Accepted, CannotReload, Configured, InputTaken, NoInput, ReloadTaken, State, Wanted
from actors.settings import ServiceSettings


class PartService(Actor):
    """Runs or is stopped, and nothing in between: the part looks at *switch* whether it is to work.

    A stop because everything stops leaves the switch as it is: what the services say last is still dealt with.
    """

    def __init__(self, settings: ServiceSettings, board: BoardWriter, switch: Cell[bool]) -> None:
        self._id = settings.id
        self._board = board
        self._switch = switch

    def start(self, by: Cause) -> Accepted:
        return self._command(Wanted.UP, by)

    def stop(self) -> Accepted:
        return self._command(Wanted.DOWN, COMMAND)

    def restart(self, by: Cause) -> Accepted:
        return self._command(Wanted.UP, by)

    def begin(self, by: Cause) -> Accepted:
        return self.start(by)

    def reload(self) -> ReloadTaken:
        raise CannotReload(self._id)

    def send_input(self, data: bytes, *, end: bool) -> InputTaken:
        raise NoInput(self._id)

    def configure(self, settings: ServiceSettings) -> Configured:
        self._board.put(attrs.evolve(self._board.cell.value[self._id], settings=settings))
        return Configured(restarted=False)

    def shut_down(self) -> None:
        self._become(State.STOPPED, SHUTDOWN)

    def _command(self, wanted: Wanted, by: Cause) -> Accepted:
        before = self._board.cell.value[self._id]
        up = wanted is Wanted.UP
        if self._switch.value is not up:
            self._switch.set(up)
        cause = attrs.evolve(by, reason="start" if up else "stop", by=by.reason) if by == COMMAND else by
        self._become(State.RUNNING if up else State.STOPPED, cause, wanted)
        after = self._board.cell.value[self._id]
        return Accepted(after, changed=(after.state, after.wanted) != (before.state, before.wanted))

    def _become(self, state: State, cause: Cause, wanted: Wanted | None = None) -> None:
        view = self._board.cell.value[self._id]
        new = attrs.evolve(view, wanted=wanted or view.wanted)
        running = state is State.RUNNING
        if state is not view.state:
            since, clock = (datetime.now(UTC), trio.current_time()) if running else (None, None)
            new = attrs.evolve(new, state=state, running_since=since, running_since_clock=clock)
        self._board.put(new, cause)
        if state is not view.state:
            self._board.tell("started" if running else "stopped", self._id)
