"""How one command is run, watched, restarted and stopped."""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, SettingProblem
from actors.setting_tables import one_table
from actors.settings.conversions import as_tuple, byte_count, copied, optional_words, words
from actors.settings.probes import AliveOptions, ReadyOptions

Restart: TypeAlias = Literal["always", "on-failure", "never"]
Overlap: TypeAlias = Literal["skip", "queue", "kill"]

FAILURES = 10_000  # bound of `fatal_failures`: every failure in the window is remembered
INSTANCES = 1_000  # bound of `instances`: a slip of the keyboard must not fill the machine
LIMITS = ("as", "core", "cpu", "data", "fsize", "memlock", "nofile", "nproc", "stack")  # of setrlimit(2)


@attrs.frozen(kw_only=True)
class ScheduleOptions:
    """When a job is run: a cron expression in a zone, and what to do when the run before has not ended.

    `zone` of `None` is the system's. `skip` leaves that run out, `queue` runs it once afterwards, `kill` ends the
    one before. `catch_up` runs it once at the start if its time came while nobody was there.
    """

    cron: str = attrs.field(metadata={RULE: rules.cron_expression})
    zone: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.zone_name)})
    overlap: Overlap = attrs.field(default="skip", metadata={RULE: rules.one_of(*get_args(Overlap))})
    catch_up: bool = attrs.field(default=False, metadata={RULE: rules.flag})

    def __attrs_post_init__(self) -> None:
        rules.require(self)


@attrs.frozen(kw_only=True)
class FileWatchOptions:
    """Files whose change restarts the service, or reloads it.

    `paths` are files and directories (with all below), `ignore` patterns of names such as `*.tmp`; `settle` is
    how many seconds must pass without a change.
    """

    paths: tuple[str, ...] = attrs.field(
        converter=as_tuple, metadata={RULE: rules.some(rules.some_text, 'a list of paths, like ["app"]')}
    )
    ignore: tuple[str, ...] = attrs.field(
        default=(),
        converter=as_tuple,
        metadata={RULE: rules.each(rules.some_text, 'a list of name patterns, like ["*.tmp"]')},
    )
    settle: float = attrs.field(default=0.5, metadata={RULE: rules.seconds(0.05, 3600)})
    action: Literal["restart", "reload"] = attrs.field(
        default="restart", metadata={RULE: rules.one_of("restart", "reload")}
    )

    def __attrs_post_init__(self) -> None:
        rules.require(self)


@attrs.frozen(kw_only=True)
class ProcessOptions:
    """How one command is run, restarted and stopped.

    `env` is added to our own environment, over `env_files` (dotenv files, later ones over earlier ones). `cwd` of
    `None` is our own working directory. `expected_exit_codes` are exits that are no failure; an end by signal
    always is one. A restart waits `backoff_initial`, doubled at every further failure up to `backoff_max`;
    `healthy_seconds` of running reset it. `fatal_failures` within `fatal_window` end the attempts, for good or,
    with `fatal_retry`, for so many seconds. `memory_max` is of the process with all its descendants, in bytes.
    """

    command: tuple[str, ...] = attrs.field(converter=words, metadata={RULE: rules.command})
    cwd: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    env: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=copied, metadata={RULE: rules.environment})
    env_files: tuple[str, ...] = attrs.field(
        default=(), converter=as_tuple, metadata={RULE: rules.each(rules.some_text, 'a list of files, like [".env"]')}
    )
    user: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    group: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    umask: str | None = attrs.field(
        default=None,
        metadata={RULE: rules.optional(rules.matching("0?[0-7]{3}", 'three octal digits in quotes, like "022"'))},
    )
    nice: int | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.count(-20, 19))})
    limits: Mapping[str, int | str] = attrs.field(
        factory=dict[str, "int | str"], converter=copied, metadata={RULE: rules.resource_limits(LIMITS)}
    )
    stdin: Literal["null", "pipe"] = attrs.field(default="null", metadata={RULE: rules.one_of("null", "pipe")})
    instances: int = attrs.field(default=1, metadata={RULE: rules.count(1, INSTANCES)})
    start_seconds: float = attrs.field(default=1.0, metadata={RULE: rules.seconds()})
    stop_signal: str = attrs.field(default="SIGTERM", metadata={RULE: rules.signal_name})
    stop_grace: float = attrs.field(default=10.0, metadata={RULE: rules.seconds()})
    restart: Restart = attrs.field(default="always", metadata={RULE: rules.one_of(*get_args(Restart))})
    expected_exit_codes: tuple[int, ...] = attrs.field(
        default=(0,),
        converter=as_tuple,
        metadata={RULE: rules.each(rules.count(0, 255), "a list of exit codes, like [0, 2]")},
    )
    backoff_initial: float = attrs.field(default=0.5, metadata={RULE: rules.seconds()})
    backoff_max: float = attrs.field(default=60.0, metadata={RULE: rules.seconds()})
    healthy_seconds: float = attrs.field(default=30.0, metadata={RULE: rules.seconds()})
    fatal_failures: int = attrs.field(default=5, metadata={RULE: rules.count(1, FAILURES)})
    fatal_window: float = attrs.field(default=60.0, metadata={RULE: rules.seconds(1)})
    fatal_retry: float | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.seconds(1))})
    reload_signal: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.signal_name)})
    reload_command: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_words, metadata={RULE: rules.optional(rules.command)}
    )
    memory_max: int | None = attrs.field(
        default=None, converter=byte_count, metadata={RULE: rules.optional(rules.byte_size(1024 * 1024))}
    )
    ready: ReadyOptions | None = attrs.field(default=None, metadata=one_table(ReadyOptions))
    alive: AliveOptions | None = attrs.field(default=None, metadata=one_table(AliveOptions))
    schedule: ScheduleOptions | None = attrs.field(default=None, metadata=one_table(ScheduleOptions))
    watch: FileWatchOptions | None = attrs.field(default=None, metadata=one_table(FileWatchOptions))

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        found: list[SettingProblem] = []
        if self.backoff_max < self.backoff_initial:
            expected = f"seconds of {rules.plain(self.backoff_initial)}, the backoff_initial, or more"
            found.append(
                SettingProblem(("backoff_max",), self.backoff_max, expected, "raise it or lower backoff_initial")
            )
        if self.reload_signal is not None and self.reload_command is not None:
            expected = "one way to reload"
            found.append(SettingProblem(("reload_command",), "given", expected, "remove it or reload_signal"))
        if self.schedule is not None and self.restart == "always":
            expected = '"never" or "on-failure" beside a schedule'
            advice = 'write restart = "never", or "on-failure" to try a run that failed again'
            found.append(SettingProblem(("restart",), self.restart, expected, advice))
        if self.watch is not None and self.watch.action == "reload" and not self.reloads:
            expected = "reload_signal or reload_command beside it"
            found.append(SettingProblem(("watch", "action"), "reload", expected, 'add one or write "restart"'))
        return found

    @property
    def reloads(self) -> bool:
        """Whether it can be told to read its configuration again."""
        return self.reload_signal is not None or self.reload_command is not None
