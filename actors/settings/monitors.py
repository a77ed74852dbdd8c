"""The kinds that watch something that is no child of ours."""

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from actors import setting_rules as rules
from actors.json_paths import json_path
from actors.setting_rules import RULE, SettingProblem
from actors.setting_tables import list_of_tables
from actors.settings.checks import CheckOptions
from actors.settings.conversions import as_tuple, byte_number, copied, optional_words
from actors.settings.feed import FeedOptions
from actors.settings.files import FilesOptions
from actors.settings.report import ReportOptions

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BODY_MOST = 64 * 1024 * 1024  # bytes of a body that are held at a time


def body_size(value: object) -> list[SettingProblem]:
    """Bytes of a body that are read, 0 for none of it."""
    return [
        attrs.evolve(p, expected=f'bytes, 0 to {BODY_MOST:,}, or text like "64K"')
        for p in rules.count(0, BODY_MOST)(value)
    ]


def any_text(value: object) -> list[SettingProblem]:
    """Text, of any number of lines."""
    return [] if isinstance(value, str) else [SettingProblem((), value, "text in quotes")]


def some_of_any_text(value: object) -> list[SettingProblem]:
    """Text that is not empty."""
    return [] if isinstance(value, str) and value else [SettingProblem((), value, "text that is not empty, in quotes")]


def plain_value(value: object) -> list[SettingProblem]:
    """A text, a number or a truth value: what JSON and TOML both have."""
    if isinstance(value, str | int | float):
        return []
    return [SettingProblem((), value, "a text, a number, true or false")]


@attrs.frozen(kw_only=True)
class JsonCheck:
    """What is expected in a JSON answer.

    `path` is one of RFC 9535. There must be something at it, and all of that must be as is said: the same as `equals`,
    not the same as `differs`, a number `above`, a number `below`.
    """

    path: str = attrs.field(metadata={RULE: json_path})
    equals: str | float | bool | None = attrs.field(default=None, metadata={RULE: rules.optional(plain_value)})
    differs: str | float | bool | None = attrs.field(default=None, metadata={RULE: rules.optional(plain_value)})
    above: float | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.number)})
    below: float | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.number)})

    def __attrs_post_init__(self) -> None:
        rules.require(self)


@attrs.frozen(kw_only=True)
class HttpOptions(CheckOptions):
    """A web page or API. Without `url` there is nothing to watch, and the service stays stopped.

    `text` must be in the body and `text_absent` must not; with `regex` both are regular expressions. `json` is what is
    expected in a JSON body. `max_latency` is of the whole answer, in seconds; `certificate_days` is how long the
    certificate must hold at least. At most `redirects` are followed, and `max_body` bytes read.
    """

    url: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.http_address)})
    method: str = attrs.field(default="GET", metadata={RULE: rules.one_of(*METHODS)})
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], converter=copied, metadata={RULE: rules.environment}
    )
    body: str | None = attrs.field(default=None, metadata={RULE: rules.optional(any_text)})
    status: tuple[int | str, ...] = attrs.field(
        default=("200-299",), converter=as_tuple, metadata={RULE: rules.status_codes}
    )
    text: str | None = attrs.field(default=None, metadata={RULE: rules.optional(some_of_any_text)})
    text_absent: str | None = attrs.field(default=None, metadata={RULE: rules.optional(some_of_any_text)})
    regex: bool = attrs.field(default=False, metadata={RULE: rules.flag})
    json: tuple[JsonCheck, ...] = attrs.field(default=(), converter=as_tuple, metadata=list_of_tables(JsonCheck))
    max_latency: float | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.seconds(0.001, 3600))})
    certificate_days: int | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.count(1, 3650))})
    redirects: int = attrs.field(default=5, metadata={RULE: rules.count(0, 20)})
    verify: bool = attrs.field(default=True, metadata={RULE: rules.flag})
    ca_file: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    max_body: int = attrs.field(default=1024 * 1024, converter=byte_number, metadata={RULE: body_size})

    def __attrs_post_init__(self) -> None:
        rules.require(self, lambda: searched(self.text, self.text_absent, regex=self.regex))


@attrs.frozen(kw_only=True)
class TcpOptions(CheckOptions):
    """A port that accepts connections. Without `address` there is nothing to watch, and the service stays stopped.

    `send` is what it is told then, and `expect` must be in what it says. `tls` speaks TLS to it.
    """

    address: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.host_and_port)})
    send: str | None = attrs.field(default=None, metadata={RULE: rules.optional(some_of_any_text)})
    expect: str | None = attrs.field(default=None, metadata={RULE: rules.optional(some_of_any_text)})
    max_latency: float | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.seconds(0.001, 3600))})
    tls: bool = attrs.field(default=False, metadata={RULE: rules.flag})
    certificate_days: int | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.count(1, 3650))})
    verify: bool = attrs.field(default=True, metadata={RULE: rules.flag})
    ca_file: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        if self.certificate_days is not None and not self.tls:
            return [SettingProblem(("certificate_days",), self.certificate_days, "tls = true beside it", "add it")]
        return []


@attrs.frozen(kw_only=True)
class ExecOptions(CheckOptions):
    """A command that tells by its exit code. Without `command` there is nothing to run, and the service stays stopped.

    `env` is added to our own environment. `text` must be in its output and `text_absent` must not; with `regex` both
    are regular expressions.
    """

    command: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_words, metadata={RULE: rules.optional(rules.command)}
    )
    cwd: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    env: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=copied, metadata={RULE: rules.environment})
    expected_exit_codes: tuple[int, ...] = attrs.field(
        default=(0,),
        converter=as_tuple,
        metadata={RULE: rules.each(rules.count(0, 255), "a list of exit codes, like [0, 2]")},
    )
    text: str | None = attrs.field(default=None, metadata={RULE: rules.optional(some_of_any_text)})
    text_absent: str | None = attrs.field(default=None, metadata={RULE: rules.optional(some_of_any_text)})
    regex: bool = attrs.field(default=False, metadata={RULE: rules.flag})

    def __attrs_post_init__(self) -> None:
        rules.require(self, lambda: searched(self.text, self.text_absent, regex=self.regex))


def searched(present: str | None, absent: str | None, *, regex: bool) -> list[SettingProblem]:
    """What is wrong with texts that are to be searched for."""
    if not regex:
        return []
    found = [p.within("text") for p in rules.optional(rules.expression)(present)]
    return found + [p.within("text_absent") for p in rules.optional(rules.expression)(absent)]


@attrs.frozen(kw_only=True)
class PartOptions:
    """A part of the system itself (`webhooks`, `deployment`): nothing to say yet."""

    def __attrs_post_init__(self) -> None:
        rules.require(self)


MonitorOptions: TypeAlias = (
    HttpOptions | TcpOptions | ExecOptions | FeedOptions | FilesOptions | ReportOptions | PartOptions
)

MONITORS: Mapping[str, type[MonitorOptions]] = {
    "http": HttpOptions,
    "tcp": TcpOptions,
    "exec": ExecOptions,
    "feed": FeedOptions,
    "files": FilesOptions,
    "report": ReportOptions,
    "deployment": PartOptions,
    "webhooks": PartOptions,
}
"""What each kind but `process` is told."""
