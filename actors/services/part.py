"""Parts of the system itself that can be paused, as services."""

from datetime import UTC, datetime
from typing import Literal

import attrs
import trio

from actors.runtime import Actor, Cell
from actors.services.messages import Accepted, Configured, Happened, State, Wanted
from actors.services.record import BoardWriter
from actors.settings import ServiceSettings


class PartService(Actor):
    """Runs or is stopped, and nothing in between: the part looks at *switch* whether it is to work.

    A stop because everything stops leaves the switch as it is: what the services say last is still dealt with.
    """

    def __init__(self, settings: ServiceSettings, board: BoardWriter, switch: Cell[bool]) -> None:
        self._id = settings.id
        self._board = board
        self._switch = switch

    def start(self) -> Accepted:
        return self._command(Wanted.UP)

    def stop(self) -> Accepted:
        return self._command(Wanted.DOWN)

    def restart(self) -> Accepted:
        return self._command(Wanted.UP)

    def configure(self, settings: ServiceSettings) -> Configured:
        self._board.put(attrs.evolve(self._board.cell.value[self._id], settings=settings))
        return Configured(restarted=False)

    def shut_down(self) -> None:
        self._become(State.STOPPED, "shut_down")

    def _command(self, wanted: Wanted) -> Accepted:
        before = self._board.cell.value[self._id]
        if before.wanted is not wanted:
            self._board.put(attrs.evolve(before, wanted=wanted))
            self._say("wanted", before.wanted.value, wanted.value, "command")
        up = wanted is Wanted.UP
        if self._switch.value is not up:
            self._switch.set(up)
        self._become(State.RUNNING if up else State.STOPPED, "start" if up else "stop")
        after = self._board.cell.value[self._id]
        return Accepted(after, changed=(after.state, after.wanted) != (before.state, before.wanted))

    def _become(self, state: State, reason: str) -> None:
        view = self._board.cell.value[self._id]
        if view.state is state:
            return
        running = state is State.RUNNING
        since, clock = (datetime.now(UTC), trio.current_time()) if running else (None, None)
        self._board.put(attrs.evolve(view, state=state, running_since=since, running_since_clock=clock))
        self._say("state", view.state.value, state.value, reason)
        self._board.tell("started" if running else "stopped", self._id)

    def _say(self, what: Literal["state", "wanted"], old: str, new: str, reason: str) -> None:
        self.context.bus.publish(Happened(self._id, datetime.now(UTC), what, old, new, reason))
