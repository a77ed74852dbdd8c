"""What people read of an alert, in English; whoever serves people of another tongue gives sentences of its own."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeAlias

from actors.alerts.messages import Alert, AlertChanged, Value

Sentences: TypeAlias = Callable[[AlertChanged], tuple[str, str]]
"""A title and a message, each one line."""

_NAME = re.compile(r"\{([a-z_]+)\}")


def english(change: AlertChanged) -> tuple[str, str]:
    """The sentences of *change*."""
    alert = change.alert
    if change.what == "cleared":
        return f"Recovered: {alert.key}", f"{alert.cleared_detail or alert.detail}, after {lasted(alert.duration)}"
    return f"{alert.level.capitalize()}: {alert.key}", own_message(alert) or alert.detail


def own_message(alert: Alert) -> str | None:
    """The message that its rule gives it, filled; None without one."""
    message = alert.values.get("message")
    if not isinstance(message, str):
        return None
    return filled(message, {**alert.values, "rule": alert.rule, "level": alert.level})


def filled(message: str, values: Mapping[str, Value]) -> str:
    """*message* with `{name}` replaced by the value of that name; other braces stay, and nothing is replaced twice."""
    return _NAME.sub(lambda found: shown(values[found[1]]) if found[1] in values else found[0], message)


def shown(value: Value) -> str:
    """A value for people: a number with one decimal at most."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return "-" if value is None else str(value)


def lasted(duration: timedelta | None) -> str:
    """A duration in its two largest units: `3 d 4 h`, `12 min 5 s`, `8 s`."""
    left = round(0.0 if duration is None else duration.total_seconds())
    parts: list[str] = []
    for unit, seconds in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
