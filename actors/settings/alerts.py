"""When somebody is to be told that something is wrong: alert rules, receivers, and maintenance windows."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import attrs

from actors import setting_rules as checks  # `rules` is a field here
from actors.setting_rules import RULE, SettingProblem
from actors.setting_tables import list_of_tables, named_tables
from actors.settings.conversions import as_tuple
from actors.settings.service import TAG

Level: TypeAlias = Literal["info", "warning", "critical"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the least to the worst."""
WEBHOOK_TYPES = ("discord", "slack", "dooray", "generic")
PERCENTAGES = ("cpu_percent", "memory_percent", "swap_percent", "disk_percent", "network_usage", "open_files_percent")
MACHINE_FIGURES = (
    *PERCENTAGES,
    "load_1",
    "load_5",
    "load_15",
    "temperature",
    "open_files",
    "processes",
    "disk_read_per_second",
    "disk_write_per_second",
    "net_sent_per_second",
    "net_recv_per_second",
)
PARTED: Mapping[str, str] = MappingProxyType(
    {
        "disk_percent": "a mounted directory",
        "temperature": "a sensor",
        "disk_read_per_second": "a disk",
        "disk_write_per_second": "a disk",
        "net_sent_per_second": "a network interface",
        "net_recv_per_second": "a network interface",
    }
)
"""Figures that can be asked of one part of the machine, `disk_percent:/home`, and what such a part is."""
SERVICE_FIGURES = ("cpu_percent", "memory_bytes", "restarts", "health", "down")
USUAL: Mapping[str, tuple[float | None, float | None]] = MappingProxyType(
    {"health": (None, 1.0), "down": (0.0, None)},
)
"""Thresholds, above and below, of figures that are yes or no."""
RULE_NAME = checks.matching(
    r"[a-z0-9][a-z0-9_-]{0,63}", "1 to 64 of a-z, 0-9, '_' and '-', the first a letter or digit", "choose another"
)
TARGET = re.compile(r"[a-z0-9_*?\[\]!-]{1,64}")


@attrs.frozen
class Figure:
    """What a rule watches: a figure of the machine, of a part of it, or of each service that `target` names."""

    name: str
    part: str | None = None
    target: str | None = None
    """A service's id, a pattern, or `tag:NAME`."""


def parse_figure(text: str) -> Figure | None:
    """The figure that *text* names; None when it names none.

    `cpu_percent`, `disk_percent:/home`, `service.web.memory_bytes`, `service.tag:shop.down`.
    """
    if text.startswith("service."):
        target, dot, name = text.removeprefix("service.").rpartition(".")
        tagged = target.startswith("tag:") and not TAG(target.removeprefix("tag:"))
        if not dot or name not in SERVICE_FIGURES or not (tagged or TARGET.fullmatch(target)):
            return None
        return Figure(name, target=target)
    name, colon, part = text.partition(":")
    if name not in MACHINE_FIGURES or (colon and (name not in PARTED or not part)):
        return None
    return Figure(name, part=part or None)


def figure(value: object) -> list[SettingProblem]:
    """The name of a figure."""
    if isinstance(value, str) and value.isprintable() and parse_figure(value) is not None:
        return []
    expected = 'a figure, like "cpu_percent", "disk_percent:/home" or "service.web.memory_bytes"'
    advice = checks.did_you_mean(value, MACHINE_FIGURES) if isinstance(value, str) else ""
    return [SettingProblem((), value, expected, advice or "see the page of alerts for all of them")]


