"""Which logs there are beside those of services, how long they are kept, and which lines of them raise an alert."""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

import attrs

from actors import setting_rules as checks
from actors.expressions import Expression, InvalidExpression
from actors.setting_rules import RULE, SettingProblem
from actors.setting_tables import named_tables, one_table
from actors.settings.alerts import LEVELS as ALERT_LEVELS
from actors.settings.alerts import RULE_NAME
from actors.settings.alerts import Level as AlertLevel

LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)

FILE_NAME = checks.matching(
    r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", "1 to 100 of letters, digits, '_', '.' and '-'", "choose another"
)
LONGEST_DAYS = 3650.0


def re2_expression(value: object) -> list[SettingProblem]:
    """A regular expression that RE2 understands."""
    if not isinstance(value, str) or not value:
        return [SettingProblem((), value, "a regular expression (RE2)")]
    try:
        Expression(value)
    except InvalidExpression as error:
        return [SettingProblem((), value, f"a regular expression (RE2): {error.why}", "correct it")]
    return []


def absolute_path(value: object) -> list[SettingProblem]:
    """The absolute path of a file."""
    if isinstance(value, str) and value and "\0" not in value and Path(value).is_absolute():
        return []
    return [SettingProblem((), value, "the absolute path of a file")]


def codec(value: object) -> list[SettingProblem]:
    """The name of an encoding."""
    if isinstance(value, str):
        try:
            "".encode(value)
        except (LookupError, ValueError):
            pass
        else:
            return []
    return [SettingProblem((), value, 'an encoding that Python knows, like "cp949"')]


def file_pattern(value: object) -> list[SettingProblem]:
    """The name of a log, or a pattern of names."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.*?\[\]!-]{1,100}", value):
        return []
    return [SettingProblem((), value, 'the name of a log or a pattern, like "web.log" or "*"')]


def days(value: object) -> list[SettingProblem]:
    """A number of days."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_DAYS
    return [] if right else [SettingProblem((), value, f"days from 0 to {checks.plain(LONGEST_DAYS)}")]


def level_days(value: object) -> list[SettingProblem]:
    """Days by level."""
    if not isinstance(value, Mapping):
        return [SettingProblem((), value, "a table of levels and days, like { DEBUG = 7 }")]
    found: list[SettingProblem] = []
    for name, length in cast("Mapping[str, object]", value).items():
        found += [problem.within(name) for problem in checks.one_of(*LOG_LEVELS)(name)]
        found += [problem.within(name) for problem in days(length)]
    return found


@attrs.frozen(kw_only=True)
class OutsideLog:
    """A log of somebody else's: the file at `path`, in `encoding`, of which `pattern` says the fields.

    `zone` is of times that do not say their offset; None is the machine's.

    `pattern` has named groups: timestamp, level, logger, module, line, thread, message, any of which may be missing.
    """

    path: str = attrs.field(metadata={RULE: absolute_path})
    pattern: str | None = attrs.field(default=None, metadata={RULE: checks.optional(re2_expression)})
    encoding: str | None = attrs.field(default=None, metadata={RULE: checks.optional(codec)})
    zone: str | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.zone_name)})

    def __attrs_post_init__(self) -> None:
        checks.require(self)


@attrs.frozen(kw_only=True)
class LogAlert:
    """Raise an alert when `count` records of a log are found within `minutes`; over after `clear_minutes` without one.

    A record is found that is at least of `level`, and in which `pattern` matches, where that is given. Each log that
    `file` names is counted by itself.
    """

    file: str = attrs.field(default="*", metadata={RULE: file_pattern})
    pattern: str | None = attrs.field(default=None, metadata={RULE: checks.optional(re2_expression)})
    level: LogLevel = attrs.field(default="DEBUG", metadata={RULE: checks.one_of(*LOG_LEVELS)})
    count: int = attrs.field(default=1, metadata={RULE: checks.count(1, 10_000)})
    minutes: float = attrs.field(default=5.0, metadata={RULE: checks.number})
    clear_minutes: float = attrs.field(default=15.0, metadata={RULE: checks.number})
    severity: AlertLevel = attrs.field(default="warning", metadata={RULE: checks.one_of(*ALERT_LEVELS)})
    message: str | None = attrs.field(default=None, metadata={RULE: checks.optional(checks.some_text)})
    enabled: bool = attrs.field(default=True, metadata={RULE: checks.flag})

    def __attrs_post_init__(self) -> None:
        checks.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        found: list[SettingProblem] = []
        if self.pattern is None and self.level == "DEBUG":
            found.append(SettingProblem(("pattern",), None, "a pattern, or a level above DEBUG", "give one of them"))
        for name, value in (("minutes", self.minutes), ("clear_minutes", self.clear_minutes)):
            if not 0 < value <= 7 * 24 * 60:
                found.append(SettingProblem((name,), value, "minutes above 0, a week at most", "correct it"))
        return found

    def is_about(self, name: str) -> bool:
        """Whether it looks at the log *name*."""
        return fnmatch.fnmatchcase(name, self.file)


@attrs.frozen(kw_only=True)
class RetentionOptions:
    """For how long logs that were put aside are kept; the files that are written are never touched.

    None is without that limit. `max_size_mb` is for all of them together, `max_files` for each log.
    `level_based_retention` are days after which records of a level are taken out of them.
    """

    max_days: float | None = attrs.field(default=30.0, metadata={RULE: checks.optional(days)})
    max_size_mb: float | None = attrs.field(default=1024.0, metadata={RULE: checks.optional(checks.number)})
    max_files: int | None = attrs.field(default=30, metadata={RULE: checks.optional(checks.count(0, 1000))})
    compression_enabled: bool = attrs.field(default=True, metadata={RULE: checks.flag})
    auto_cleanup: bool = attrs.field(default=True, metadata={RULE: checks.flag})
    cleanup_schedule: str = attrs.field(default="0 3 * * *", metadata={RULE: checks.cron_expression})
    level_based_retention: Mapping[str, float] = attrs.field(factory=dict[str, float], metadata={RULE: level_days})

    def __attrs_post_init__(self) -> None:
        checks.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        if self.max_size_mb is None or self.max_size_mb > 0:
            return []
        return [SettingProblem(("max_size_mb",), self.max_size_mb, "a size above 0, in MB", "raise it")]


@attrs.frozen(kw_only=True)
class LogsSettings:
    """Logs beside those of services, alerts from logs, and how long logs are kept; None: as the API says."""

    files: Mapping[str, OutsideLog] = attrs.field(
        factory=dict[str, OutsideLog], metadata=named_tables(OutsideLog, FILE_NAME)
    )
    alerts: Mapping[str, LogAlert] = attrs.field(
        factory=dict[str, LogAlert], metadata=named_tables(LogAlert, RULE_NAME)
    )
    retention: RetentionOptions | None = attrs.field(default=None, metadata=one_table(RetentionOptions))

    def __attrs_post_init__(self) -> None:
        checks.require(self, self._conflicts)

    def _conflicts(self) -> Sequence[SettingProblem]:
        return [
            SettingProblem(("files", name), name, "a name that is not our own log's", "choose another")
            for name in self.files
            if name == "watchhamster.log"
        ]
