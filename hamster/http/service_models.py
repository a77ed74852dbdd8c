"""Services in the contract's JSON."""

from collections.abc import Mapping
from typing import cast

import attrs
import msgspec

from actors.metrics.messages import Readings
from actors.services import Health, Look, ServiceView, State
from actors.settings import ExecOptions, ServiceSettings
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
    health_detail: str | None
    """What the last look said."""
    ready_at: str | None
    waits_for: tuple[str, ...]
    tags: tuple[str, ...]
    origin: str
    """`built-in`, `file` or `api`: who owns its settings."""
    instance_of: str | None


@attrs.define(slots=False)
class LookModel:
    """What one look at a service found."""

    service_id: str
    ok: bool
    detail: str
    latency: float
    """Seconds."""
    figures: Mapping[str, float | str]
    health: str
    """Of the service, after this look."""


def status_of(view: ServiceView) -> str:
    """The status that the contract knows: a monitor whose object is down is an error, however well it looks itself."""
    if view.state is State.RUNNING and view.health is Health.UNHEALTHY and view.settings.kind != "process":
        return "error"
    return STATUS[view.state]


def look_model(view: ServiceView, look: Look) -> LookModel:
    """*look* at the service of *view*."""
    figures = {name: mask_text(value) if isinstance(value, str) else value for name, value in look.figures.items()}
    return LookModel(view.id, look.ok, mask_text(look.detail), round(look.latency, 6), figures, view.health.value)


def service_model(
    view: ServiceView, readings: Readings, stamp: Stamp, *, config: msgspec.Raw | None = None
) -> ServiceModel:
    """*view* with what *readings* say of its processes; *config* is what `config_of` gives, if it is at hand."""
    usage = readings.usage.get(view.id) if view.pid is not None else None
    running = view.state is State.RUNNING
    return ServiceModel(
        id=view.id,
        name=view.settings.name,
        description=view.settings.description,
        status=status_of(view),
        uptime=seconds_since(view.running_since_clock) if running else None,
        last_error=None if view.last_failure is None else mask_text(view.last_failure.detail),
        # JSON that is made already goes into the rest as it is.
        config=config_of(view) if config is None else cast("Mapping[str, object]", config),
        state=view.state.value,
        kind=view.settings.kind,
        available=view.available,
        pid=view.pid,
        restarts=view.restarts,
        health=view.health.value,
        wanted=view.wanted.value,
        next_restart_at=None if view.next_restart_at is None else stamp(view.next_restart_at),
        next_run_at=None if view.next_run_at is None else stamp(view.next_run_at),
        cpu_percent=None if usage is None or usage.cpu_percent is None else round(usage.cpu_percent, 1),
        memory_bytes=None if usage is None else usage.memory_bytes,
        health_detail=None if view.health_detail is None else mask_text(view.health_detail),
        ready_at=None if view.ready_at is None else stamp(view.ready_at),
        waits_for=view.waits_for,
        tags=view.settings.tags,
        origin=view.settings.origin,
        instance_of=view.settings.instance_of,
    )


def config_of(view: ServiceView) -> dict[str, object]:
    """A service's settings as they may be shown."""
    settings = view.settings
    if settings.process is None:
        return monitor_config(settings)
    options = attrs.asdict(settings.process)
    options["command"] = mask_command(settings.process.command)
    if settings.process.reload_command is not None:
        options["reload_command"] = mask_command(settings.process.reload_command)
    options["env"] = mask_environment(settings.process.env)
    return {**options, "autostart": settings.autostart}


def monitor_config(settings: ServiceSettings) -> dict[str, object]:
    """What a monitor is told, as it may be shown."""
    if settings.monitor is None:
        return {}
    options = mask_options(attrs.asdict(settings.monitor))
    if isinstance(settings.monitor, ExecOptions):
        options["env"] = mask_environment(settings.monitor.env)
        options["command"] = None if settings.monitor.command is None else mask_command(settings.monitor.command)
    return {**options, "autostart": settings.autostart}
