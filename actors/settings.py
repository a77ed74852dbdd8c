"""What the actors are told before they start: frozen data that cannot hold a value out of its range.

Where the values come from (a file, a program that embeds us) is not known here. Each class checks itself as
it is made and names every mistake at once in `SettingsError`; durations are seconds.
"""

import datetime as dt
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, Nothing, SettingProblem, SettingsError

Kind: TypeAlias = Literal["process", "feed", "http", "files", "report", "deployment", "webhooks", "tcp", "exec"]
Restart: TypeAlias = Literal["always", "on-failure", "never"]
Scalar: TypeAlias = str | int | float | bool | dt.date | dt.time  # a dt.datetime is a dt.date
OptionValue: TypeAlias = "Scalar | Sequence[OptionValue] | Mapping[str, OptionValue]"

KINDS: tuple[str, ...] = get_args(Kind)
OWN_LOG = "watchhamster"  # `watchhamster.log` is our own and `<id>.log` a service's: no service may have this id
LOGS = "logs"  # the folder of the data directory that holds them
HISTORY_SAMPLES = 20_000  # bound of the history in memory: about 10 MB, or an hour at five samples a second
FAILURES = 10_000  # bound of `fatal_failures`: every failure in the window is remembered


def _split(command: str | Iterable[str]) -> tuple[str, ...]:
    """*command* as a tuple; text is split as a shell would, without running one."""
    if not isinstance(command, str):
        return tuple(command)
    wrong = rules.command(command)
    if wrong:
        raise SettingsError("command", wrong)
    return tuple(shlex.split(command))


def _codes(codes: Iterable[int]) -> tuple[int, ...]:
    return tuple(codes)


def _copy_env(env: Mapping[str, str]) -> Mapping[str, str]:
    return dict(env)


def _copy_options(options: Mapping[str, OptionValue]) -> Mapping[str, OptionValue]:
    return dict(options)


@attrs.frozen(kw_only=True)
class ProcessOptions:
    """How one command is run, restarted and stopped.

    `env` is added to our own environment. `cwd` of `None` is our own working directory. `expected_exit_codes`
    are exits that are no failure; an end by signal always is one. A restart waits `backoff_initial`, doubled
    at every further failure up to `backoff_max`; `healthy_seconds` of running reset it. `fatal_failures`
    within `fatal_window` end the attempts.
    """

    command: tuple[str, ...] = attrs.field(converter=_split, metadata={RULE: rules.command})
    cwd: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    env: Mapping[str, str] = attrs.field(
        factory=dict[str, str], converter=_copy_env, metadata={RULE: rules.environment}
    )
    start_seconds: float = attrs.field(default=1.0, metadata={RULE: rules.seconds()})
    stop_signal: str = attrs.field(default="SIGTERM", metadata={RULE: rules.signal_name})
    stop_grace: float = attrs.field(default=10.0, metadata={RULE: rules.seconds()})
    restart: Restart = attrs.field(default="always", metadata={RULE: rules.one_of(*get_args(Restart))})
    expected_exit_codes: tuple[int, ...] = attrs.field(
        default=(0,),
        converter=_codes,
        metadata={RULE: rules.each(rules.count(0, 255), "a list of exit codes, like [0, 2]")},
    )
    backoff_initial: float = attrs.field(default=0.5, metadata={RULE: rules.seconds()})
    backoff_max: float = attrs.field(default=60.0, metadata={RULE: rules.seconds()})
    healthy_seconds: float = attrs.field(default=30.0, metadata={RULE: rules.seconds()})
    fatal_failures: int = attrs.field(default=5, metadata={RULE: rules.count(1, FAILURES)})
    fatal_window: float = attrs.field(default=60.0, metadata={RULE: rules.seconds(1)})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        if self.backoff_max >= self.backoff_initial:
            return []
        expected = f"seconds of {rules.plain(self.backoff_initial)}, the backoff_initial, or more"
        return [SettingProblem(("backoff_max",), self.backoff_max, expected, "raise it or lower backoff_initial")]


def service_id(value: object) -> Sequence[SettingProblem]:
    """A name that can be a file's name everywhere, an address's part, and is not taken by our own log."""
    if value == OWN_LOG:
        return [SettingProblem((), value, "an id that is not our own log's name", "choose another")]
    expected = "1 to 64 of a-z, 0-9, '_' and '-', the first a letter or digit"
    return rules.matching(r"[a-z0-9][a-z0-9_-]{0,63}", expected, "choose another")(value)


@attrs.frozen(kw_only=True)
class ServiceSettings:
    """One service: who it is, what kind, and how that kind does its work.

    `process` belongs to kind `process` and to no other. The other kinds read `options`, kept as given.
    `name` is the id unless told.
    """

    id: str = attrs.field(metadata={RULE: service_id})
    name: str = attrs.field(
        default=attrs.Factory(lambda self: self.id, takes_self=True), metadata={RULE: rules.some_text}
    )
    description: str = attrs.field(default="", metadata={RULE: rules.text})
    kind: Kind = attrs.field(default="process", metadata={RULE: rules.one_of(*KINDS)})
    autostart: bool = attrs.field(default=True, metadata={RULE: rules.flag})
    process: ProcessOptions | None = None
    options: Mapping[str, OptionValue] = attrs.field(factory=dict[str, OptionValue], converter=_copy_options)

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        if self.kind == "process" and self.process is None:
            return [SettingProblem(("process",), Nothing.MISSING, 'options for kind "process"', "say its command")]
        if self.kind != "process" and self.process is not None:
            expected = f"no process options for kind {rules.shown(self.kind)}"
            return [SettingProblem(("process",), "given", expected, "remove them or change the kind")]
        if self.kind == "process" and self.options:
            expected = "a key of kind process"
            return [SettingProblem((key,), value, expected, "remove it") for key, value in self.options.items()]
        return []


@attrs.frozen(kw_only=True)
class MetricsSettings:
    """How often the machine is sampled (seconds), and for how long samples stay in memory (seconds)."""

    interval: float = attrs.field(default=2.0, metadata={RULE: rules.seconds(0.1, 3600)})
    history_seconds: float = attrs.field(default=3600.0, metadata={RULE: rules.seconds(1)})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        longest = self.interval * HISTORY_SAMPLES
        if self.history_seconds <= longest:
            return []
        expected = f"seconds of {rules.plain(longest)} or less ({HISTORY_SAMPLES:,} samples)"
        return [SettingProblem(("history_seconds",), self.history_seconds, expected, "lower it or raise interval")]


@attrs.frozen(kw_only=True)
class SystemSettings:
    """What the whole system is made from: where data lives, the calendar's zone, the services, the metrics.

    `zone` of `None` is the machine's own.
    """

    data_dir: Path = attrs.field(converter=Path)
    zone: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.zone_name)})
    services: tuple[ServiceSettings, ...] = attrs.field(default=(), converter=tuple[ServiceSettings, ...])
    metrics: MetricsSettings = attrs.field(factory=MetricsSettings)

    @property
    def logs_dir(self) -> Path:
        """The folder of `<id>.log` and of our own log."""
        return self.data_dir / LOGS

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        seen: set[str] = set()
        twice: list[SettingProblem] = []
        for service in self.services:
            if service.id in seen:
                twice.append(SettingProblem(("services",), service.id, "each id once", "rename one of the two"))
            seen.add(service.id)
        return twice
