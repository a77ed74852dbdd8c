"""What people hear of a monitor: that what it looks at is down, flaps, or is up again."""

import logging
from datetime import UTC, datetime

from actors.alerts.messages import AlertCleared, AlertRaised
from actors.services.look import Look
from actors.services.messages import Failure
from actors.services.monitors.record import MonitorRecord
from actors.services.probing import Judge, Told

log = logging.getLogger("actors.services")

SOURCE = "services"
"""Of our alerts."""


def failure_of(told: Told | None, look: Look, judge: Judge) -> Failure | None:
    """What is to be told as a failure after *look*; None for nothing, or nothing bad."""
    match told:
        case Told.DOWN:
            return Failure("down", look.detail, datetime.now(UTC))
        case Told.FLAPPING:
            often = f"{judge.flap_changes} changes between up and down within {judge.flap_window:g} s"
            return Failure("down", f"flapping: {often}; last: {look.detail}", datetime.now(UTC))
        case _:
            return None


def tell_down(record: MonitorRecord, failure: Failure, *, flapping: bool) -> str:
    """Tell that it is down, or changes all the time; returns the word for that."""
    settings = record.settings
    record.down = failure
    word = "flapping" if flapping else "down"
    log.warning("monitor.%s service=%s detail=%r", word, settings.id, failure.detail)
    record.board.tell("error", settings.id, failure)
    alert = AlertRaised(
        source=SOURCE,
        key=_key(record),
        level="warning" if flapping else "critical",
        code=f"monitor_{word}",
        detail=f"{settings.id}: {failure.detail}",
        values={"name": settings.name, "error": failure.detail},
        service_id=settings.id,
    )
    record.bus.publish(alert)
    return word


def tell_up(record: MonitorRecord, lasted: float) -> None:
    """Tell that it is up again, after *lasted* seconds."""
    down, record.down = record.down, None
    service = record.settings.id
    log.info("monitor.up service=%s after_s=%.1f", service, lasted)
    record.board.tell("recovered", service, down, duration=lasted)
    detail = f"up again after {lasted:.0f} s"
    record.bus.publish(AlertCleared(source=SOURCE, key=_key(record), detail=detail, values={"seconds": lasted}))


def withdraw(record: MonitorRecord) -> None:
    """Tell no more that it is down, if that was told: nobody looks any more."""
    if record.down is not None:
        record.down = None
        record.bus.publish(AlertCleared(source=SOURCE, key=_key(record), detail="nobody looks any more"))


def _key(record: MonitorRecord) -> str:
    return f"monitor_down/{record.settings.id}"
