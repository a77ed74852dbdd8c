"""The alerts of news that is late, and of its coming."""

import logging

from actors.alerts.messages import AlertCleared, AlertRaised, Level
from actors.services.monitors.feed.expectation import Status, Verdict
from actors.services.monitors.feed.sources import Source
from actors.settings import ServiceSettings

log = logging.getLogger("actors.services.feed")

SOURCE = "news"
"""Of the alerts."""


def late(settings: ServiceSettings, source: Source, verdict: Verdict) -> AlertRaised:
    """News of *source* is late by *verdict*, which names the slot."""
    assert verdict.slot is not None  # noqa: S101 - what is late has one
    level: Level = "warning" if verdict.status is Status.DELAYED else "critical"
    local = verdict.slot.astimezone(source.zone)
    log.warning("feed.late service=%s source=%s expected=%s", settings.id, source.name, local.isoformat())
    return AlertRaised(
        source=SOURCE,
        key=_key(settings.id, source.name),
        level=level,
        code="news_late",
        detail=f"{settings.id}: {source.name} was expected at {local.isoformat()}, and is not there",
        values={
            "service": settings.id,
            "name": source.name,
            "expected": f"{local:%Y-%m-%d %H:%M}",
            "delay_s": round(verdict.delay),
        },
        service_id=settings.id,
    )


def over(service: str, source: str, why: str, **values: float) -> AlertCleared:
    """News of *source* is not late any more, and *why*."""
    log.info("feed.late_no_more service=%s source=%s why=%r", service, source, why)
    return AlertCleared(source=SOURCE, key=_key(service, source), detail=f"{source}: {why}", values=values)


def _key(service: str, source: str) -> str:
    return f"news_late/{service}/{source}"
