"""What is seen of a run that lives: put on the board, and judged."""

from datetime import UTC, datetime, timedelta

from actors.services.attendance import MEMORY_LOOKS
from actors.services.causes import Cause
from actors.services.messages import Failure, Health, State
from actors.services.record import ServiceRecord
from actors.services.telling import tell_health


def note_start(record: ServiceRecord) -> None:
    """Put on the board which process it has, once it was executed."""
    if record.run is not None and record.run.status.started_at is not None:
        record.change(
            pid=record.run.status.pid,
            running_since=record.view.running_since or datetime.now(UTC),
            running_since_clock=record.run.status.started_at,
        )


def note_health(record: ServiceRecord, now: float) -> None:
    """Put on the board what its probes say, and tell it. *now* is Trio's clock."""
    if not record.lives or record.run is None:
        return
    wellness, status, ready = record.wellness, record.run.status, record.options.ready
    if ready is not None and ready.notify and status.ready_at is not None:
        wellness.is_ready(status.status_text or "says READY=1", status.ready_at)
    health, detail = wellness.health(record.options)
    ready_at = record.view.ready_at
    if ready_at is None and wellness.ready_at is not None:
        ready_at = datetime.now(UTC) - timedelta(seconds=now - wellness.ready_at)
    record.change(Cause("probe", detail or ""), health=health, health_detail=detail, ready_at=ready_at)
    tell_health(record)


def dismissal(record: ServiceRecord, now: float) -> Failure | None:
    """Why a run is to be ended, though nobody commanded it; None if it may live on. *now* is Trio's clock."""
    if not record.lives or record.ready_by is None:
        return None
    wellness, ready, most = record.wellness, record.options.ready, record.options.memory_max
    at = datetime.now(UTC)
    starting = record.view.state is State.STARTING
    if starting and ready is not None and not record.is_ready and now >= record.ready_by:
        said = f": {wellness.ready.detail}" if wellness.ready.detail else ""
        return Failure("not_ready", f"not ready within {ready.deadline:g} s{said}", at)
    if wellness.alive.health is Health.UNHEALTHY:
        return Failure("not_alive", f"not alive: {wellness.alive.detail}", at)
    if most is not None and wellness.memory_over >= MEMORY_LOOKS:
        return Failure("memory", f"takes {wellness.memory} bytes of memory; {most} allowed", at)
    return None
