"""What people hear of a process service beside its state: that it does not do its work, was given up, loses its log."""

import logging
from datetime import UTC, datetime

from actors.alerts.messages import AlertCleared, AlertRaised
from actors.services.messages import Failure, Health, State
from actors.services.record import ServiceRecord

log = logging.getLogger("actors.services")

SOURCE = "services"
"""Of our alerts."""


def tell_health(record: ServiceRecord) -> None:
    """Tell, once each, that a service that came up is not ready any more, and that it is again.

    Of one that is not alive any more is told what comes of it: it is ended.
    """
    view = record.view
    ended = record.wellness.alive.health is Health.UNHEALTHY
    if view.health is Health.UNHEALTHY and record.unwell is None and view.state is State.RUNNING and not ended:
        detail = view.health_detail or "its probe says nothing"
        record.unwell = Failure("not_ready", detail, datetime.now(UTC))
        log.warning("service.unhealthy service=%s detail=%r", view.id, detail)
        record.board.tell("error", view.id, record.unwell)
    elif view.health is Health.HEALTHY and record.unwell is not None:
        log.info("service.healthy service=%s detail=%r", view.id, view.health_detail)
        failure, record.unwell = record.unwell, None
        record.board.tell("recovered", view.id, failure)


def alarm_of_fatal(record: ServiceRecord) -> None:
    """Raise an alert for a service that was given up, until it runs, or nobody wants it to.

    One that only misses what it depends on raises none: that one does.
    """
    view = record.view
    key = f"service_fatal/{view.id}"
    if view.state is State.FATAL and not record.missing and not record.fatal_alarmed:
        record.fatal_alarmed = True
        detail = "" if view.last_failure is None else view.last_failure.detail
        alert = AlertRaised(
            source=SOURCE,
            key=key,
            level="critical",
            code="service_fatal",
            detail=f"{view.id} failed too often and was given up: {detail}",
            values={"service": view.settings.name, "error": detail},
            service_id=view.id,
        )
        record.board.publish(alert)
    elif record.fatal_alarmed and view.state in (State.RUNNING, State.EXITED, State.STOPPED):
        record.fatal_alarmed = False
        record.board.publish(AlertCleared(source=SOURCE, key=key, detail=f"{view.id} is {view.state.value}"))


def alarm_of_log(record: ServiceRecord) -> None:
    """Raise an alert while a service's log cannot be written, which the service does not notice."""
    if record.run is None:
        return
    service, error = record.settings.id, record.run.status.log_error
    key = f"log_lost/{service}"
    if error is not None and not record.log_alarmed:
        record.log_alarmed = True
        log.error("service.log_lost service=%s error=%s next=run_on_and_count", service, error)
        alert = AlertRaised(
            source=SOURCE,
            key=key,
            level="warning",
            code="log_lost",
            detail=f"the log of {service} cannot be written: {error}; it runs on, and what it prints is lost",
            values={"service": record.settings.name, "error": error},
            service_id=service,
        )
        record.board.publish(alert)
    elif error is None and record.log_alarmed and not record.run_ended:
        record.log_alarmed = False
        lost = record.view.lost_output_bytes
        log.info("service.log_written_again service=%s lost_bytes=%d", service, lost)
        detail = f"the log of {service} is written again; {lost} bytes were lost"
        record.board.publish(AlertCleared(source=SOURCE, key=key, detail=detail, values={"lost_bytes": lost}))
