"""What is remembered of a service beside its actor, so that a restarted actor goes on where the last one was."""

import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import attrs

from actors.runtime import Bus, Cell, Changed
from actors.runtime.specs import RestartIntensity, RestartWindow
from actors.services.keeper import Phase, Run
from actors.services.messages import Board, EventType, Failure, ServiceChanged, ServiceEvent, ServiceView
from actors.settings import ProcessOptions, ServiceSettings


class BoardWriter:
    """The board of all services: one cell, one entry per service, each written by that service's actor alone."""

    def __init__(self, services: Mapping[str, ServiceView], bus: Bus) -> None:
        self.cell: Cell[Board] = Cell(MappingProxyType(dict(services)))
        self._bus = bus

    def put(self, view: ServiceView) -> None:
        """Replace the entry of *view*'s service, and tell it; nothing happens if it is the same."""
        old = self.cell.value[view.id]
        if old == view:
            return
        self.cell.set(MappingProxyType({**self.cell.value, view.id: view}))
        self._bus.publish(ServiceChanged(old, view))

    def arrange(self, views: Sequence[ServiceView]) -> None:
        """Have exactly *views* on the board, in this order."""
        board = {view.id: view for view in views}
        if list(board.items()) != list(self.cell.value.items()):
            self.cell.set(MappingProxyType(board))

    async def wait_until(self, condition: Callable[[Board], bool]) -> Board:
        """The board once *condition* holds for it; waits as long as its caller lets it."""
        watch = self.cell.subscribe()
        with watch.changes:
            board = watch.value
            while not condition(board):
                changed = await watch.changes.receive()
                board = changed.value if isinstance(changed, Changed) else self.cell.value
        return board

    def tell(self, event_type: EventType, service_id: str, failure: Failure | None = None) -> None:
        """Publish an event about a service, with its present view."""
        self._bus.publish(ServiceEvent(event_type, self.cell.value[service_id], datetime.now(UTC), failure))


@attrs.define(eq=False)
class ServiceRecord:
    """A process service's state. Belongs to its actor; outlives the actor's incarnations."""

    settings: ServiceSettings
    options: ProcessOptions
    board: BoardWriter
    failures: RestartWindow
    run: Run | None = None
    """The run in progress, or the last one."""
    run_ended: bool = True
    """The end of `run` was dealt with."""
    spawn_waits: bool = False
    """A new run starts as soon as nothing is left of this one."""
    up_after_failure: Failure | None = None
    """It was down by this failure; said as a recovery once it is up."""
    caused_by: str | None = None
    """The correlation id of the command that is being carried out."""
    commanded_restart: bool = False
    """It was told to restart; said once it is up."""
    attempts: int = 0
    """Failures in a row, for the backoff."""
    due_at: float | None = None
    """When the delay before the next run is over, on Trio's clock."""
    lost_output_before: int = 0
    """Bytes that earlier runs' logs could not take."""
    shutting_down: bool = False
    """Everything stops: nothing is started any more, whatever is wanted."""

    @property
    def view(self) -> ServiceView:
        """What the board says of it."""
        return self.board.cell.value[self.settings.id]

    @property
    def gone(self) -> bool:
        """Nothing of the last run is left."""
        return self.run is None or self.run.status.phase is Phase.EMPTY

    def configure(self, settings: ServiceSettings, options: ProcessOptions) -> None:
        """Go by other settings from now on."""
        if (options.fatal_failures, options.fatal_window) != (self.options.fatal_failures, self.options.fatal_window):
            self.failures = failure_window(options)
        self.settings, self.options = settings, options
        self.change(settings=settings)

    def change(self, **changes: object) -> None:
        """Change what the board says of it."""
        view = self.view
        # Compared first: most looks change nothing, and making a view costs more than looking at one.
        if any(getattr(view, name) != value for name, value in changes.items()):
            self.board.put(attrs.evolve(view, **changes))

    def end_run(self) -> None:
        """Ask the run to end, if there is one. Asking again changes nothing."""
        if self.run is not None and not self.gone:
            self.run.stop(signal=signal.Signals[self.options.stop_signal], grace=self.options.stop_grace)


def new_record(settings: ServiceSettings, options: ProcessOptions, board: BoardWriter) -> ServiceRecord:
    """The record of a service that was never started."""
    return ServiceRecord(settings, options, board, failure_window(options))


def failure_window(options: ProcessOptions) -> RestartWindow:
    """Counts failures, and says which is one too many."""
    return RestartWindow(RestartIntensity(options.fatal_failures - 1, options.fatal_window))
