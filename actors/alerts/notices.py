"""To whom an alert is sent, and what. Pure."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import cast
from urllib.parse import urlsplit

from actors.alerts.messages import AlertChanged
from actors.alerts.sentences import Sentences, lasted, shown
from actors.settings import AlertRule, AlertSettings
from actors.webhooks.messages import Notice, WebhookType

_HOSTS: Mapping[str, WebhookType] = {
    "discord.com": "discord",
    "discordapp.com": "discord",
    "slack.com": "slack",
    "dooray.com": "dooray",
}


def notice_of(
    change: AlertChanged, settings: AlertSettings, sentences: Sentences, zone: tzinfo | None
) -> Notice | None:
    """The notice that tells of *change*; None when nobody is to be told, or nobody is named.

    A template is for what is raised. That it is over is told in our own words, with how long it lasted: a template of
    an error would say the opposite.
    """
    alert = change.alert
    rule = rule_of(change, settings)
    url = (rule and rule.webhook) or settings.webhook
    if not change.told or url is None:
        return None
    owner = rule if rule is not None and rule.webhook is not None else settings
    title, message = sentences(change)
    at = alert.cleared_at or alert.raised_at
    template = (rule and rule.template) or settings.template
    stage = alert.told_level if change.what == "fired" else "end"
    return Notice(
        key=f"alert:{alert.number}:{stage}",
        url=url,
        webhook_type=cast("WebhookType", owner.webhook_type or type_of(url)),
        message=f"{title}\n{message}",
        template_id=template if change.what == "fired" else None,
        variables=_variables(change, title, message, _stamp(at, zone)),
    )


def rule_of(change: AlertChanged, settings: AlertSettings) -> AlertRule | None:
    """The rule that made the alert; None for an alert of no rule."""
    return settings.rules.get(change.alert.rule) if change.alert.source == "metrics" else None


def type_of(url: str) -> WebhookType:
    """What kind of receiver an address is of, by its host."""
    host = (urlsplit(url).hostname or "").lower()
    for name, kind in _HOSTS.items():
        if host == name or host.endswith(f".{name}"):
            return kind
    return "generic"


def _variables(change: AlertChanged, title: str, message: str, timestamp: str) -> Mapping[str, str]:
    alert = change.alert
    own = {name: shown(value) for name, value in alert.values.items()}
    return {
        **own,
        "service_name": shown(alert.values.get("name") or alert.service_id or alert.key),
        "error_message": message,
        "timestamp": timestamp,
        "title": title,
        "message": message,
        "level": alert.level,
        "rule": alert.rule,
        "source": alert.source,
        "key": alert.key,
        "what": change.what,
        "duration": lasted(alert.duration) if alert.duration is not None else "-",
    }


def _stamp(at: datetime, zone: tzinfo | None) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")
