"""How it is found out whether a process is ready for work, and whether it still works."""

from collections.abc import Mapping

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, SettingProblem
from actors.settings.conversions import as_tuple, copied, optional_words

WAYS = ("http", "tcp", "exec", "log", "notify")


@attrs.frozen(kw_only=True)
class ProbeOptions:
    """One way to ask a process how it is.

    `http` is an address that answers with one of `status` (numbers and ranges such as "200-299") and, if given,
    holds `text`; `tcp` a `host:port` that accepts a connection; `exec` a command that exits with 0. Asked every
    `interval` seconds, first after `delay`, each answer within `timeout`. `failures` in a row and it is
    not well, `successes` in a row and it is.
    """

    http: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.http_address)})
    status: tuple[int | str, ...] = attrs.field(
        default=("200-399",), converter=as_tuple, metadata={RULE: rules.status_codes}
    )
    text: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], converter=copied, metadata={RULE: rules.environment}
    )
    tcp: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.host_and_port)})
    exec: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_words, metadata={RULE: rules.optional(rules.command)}
    )
    interval: float = attrs.field(default=10.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    timeout: float = attrs.field(default=5.0, metadata={RULE: rules.seconds(0.05, 3600)})
    delay: float = attrs.field(default=0.0, metadata={RULE: rules.seconds(0, 3600)})
    failures: int = attrs.field(default=3, metadata={RULE: rules.count(1, 1000)})
    successes: int = attrs.field(default=1, metadata={RULE: rules.count(1, 1000)})

    @property
    def ways(self) -> tuple[str, ...]:
        """The keys that say how to ask; exactly one is given."""
        return tuple(way for way in WAYS if getattr(self, way, None))

    def one_way(self) -> list[SettingProblem]:
        """Nothing, unless no way to ask is given, or more than one."""
        names = [way for way in WAYS if hasattr(self, way)]
        expected = "one of " + ", ".join(names)
        if not self.ways:
            return [SettingProblem((names[0],), rules.Nothing.MISSING, expected, "add one")]
        return [SettingProblem((way,), "given, too", expected, "remove it") for way in self.ways[1:]]


@attrs.frozen(kw_only=True)
class ReadyOptions(ProbeOptions):
    """When a process that was started is ready for work; it is not counted as running before.

    Beside the ways of every probe: `log` is a regular expression that a line of its output matches, `notify` waits for
    `READY=1` on the socket that systemd services know. It must be ready within `deadline` seconds, else the start
    has failed. Asked every `interval` until then, and as `health` afterwards.
    """

    log: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.expression)})
    notify: bool = attrs.field(default=False, metadata={RULE: rules.flag})
    interval: float = attrs.field(default=1.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    deadline: float = attrs.field(default=60.0, metadata={RULE: rules.seconds(0.1, 86_400)})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self.one_way)


@attrs.frozen(kw_only=True)
class AliveOptions(ProbeOptions):
    """Whether a process still works; when it does not, it is restarted, which counts as a failure.

    `notify` is `WATCHDOG=1` on the socket that systemd services know, at least every `interval` seconds.
    """

    notify: bool = attrs.field(default=False, metadata={RULE: rules.flag})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self.one_way)
