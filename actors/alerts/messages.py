"""Alerts: how any part raises one, what is known of each, and the events that people hear of.

There is one door. A part that finds something wrong publishes `AlertRaised` on the bus, and `AlertCleared` when it is
right again; whether somebody is told, how, and once only, is decided here.
"""

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, TypeAlias

import attrs

from actors.runtime import Message
from actors.settings import Level, MaintenanceWindow

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
    """What is wrong, and after a slash with what: `service_fatal/web`, `news_late/kospi-close`; unique within its
    source. Silences and maintenance windows name rules by the part before the slash."""
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


class WindowNotFound(LookupError):
    """There is no maintenance window of this number that was added at run time."""

    def __init__(self, window: int) -> None:
        super().__init__(
            f"there is no maintenance window {window} that was added at run time; those of the configuration are "
            "changed there"
        )
        self.window = window


@attrs.frozen(kw_only=True)
class Silence:
    """Of alerts of the rules that *pattern* names nobody is told until then."""

    pattern: str
    until: datetime
    by: str | None = None
    comment: str | None = None


@attrs.frozen
class Standing:
    """A maintenance window that was opened at run time."""

    number: int
    window: MaintenanceWindow


@attrs.frozen(kw_only=True)
class AlertBoard:
    """What is, at one moment."""

    active: tuple[Alert, ...] = ()
    """Oldest first."""
    silences: tuple[Silence, ...] = ()
    windows: tuple[Standing, ...] = ()
    """Those that were opened at run time."""
    refused: int = 0
    """Alerts that were not taken since the start, for want of room."""


@attrs.frozen
class Done:
    """A command was carried out."""

    alert: Alert | None
    """As it is now, where the command is about one."""
    kept: bool
    """It is in the store; False: it holds, and is kept once the store works again."""
    number: int | None = None
    """Of the maintenance window that was opened."""


class AlertCommands(Protocol):
    """What the alerts actor handles."""

    def acknowledge(self, number: int, by: str | None, comment: str | None) -> Awaitable[Done]: ...

    def silence(self, number: int, until: datetime | None) -> Awaitable[Done]: ...

    def silence_rule(self, silence: Silence) -> Awaitable[Done]: ...

    def open_window(self, window: MaintenanceWindow) -> Awaitable[Done]: ...

    def close_window(self, number: int) -> Awaitable[Done]: ...


@attrs.frozen
class AcknowledgeAlert(Message[AlertCommands, Done]):
    """Somebody has seen it."""

    errors = (AlertNotFound,)
    number: int
    by: str | None = None
    comment: str | None = None

    def deliver(self, to: AlertCommands) -> Awaitable[Done]:
        return to.acknowledge(self.number, self.by, self.comment)


@attrs.frozen
class SilenceAlert(Message[AlertCommands, Done]):
    """Tell nobody of it before then; None ends that."""

    errors = (AlertNotFound,)
    number: int
    until: datetime | None

    def deliver(self, to: AlertCommands) -> Awaitable[Done]:
        return to.silence(self.number, self.until)


@attrs.frozen
class SilenceRule(Message[AlertCommands, Done]):
    """Tell nobody of any alert of these rules before then; a time that is over ends that."""

    silence: Silence

    def deliver(self, to: AlertCommands) -> Awaitable[Done]:
        return to.silence_rule(self.silence)


@attrs.frozen
class OpenWindow(Message[AlertCommands, Done]):
    """Add a maintenance window; it is kept over restarts."""

    window: MaintenanceWindow

    def deliver(self, to: AlertCommands) -> Awaitable[Done]:
        return to.open_window(self.window)


@attrs.frozen
class CloseWindow(Message[AlertCommands, Done]):
    """Remove a maintenance window that was added."""

    errors = (WindowNotFound,)
    number: int

    def deliver(self, to: AlertCommands) -> Awaitable[Done]:
        return to.close_window(self.number)
