"""Alerts: how any part raises one, what is known of each, and the events that people hear of.

There is one door. A part that finds something wrong publishes `AlertRaised` on the bus, and `AlertCleared` when it is
right again; whether somebody is told, how, and once only, is decided here.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import attrs

from actors.settings import Level

Value: TypeAlias = str | float | int | None


def _now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen(kw_only=True)
class AlertRaised:
    """Something is wrong, since now. Publish it on the bus; raising again what is already raised does no harm.

    *source* and *key* together say what it is about, and are what `AlertCleared` names.
    """

    source: str
    """The part that found it: `metrics`, `services`, `store`, `logs`, `news`, ..."""
    key: str
    """What is wrong, and after a slash with what: `fatal/web`, `late/kospi-close`; unique within its source. Silences
    and maintenance windows name rules by the part before the slash."""
    level: Level
    code: str
    """Which sentence people read, see `hamster.http.alert_texts`: `service_fatal`, `monitor_down`, `news_late`,
    `log_lost`, `store_failed`, ...; an unknown one shows `detail`."""
    detail: str
    """English, for logs; shown where the code has no sentence."""
    values: Mapping[str, Value] = attrs.field(factory=dict[str, Value])
    """What the sentence is filled with: plain values, without secrets."""
    service_id: str | None = None
    """The service it is about, where it is about one: maintenance windows and filters go by it."""
    at: datetime = attrs.field(factory=_now)
    """UTC."""


@attrs.frozen(kw_only=True)
class AlertCleared:
    """What was raised is right again. Publish it on the bus; of what nobody raised it is no news."""

    source: str
    key: str
    detail: str = ""
    values: Mapping[str, Value] = attrs.field(factory=dict[str, Value])
    """Laid over those of the raising."""
    at: datetime = attrs.field(factory=_now)


Muted: TypeAlias = Literal["maintenance", "silence", "cooldown"]
"""Why nobody is told of an alert for now."""


@attrs.frozen(kw_only=True)
class Alert:
    """One alert, from its raising to its end."""

    number: int
    """Unique over restarts, rising."""
    source: str
    key: str
    level: Level
    code: str
    detail: str
    values: Mapping[str, Value]
    service_id: str | None
    raised_at: datetime
    changed_at: datetime
    """Of the last change of any kind."""
    cleared_at: datetime | None = None
    """None while it lasts."""
    duration: timedelta | None = None
    """How long it lasted, once it is over; a clock that is set does not show in it, but over our own restart."""
    cleared_detail: str = ""
    told_level: Level | None = None
    """At which level people were told that it is raised; None: they were not, or not yet."""
    told_end: bool = False
    """They were told that it is over."""
    muted: Muted | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    comment: str | None = None
    silenced_until: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it lasts."""
        return self.cleared_at is None

    @property
    def rule(self) -> str:
        """What rules and maintenance windows name it by: the key up to a slash."""
        return self.key.partition("/")[0]


@attrs.frozen(kw_only=True)
class AlertChanged:
    """An alert is another one, or there is a new one."""

    what: Literal["fired", "cleared", "changed"]
    """`fired`: it is raised, or has become worse; `cleared`: it is over; `changed`: acknowledged, silenced, muted."""
    alert: Alert
    told: bool
    """People are to hear of it: it is neither silenced, nor within a maintenance window or a cooldown. Each raising
    and each end is told once, later where it was muted first."""
    at: datetime = attrs.field(factory=_now)


class AlertNotFound(LookupError):
    """There is no alert of this number, or it is over and cannot be commanded any more."""

    def __init__(self, alert: str) -> None:
        super().__init__(f"there is no active alert {alert!r}; ask for the list of alerts to see their ids")
        self.alert = alert
