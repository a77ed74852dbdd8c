"""What events are as messages, in Korean. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import TypeAlias

import attrs

from actors.alerts.messages import AlertChanged
from actors.deploy.messages import Deployment, DeploymentChanged
from actors.services.messages import ServiceEvent
from actors.services.monitors.feed.messages import NewsPublished, NewsSummed
from actors.webhooks.cards import Card, Field
from actors.webhooks.enhanced import BLUE, FOOTER, GREEN, ORANGE, RED, VIOLET, MessageType, card_of
from actors.webhooks.routes import EventType

Source: TypeAlias = ServiceEvent | AlertChanged | NewsPublished | NewsSummed | DeploymentChanged
"""What becomes a message."""
Sentences: TypeAlias = Callable[[AlertChanged], tuple[str, str]]

_COLOURS = {"info": BLUE, "warning": ORANGE, "critical": RED}


@attrs.frozen
class Happening:
    """Something that receivers may want to hear."""

    event_type: EventType
    service_id: str | None
    key: str
    """The same for what is the same: said twice within a while, it is told once."""
    card: Card
    urgent: bool = False
    """Told in quiet hours, too."""
    message_type: str | None = None
    """Where it is one of the seven kinds: which."""


def happening_of(event: Source, sentences: Sentences, zone: tzinfo | None) -> Happening | None:
    """What *event* is as a message; None: nobody is told of it."""
    match event:
        case ServiceEvent():
            return _of_service(event, zone)
        case AlertChanged():
            return _of_alert(event, sentences, zone) if event.told else None
        case NewsPublished():
            fields = (
                Field("출처", event.source),
                Field("링크", event.url or "-"),
                Field("시간", _at(event.seen_at, zone)),
            )
            card = Card("📰 새 소식", event.title, VIOLET, fields, FOOTER)
            return Happening("news", event.service_id, f"news/{event.service_id}/{event.number}", card)
        case NewsSummed():
            titles = "\n".join(f"• {title}" for title in event.titles)
            fields = (Field("출처", event.source), Field("시간", _at(event.seen_at, zone)))
            card = Card(f"📰 새 소식 {event.count}건", titles, VIOLET, fields, FOOTER)
            return Happening("news", event.service_id, f"news/{event.service_id}/{event.url}/{event.count}", card)
        case DeploymentChanged():
            return _of_deployment(event, zone)


DEPLOYMENT_KINDS: Mapping[str, MessageType] = {
    "started": "deployment_start",
    "succeeded": "deployment_success",
    "failed": "deployment_failure",
}
"""The kinds of messages about deployments, by what happened."""


def deployment_data(deployment: Deployment, zone: tzinfo | None) -> Mapping[str, object]:
    """The figures of the three kinds of messages about a deployment."""
    ended = deployment.ended_at
    seconds = None if ended is None else (ended - deployment.started_at).total_seconds()
    return {
        "branch": deployment.target,
        "commit_hash": None if deployment.commit is None else deployment.commit[:10],
        "duration": None if seconds is None else f"{seconds:.1f}초",
        "url": deployment.url,
        "step": deployment.step,
        "error_message": deployment.error,
        "rolled_back": deployment.rolled_back,
        "started_by": deployment.started_by,
        "timestamp": _at(ended or deployment.started_at, zone),
    }


def _of_deployment(event: DeploymentChanged, zone: tzinfo | None) -> Happening | None:
    kind = DEPLOYMENT_KINDS.get(event.what)
    if kind is None:
        return None
    card = card_of(kind, deployment_data(event.deployment, zone))
    return Happening("deployment", "deployment", f"{kind}/{event.deployment.id}", card, message_type=kind)


def _of_service(event: ServiceEvent, zone: tzinfo | None) -> Happening | None:
    service, name = event.view.id, event.view.settings.name
    error = "" if event.failure is None else event.failure.detail
    time = Field("시간", _at(event.at, zone))
    match event.event_type:
        case "error":
            fields = (Field("서비스", name), Field("오류", error or "-"), time)
            card = Card("🚨 서비스 오류", f"{name} 서비스에 오류가 발생했습니다.", RED, fields, FOOTER)
            return Happening("service_error", service, f"error/{service}/{error}", card)
        case "recovered":
            fields = (Field("서비스", name), Field("이전 오류", error or "-"), time)
            card = Card("✅ 서비스 복구", f"{name} 서비스가 복구되었습니다.", GREEN, fields, FOOTER)
            return Happening("service_recovered", service, f"recovered/{service}/{event.at.isoformat()}", card)
        case "stopped":
            card = Card(
                "⏹️ 서비스 중지", f"{name} 서비스가 중지되었습니다.", ORANGE, (Field("서비스", name), time), FOOTER
            )
            return Happening("service_stopped", service, f"stopped/{service}/{event.at.isoformat()}", card)
        case _:
            return None


def _of_alert(event: AlertChanged, sentences: Sentences, zone: tzinfo | None) -> Happening | None:
    alert = event.alert
    if event.what == "changed":
        return None
    title, message = sentences(event)
    over = event.what == "cleared"
    sign = "✅" if over else {"info": "🔔", "warning": "⚠️", "critical": "🚨"}[alert.level]
    card = Card(
        f"{sign} {title}",
        message,
        GREEN if over else _COLOURS[alert.level],
        (Field("시간", _at(event.at, zone)),),
        FOOTER,
    )
    kind: EventType = "alert_cleared" if over else "alert"
    key = f"{kind}/{alert.number}/{alert.level}"
    return Happening(kind, alert.service_id, key, card, urgent=alert.level == "critical")


def digest_of(count: int, lines: tuple[str, ...]) -> Card:
    """Several messages as one; *lines* are the titles of the newest."""
    more = f"\n… 외 {count - len(lines)}건" if count > len(lines) else ""
    return Card(f"📦 알림 {count}건", "\n".join(f"• {line}" for line in lines) + more, BLUE, (), FOOTER)


def _at(instant: datetime, zone: tzinfo | None) -> str:
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
