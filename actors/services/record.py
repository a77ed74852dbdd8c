"""What is remembered of a service beside its actor, so that a restarted actor goes on where the last one was."""

import signal
from typing import TypedDict

import attrs

from actors.runtime.specs import RestartIntensity, RestartWindow
from actors.services.attendance import Attended
from actors.services.board import BoardWriter
from actors.services.causes import Cause
from actors.services.environment import EnvFiles
from actors.services.keeper import Phase, Run
from actors.services.messages import Failure, Health, ServiceView, State
from actors.services.schedule import Schedule
from actors.services.wellness import Wellness
from actors.settings import ProcessOptions, ServiceSettings

__all__ = ["ALIVE", "NO_RUN", "BoardWriter", "ServiceRecord", "new_record"]

ALIVE = frozenset({State.STARTING, State.RUNNING})
"""Where the end of its process is not what was commanded."""


class NoRun(TypedDict):
    pid: None
    running_since: None
    running_since_clock: None
    health: Health
    health_detail: None
    ready_at: None


NO_RUN: NoRun = {
    "pid": None,
    "running_since": None,
    "running_since_clock": None,
    "health": Health.UNKNOWN,
    "health_detail": None,
    "ready_at": None,
}
"""What the board says of a service without a process."""


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
    attended: Attended | None = None
    """`run` with what is seen of it."""
    dismissed: Failure | None = None
    """We end `run` because of this, and it will be a failure."""
    spawn_waits: bool = False
    """A new run starts as soon as nothing is left of this one, and all that it depends on is there."""
    brings: bool = False
    """It was told to start, so that what it depends on is started with it, and waited for."""
    missing: bool = False
    """It is FATAL only because something that it depends on will not come."""
    up_after_failure: Failure | None = None
    """It was down by this failure; said as a recovery once it is up."""
    unwell: Failure | None = None
    """It runs, and is said to be unhealthy by this."""
    caused_by: str | None = None
    """The correlation id of the command that is being carried out."""
    commanded_restart: bool = False
    """It was told to restart; said once it is up."""
    attempts: int = 0
    """Failures in a row, for the backoff."""
    due_at: float | None = None
    """When the delay before the next run is over, on Trio's clock."""
    last_chance: bool = False
    """It was FATAL, and is tried once more: until it has lived for `healthy_seconds` one failure is too often."""
    lost_output_before: int = 0
    """Bytes that earlier runs' logs could not take."""
    log_alarmed: bool = False
    """Its log cannot be written, and that was told."""
    fatal_alarmed: bool = False
    """It was given up, and that was told."""
    env_files: EnvFiles = attrs.field(factory=EnvFiles)
    """How its dotenv files are read."""
    schedule: Schedule | None = None
    """When it is run, if it is a job."""
    reloads: int = 0
    """How often it was told to read its configuration again."""
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

    @property
    def lives(self) -> bool:
        """It has a run whose process was executed, whose end was not dealt with, and which is not being ended."""
        run = self.run
        return (
            run is not None
            and not self.run_ended
            and run.status.started_at is not None
            and self.dismissed is None
            and self.view.state in ALIVE
        )

    @property
    def wellness(self) -> Wellness:
        """What its probes saw of `run`."""
        return Wellness() if self.attended is None else self.attended.wellness

    @property
    def is_ready(self) -> bool:
        """It does its work in this run, as far as it is asked whether it does."""
        return self.options.ready is None or self.wellness.ready_at is not None

    @property
    def lived_at(self) -> float | None:
        """When its process has lived, or would have, for `start_seconds`; Trio's clock. None without one."""
        return self._after_start(self.options.start_seconds)

    @property
    def ready_by(self) -> float | None:
        """When it must be ready; Trio's clock. None without a process."""
        return self._after_start(0.0 if self.options.ready is None else self.options.ready.deadline)

    def _after_start(self, seconds: float) -> float | None:
        started_at = None if self.run is None or self.run_ended else self.run.status.started_at
        return None if started_at is None else started_at + seconds

    def configure(self, settings: ServiceSettings, options: ProcessOptions) -> None:
        """Go by other settings from now on; a run that is there is looked after by them."""
        if (options.fatal_failures, options.fatal_window) != (self.options.fatal_failures, self.options.fatal_window):
            self.failures = failure_window(options)
        self.settings, self.options = settings, options
        if self.attended is not None and not self.run_ended:
            self.attended = self.attended.configured(options, up=self.view.state is State.RUNNING)
        self.change(settings=settings)

    def change(self, cause: Cause | None = None, **changes: object) -> None:
        """Change what the board says of it; see `BoardWriter.put`."""
        view = self.view
        # Compared first: most looks change nothing, and making a view costs more than looking at one.
        if any(getattr(view, name) != value for name, value in changes.items()):
            self.board.put(attrs.evolve(view, **changes), cause or Cause("unknown"))

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
