"""What is remembered of a monitor beside its actor, so that a restarted actor goes on where the last one was."""

from typing import TypedDict

import attrs

from actors.runtime import Bus
from actors.services.board import BoardWriter
from actors.services.causes import Cause
from actors.services.checking import LookTicket
from actors.services.messages import Failure, ServiceView
from actors.services.monitors.journal import Journal
from actors.services.probing import Look, Standing
from actors.settings import ServiceSettings


class NotRunning(TypedDict):
    running_since: None
    running_since_clock: None


NOT_RUNNING: NotRunning = {"running_since": None, "running_since_clock": None}
"""What the board says of a monitor that does not look."""


@attrs.define(eq=False)
class MonitorRecord:
    """A monitor's state. Belongs to its actor; outlives the actor's incarnations."""

    settings: ServiceSettings
    board: BoardWriter
    bus: Bus
    journal: Journal
    standing: Standing = attrs.field(factory=Standing)
    next_at: float | None = None
    """When to look next, on Trio's clock; None while it is stopped."""
    last: Look | None = None
    """The last look since it was started."""
    brings: bool = False
    """It was told to start, so that what it depends on is started with it, and waited for."""
    down: Failure | None = None
    """What people were told of; told again as a recovery."""
    ticket: LookTicket | None = None
    """Whoever waits for the next look."""
    shutting_down: bool = False
    """Everything stops: nothing is started any more, whatever is wanted."""

    @property
    def view(self) -> ServiceView:
        """What the board says of it."""
        return self.board.cell.value[self.settings.id]

    def change(self, by: Cause, **changes: object) -> None:
        """Change what the board says of it, and have its history say why."""
        self.board.put(attrs.evolve(self.view, **changes), by)
