"""What is remembered of a monitor beside its actor, so that a restarted actor goes on where the last one was."""

from datetime import UTC, datetime
from enum import Enum
from typing import Literal, cast

import attrs

from actors.runtime import Bus
from actors.services.checking import LookTicket
from actors.services.messages import Failure, Happened, ServiceView
from actors.services.monitors.journal import Journal
from actors.services.probing import Look, Standing
from actors.services.record import BoardWriter
from actors.settings import ServiceSettings

AXES: tuple[Literal["wanted", "state", "health"], ...] = ("wanted", "state", "health")


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

    def change(self, reason: str, detail: str = "", **changes: object) -> None:
        """Change what the board says of it, and have its history say why."""
        old = self.view
        new = attrs.evolve(old, **changes)
        self.board.put(new)
        for axis in AXES:
            was, now = cast("Enum", getattr(old, axis)), cast("Enum", getattr(new, axis))
            if was is not now:
                at = datetime.now(UTC)
                self.bus.publish(Happened(new.id, at, axis, was.value, now.value, reason, detail))
