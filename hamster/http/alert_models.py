"""Alerts in JSON."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from actors.alerts.messages import Alert, AlertChanged, Silence, Standing
from actors.metrics.rules import RuleState
from actors.settings import AlertRule, MaintenanceWindow
from hamster.http.alert_texts import korean, what_of
from hamster.http.masking import mask_addresses, mask_text
from hamster.http.times import Stamp


@attrs.define(slots=False)
class AlertModel:
    """One alert."""

    id: str
    state: str
    """`firing | no_data | resolved`."""
    level: str
    title: str
    message: str
    source: str
    key: str
    rule: str
    code: str
    service_id: str | None
    detail: str
    values: dict[str, object]
    since: str
    changed_at: str
    resolved_at: str | None
    duration_seconds: float | None
    notified: bool
    muted: str | None
    acknowledged: bool
    acknowledged_at: str | None
    acknowledged_by: str | None
    comment: str | None
    silenced_until: str | None


@attrs.define(slots=False)
class RuleModel:
    """One alert rule, and where it stands."""

    name: str
    figure: str
    above: float | None
    below: float | None
    for_seconds: float
    clear: float | None
    clear_for_seconds: float
    cooldown_seconds: float
    level: str
    enabled: bool
    webhook: str | None
    silenced_until: str | None
    states: list[dict[str, object]]


@attrs.define(slots=False)
class WindowModel:
    """One maintenance window."""

    id: str | None
    """None for one of the configuration."""
    name: str
    start: str | None
    end: str | None
    cron: str | None
    duration: float | None
    zone: str | None
    services: list[str]
    rules: list[str]
    active: bool


def alert_id(alert: Alert) -> str:
    """How an alert is called in addresses."""
    return f"alert_{alert.number}"


def alert_model(alert: Alert, stamp: Stamp) -> AlertModel:
    """One alert."""
    title, message = korean(AlertChanged(what="fired", alert=alert, told=True))
    resolved = "no_data" if alert.code == "no_data" else "firing"
    return AlertModel(
        id=alert_id(alert),
        state=resolved if alert.active else "resolved",
        level=alert.level,
        title=title,
        message=message,
        source=alert.source,
        key=alert.key,
        rule=alert.rule,
        code=alert.code,
        service_id=alert.service_id,
        detail=mask_text(alert.detail),
        values=_values(alert),
        since=stamp(alert.raised_at),
        changed_at=stamp(alert.changed_at),
        resolved_at=_maybe(alert.cleared_at, stamp),
        duration_seconds=None if alert.duration is None else round(alert.duration.total_seconds(), 3),
        notified=alert.told_level is not None,
        muted=alert.muted,
        acknowledged=alert.acknowledged_at is not None,
        acknowledged_at=_maybe(alert.acknowledged_at, stamp),
        acknowledged_by=alert.acknowledged_by,
        comment=alert.comment,
        silenced_until=_maybe(alert.silenced_until, stamp),
    )


def alert_frame(change: AlertChanged, stamp: Stamp) -> Mapping[str, object]:
    """The data of an `alert` frame; the first six keys are the contract's."""
    alert = change.alert
    title, message = korean(change)
    ended = change.what == "cleared"
    return {
        "level": "info" if ended else alert.level,
        "title": title,
        "message": message,
        "category": alert.source,
        "source": alert.rule if alert.source == "metrics" else alert.key,
        "metadata": {**_values(alert), "what": what_of(change)},
        "id": alert_id(alert),
        "state": "resolved" if ended else "no_data" if alert.code == "no_data" else "firing",
        "service_id": alert.service_id,
        "since": stamp(alert.raised_at),
        "duration_seconds": None if alert.duration is None else round(alert.duration.total_seconds(), 3),
    }


def rule_model(
    name: str, rule: AlertRule, states: list[RuleState], silences: tuple[Silence, ...], stamp: Stamp
) -> RuleModel:
    """One rule, and where it stands."""
    above, below = rule.threshold
    silenced = next((silence.until for silence in silences if silence.pattern == name), None)
    return RuleModel(
        name=name,
        figure=rule.figure,
        above=above,
        below=below,
        for_seconds=rule.for_,
        clear=rule.clear,
        clear_for_seconds=rule.clear_for,
        cooldown_seconds=rule.cooldown,
        level=rule.level,
        enabled=rule.enabled,
        webhook=None if rule.webhook is None else mask_addresses(rule.webhook),
        silenced_until=_maybe(silenced, stamp),
        states=[
            {
                "service_id": state.target or None,
                "status": state.status.value,
                "firing": state.firing,
                "value": state.value,
            }
            for state in states
        ],
    )


def window_model(window: MaintenanceWindow, standing: Standing | None, *, active: bool, stamp: Stamp) -> WindowModel:
    """One maintenance window; *standing* where it was added at run time."""
    return WindowModel(
        id=None if standing is None else f"maintenance_{standing.number}",
        name=window.name,
        start=_instant(window.start, stamp),
        end=_instant(window.end, stamp),
        cron=window.cron,
        duration=window.duration,
        zone=window.zone,
        services=list(window.services),
        rules=list(window.rules),
        active=active,
    )


def _values(alert: Alert) -> dict[str, object]:
    return {
        name: mask_text(value) if isinstance(value, str) else value
        for name, value in alert.values.items()
        if name != "message" or value is not None
    }


def _maybe(at: datetime | None, stamp: Stamp) -> str | None:
    return None if at is None else stamp(at)


def _instant(at: datetime | None, stamp: Stamp) -> str | None:
    if at is None:
        return None
    return at.isoformat() if at.tzinfo is None else stamp(at)
