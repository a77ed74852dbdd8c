"""Services in the contract's JSON."""

from collections.abc import Mapping

import attrs

from actors.metrics.messages import Readings
from actors.services import ServiceView, State
from hamster.http.masking import mask_command, mask_environment, mask_options, mask_text
from hamster.http.times import Stamp, seconds_since

STATUS: Mapping[State, str] = {
    State.STOPPED: "stopped",
    State.STARTING: "starting",
    State.RUNNING: "running",
    State.BACKOFF: "starting",
    State.STOPPING: "stopping",
    State.EXITED: "stopped",
    State.FATAL: "error",
}
"""The contract knows five; the exact state is in `state`."""


@attrs.define(slots=False)  # slotted classes would be encoded with their keys in alphabetical order
class ServiceModel:
    """One service; the first seven keys are the contract's."""

    id: str
    name: str
    description: str
    status: str
    uptime: int | None
    last_error: str | None
    config: Mapping[str, object]
    state: str
    kind: str
    available: bool
    pid: int | None
    restarts: int
    health: str
    wanted: str
    next_restart_at: str | None
    next_run_at: str | None
    cpu_percent: float | None
    memory_bytes: int | None


def service_model(view: ServiceView, readings: Readings, stamp: Stamp) -> ServiceModel:
    """*view* with what *readings* say of its processes."""
    usage = readings.usage.get(view.id) if view.pid is not None else None
    running = view.state is State.RUNNING
    return ServiceModel(
        id=view.id,
        name=view.settings.name,
        description=view.settings.description,
        status=STATUS[view.state],
        uptime=seconds_since(view.running_since_clock) if running else None,
        last_error=None if view.last_failure is None else mask_text(view.last_failure.detail),
        config=config_of(view),
        state=view.state.value,
        kind=view.settings.kind,
        available=view.available,
        pid=view.pid,
        restarts=view.restarts,
        health="unknown",  # nothing probes a process yet, and nobody has said that it is well
        wanted=view.wanted.value,
        next_restart_at=None if view.next_restart_at is None else stamp(view.next_restart_at),
        next_run_at=None if view.next_run_at is None else stamp(view.next_run_at),
        cpu_percent=None if usage is None or usage.cpu_percent is None else round(usage.cpu_percent, 1),
        memory_bytes=None if usage is None else usage.memory_bytes,
    )


def config_of(view: ServiceView) -> dict[str, object]:
    """A service's settings as they may be shown."""
    settings = view.settings
    if settings.process is None:
        return mask_options(attrs.asdict(settings.monitor)) if settings.monitor is not None else {}
    options = attrs.asdict(settings.process)
    options["command"] = mask_command(settings.process.command)
    if settings.process.reload_command is not None:
        options["reload_command"] = mask_command(settings.process.reload_command)
    options["env"] = mask_environment(settings.process.env)
    return {**options, "autostart": settings.autostart}
