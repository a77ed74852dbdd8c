"""One service: who it is, and what kind."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, cast, get_args

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, Nothing, SettingProblem, SettingsError
from actors.setting_tables import one_table
from actors.settings.conversions import as_tuple, byte_count
from actors.settings.kinds import KINDS, OWN_LOG, Kind
from actors.settings.monitors import MONITORS, MonitorOptions
from actors.settings.process import ProcessOptions

Condition: TypeAlias = Literal["started", "healthy", "completed"]
Origin: TypeAlias = Literal["built-in", "file", "api"]

TAG = rules.matching(
    r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}", "1 to 64 of letters, digits, '_', '.' and '-'", "choose another"
)


def service_id(value: object) -> Sequence[SettingProblem]:
    """A name that can be a file's name everywhere, an address's part, and is not taken by our own log."""
    if value == OWN_LOG:
        return [SettingProblem((), value, "an id that is not our own log's name", "choose another")]
    expected = "1 to 64 of a-z, 0-9, '_' and '-', the first a letter or digit"
    return rules.matching(r"[a-z0-9][a-z0-9_-]{0,63}", expected, "choose another")(value)


def dependencies(value: object) -> list[SettingProblem]:
    """A list of ids, or a table of ids and conditions."""
    expected = 'a list of ids, or a table like { db = "healthy" }'
    if rules.is_list(value):
        value = dict.fromkeys(cast("Sequence[str]", value), "started")
    if not isinstance(value, Mapping):
        return [SettingProblem((), value, expected)]
    found: list[SettingProblem] = []
    for name, condition in cast("Mapping[object, object]", value).items():
        found += [p.within(str(name)) for p in service_id(name)]
        found += [p.within(str(name)) for p in rules.one_of(*get_args(Condition))(condition)]
    return found


def _conditions(given: Mapping[str, Condition] | Sequence[str]) -> Mapping[str, Condition]:
    if isinstance(given, list | tuple):
        return dict.fromkeys(given, "started")
    return dict(given) if isinstance(given, Mapping) else given  # type: ignore[return-value]  # the rule refuses it


@attrs.frozen(kw_only=True)
class LogOptions:
    """How large the log of a service may become.

    At `max_bytes`, or when it is `max_age` seconds old, the log is put aside and a new one begun; `keep` of those are
    kept, gzipped if `compress`. All of them together take at most `budget` bytes.
    """

    max_bytes: int | None = attrs.field(
        default=10 * 1024 * 1024, converter=byte_count, metadata={RULE: rules.optional(rules.byte_size(4096))}
    )
    max_age: float | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.seconds(1, 31_622_400))})
    keep: int = attrs.field(default=5, metadata={RULE: rules.count(0, 1000)})
    compress: bool = attrs.field(default=True, metadata={RULE: rules.flag})
    budget: int | None = attrs.field(
        default=None, converter=byte_count, metadata={RULE: rules.optional(rules.byte_size(8192))}
    )

    def __attrs_post_init__(self) -> None:
        rules.require(self)


@attrs.frozen(kw_only=True)
class ServiceSettings:
    """One service: who it is, what kind, and how that kind does its work.

    `process` belongs to kind `process`, `monitor` to the others, each with the class that `MONITORS` says; a monitor
    without one has the defaults. `name` is the id unless told. `depends_on` names services that must have `started`,
    be `healthy` or have `completed` before this one is started.
    """

    id: str = attrs.field(metadata={RULE: service_id})
    name: str = attrs.field(
        default=attrs.Factory(lambda self: self.id, takes_self=True), metadata={RULE: rules.some_text}
    )
    description: str = attrs.field(default="", metadata={RULE: rules.text})
    kind: Kind = attrs.field(default="process", metadata={RULE: rules.one_of(*KINDS)})
    autostart: bool = attrs.field(default=True, metadata={RULE: rules.flag})
    tags: tuple[str, ...] = attrs.field(
        default=(), converter=as_tuple, metadata={RULE: rules.each(TAG, 'a list of tags, like ["web"]')}
    )
    depends_on: Mapping[str, Condition] = attrs.field(
        factory=dict[str, Condition], converter=_conditions, metadata={RULE: dependencies}
    )
    log: LogOptions = attrs.field(factory=LogOptions, metadata=one_table(LogOptions))
    process: ProcessOptions | None = None
    monitor: MonitorOptions | None = attrs.field(
        default=attrs.Factory(lambda self: None if self.kind == "process" else MONITORS[self.kind](), takes_self=True)
    )
    origin: Origin = "file"
    """Who owns it: the product itself, the configuration file, or the API."""
    instance_of: str | None = None
    """The id of which this is one of several instances."""
    instance: int | None = None
    """Its number among them, from 1."""

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        if self.kind == "process" and self.process is None:
            return [SettingProblem(("process",), Nothing.MISSING, 'options for kind "process"', "say its command")]
        if self.kind != "process" and self.process is not None:
            expected = f"no process options for kind {rules.shown(self.kind)}"
            return [SettingProblem(("process",), "given", expected, "remove them or change the kind")]
        if self.kind == "process":
            wrong = self.monitor is not None
        else:
            wrong = not isinstance(self.monitor, MONITORS[self.kind])
        if wrong:
            expected = f"options of kind {rules.shown(self.kind)}"
            return [SettingProblem(("monitor",), type(self.monitor).__name__, expected, "give those of its kind")]
        if self.id in self.depends_on:
            return [SettingProblem(("depends_on",), self.id, "other services", "remove it")]
        return []


def dependency_problems(services: Sequence[ServiceSettings]) -> list[SettingProblem]:
    """What is wrong with who waits for whom: ids that are not there, and circles, each by its names."""
    ids = {service.id for service in services} | {service.instance_of for service in services}
    found = [
        SettingProblem((service.id, "depends_on"), other, "the id of a service", "correct it or remove it")
        for service in services
        for other in service.depends_on
        if other not in ids
    ]
    found += [problem for service in services for problem in _endless(service, services)]
    circle = _circle({service.id: tuple(service.depends_on) for service in services})
    if circle:
        way = " -> ".join(circle)
        found.append(SettingProblem((circle[0], "depends_on"), way, "no circle", "remove one of these"))
    return found


def _endless(service: ServiceSettings, services: Sequence[ServiceSettings]) -> list[SettingProblem]:
    """Those that *service* wants completed and that never are."""
    ends = {
        name: other.kind == "process" and other.process is not None and other.process.restart != "always"
        for other in services
        for name in (other.id, other.instance_of or other.id)
    }
    expected = 'a job that ends, with restart = "on-failure" or "never"'
    return [
        SettingProblem((service.id, "depends_on", name), "completed", expected, "change its restart or wait for less")
        for name, condition in service.depends_on.items()
        if condition == "completed" and not ends.get(name, True)
    ]


def _circle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """The first circle in *graph*, closed by its first name again; empty without one."""
    done: set[str] = set()
    for start in graph:
        path: list[str] = []
        stack = [iter((start,))]
        while stack:
            name = next(stack[-1], None)
            if name is None:
                stack.pop()
                if path:
                    done.add(path.pop())
            elif name in path:
                return [*path[path.index(name) :], name]
            elif name not in done and name in graph:
                path.append(name)
                stack.append(iter(graph[name]))
    return []


__all__ = [
    "Condition",
    "LogOptions",
    "Origin",
    "ServiceSettings",
    "SettingsError",
    "dependency_problems",
    "service_id",
]