def number(value: object) -> list[SettingProblem]:
    """A finite number."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return [] if right else [SettingProblem((), value, "a number")]


def instant(value: object) -> list[SettingProblem]:
    """A date with a time of day."""
    expected = "a date and a time, like 2025-01-31T22:00:00 or 2025-01-31T22:00:00+09:00"
    return [] if isinstance(value, datetime) else [SettingProblem((), value, expected)]


def service_pattern(value: object) -> Sequence[SettingProblem]:
    """An id, a pattern of ids, or `tag:NAME`."""
    if isinstance(value, str) and value.startswith("tag:"):
        return TAG(value.removeprefix("tag:"))
    if isinstance(value, str) and TARGET.fullmatch(value):
        return []
    return [SettingProblem((), value, 'an id, a pattern like "web-*", or "tag:NAME"')]


@attrs.frozen(kw_only=True)
class AlertRule:
    """Fire when `figure` is `above` or `below` a threshold for `for_` seconds.

    It clears when the figure is beyond `clear` (unless told, back within the threshold) for `clear_for` seconds.
    """

    figure: str = attrs.field(metadata={RULE: figure})
    above: float | None = attrs.field(default=None, metadata={RULE: checks.optional(number)})
    below: float | None = attrs.field(default=None, metadata={RULE: checks.optional(number)})
    for_: float = attrs.field(default=60.0, metadata={RULE: checks.seconds()})
    clear: float | None = attrs.field(default=None, metadata={RULE: checks.optional(number)})
    clear_for: float = attrs.field(default=60.0, metadata={RULE: checks.seconds()})
    cooldown: float = attrs.field(default=0.0, metadata={RULE: checks.seconds()})
    level: Level = attrs.field(default="warning", metadata={RULE: checks.one_of(*LEVELS)})
    message: str | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.some_text)})
    webhook: str | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.webhook_address)})
    webhook_type: str | None = attrs.field(
        default=None, metadata={RULE: checks.optional(checks.one_of(*WEBHOOK_TYPES))}
    )
    template: str | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.some_text)})
    enabled: bool = attrs.field(default=True, metadata={RULE: checks.flag})

    @property
    def parsed(self) -> Figure:
        """What it watches."""
        found = parse_figure(self.figure)
        assert found is not None  # noqa: S101 - its rule was kept
        return found

    @property
    def threshold(self) -> tuple[float | None, float | None]:
        """Above and below, of which one is None."""
        if self.above is None and self.below is None:
            return USUAL.get(self.parsed.name, (None, None))
        return self.above, self.below

    def __attrs_post_init__(self) -> None:
        checks.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        above, below = self.threshold
        if (above is None) is (below is None):
            got = checks.Nothing.MISSING if above is None else self.below
            return [SettingProblem(("above" if above is None else "below",), got, "one of above and below", "keep one")]
        name, limit = ("above", above) if above is not None else ("below", below)
        found: list[SettingProblem] = []
        parsed = self.parsed
        if parsed.target is None and parsed.name in PERCENTAGES and not 0 <= (limit or 0) <= 100:
            found.append(SettingProblem((name,), limit, "a percentage from 0 to 100", "correct it"))
        if parsed.target is None and not self.for_ > 0:
            found.append(SettingProblem(("for",), self.for_, "seconds above 0; one sample is no alert", "raise it"))
        if self.clear is not None and limit is not None:
            if above is not None and self.clear > limit:
                found.append(SettingProblem(("clear",), self.clear, f"{checks.plain(limit)} or less", "lower it"))
            if below is not None and self.clear < limit:
                found.append(SettingProblem(("clear",), self.clear, f"{checks.plain(limit)} or more", "raise it"))
        return found


RuleTable: TypeAlias = Mapping[str, object]

DEFAULT_RULES: Mapping[str, RuleTable] = MappingProxyType(
    {
        "cpu_high": {"figure": "cpu_percent", "above": 90.0, "clear": 80.0},
        "memory_high": {"figure": "memory_percent", "above": 90.0, "clear": 85.0},
        "memory_critical": {"figure": "memory_percent", "above": 97.0, "clear": 95.0, "level": "critical"},
        "disk_high": {"figure": "disk_percent", "above": 90.0, "clear": 88.0},
        "disk_critical": {"figure": "disk_percent", "above": 97.0, "clear": 95.0, "level": "critical"},
    }
)
"""The rules that are there unless disabled, as tables: a table of the same name changes one key by key."""


def with_default(name: str, given: RuleTable) -> RuleTable:
    """The table of the rule *name*: that of the default rule of the same name, and *given* over it.

    With a threshold of its own, or another figure, the default's thresholds mean nothing any more.
    """
    base = dict(DEFAULT_RULES.get(name, {}))
    if given.keys() & {"above", "below", "figure"}:
        base = {key: value for key, value in base.items() if key not in ("above", "below", "clear")}
    return {**base, **given}


def default_rules() -> Mapping[str, AlertRule]:
    """The default rules."""
    return {name: AlertRule(**table) for name, table in DEFAULT_RULES.items()}  # type: ignore[arg-type]  # its own keys


@attrs.frozen(kw_only=True)
class MaintenanceWindow:
    """A time in which nobody is told of alerts: from `start` to `end`, or for `duration` seconds from each `cron`.

    It is for alerts of `services` (ids, patterns, `tag:NAME`) and of `rules` (names, patterns), where these are given:
    with both, for those of such a service and such a rule. Times without an offset are in `zone`, else in the
    system's.
    """

    name: str = attrs.field(default="", metadata={RULE: checks.text})
    start: datetime | None = attrs.field(default=None, metadata={RULE: checks.optional(instant)})
    end: datetime | None = attrs.field(default=None, metadata={RULE: checks.optional(instant)})
    cron: str | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.cron_expression)})
    duration: float | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.seconds(1))})
    zone: str | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.zone_name)})
    services: tuple[str, ...] = attrs.field(
        default=(), converter=as_tuple, metadata={RULE: checks.each(service_pattern, 'a list, like ["web-*"]')}
    )
    rules: tuple[str, ...] = attrs.field(
        default=(), converter=as_tuple, metadata={RULE: checks.each(checks.some_text, 'a list, like ["cpu_*"]')}
    )

    def __attrs_post_init__(self) -> None:
        checks.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        once, often = (self.start, self.end), (self.cron, self.duration)
        if None not in once and often == (None, None):
            assert self.start is not None  # noqa: S101 - said by the line above, for the type checker
            assert self.end is not None  # noqa: S101
            if (self.start.tzinfo is None) is not (self.end.tzinfo is None):
                return [SettingProblem(("end",), self.end, "an offset as start has, or none as it", "write both alike")]
            if self.end <= self.start:
                return [SettingProblem(("end",), self.end, "a time after start", "correct it")]
            return []
        if None not in often and once == (None, None):
            return []
        return [SettingProblem((), "of another shape", "start and end, or cron and duration", "give those two")]


@attrs.frozen(kw_only=True)
class AlertSettings:
    """Who is told of alerts, by which rules, and when nobody is."""

    webhook: str | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.webhook_address)})
    webhook_type: str | None = attrs.field(
        default=None, metadata={RULE: checks.optional(checks.one_of(*WEBHOOK_TYPES))}
    )
    template: str | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.some_text)})
    rules: Mapping[str, AlertRule] = attrs.field(factory=default_rules, metadata=named_tables(AlertRule, RULE_NAME))
    maintenance: tuple[MaintenanceWindow, ...] = attrs.field(
        default=(), converter=as_tuple, metadata=list_of_tables(MaintenanceWindow)
    )

    def __attrs_post_init__(self) -> None:
        checks.require(self)
