"""The kinds that watch something that is no child of ours."""

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE
from actors.settings.checks import CheckOptions
from actors.settings.conversions import as_tuple, copied, optional_words
from actors.settings.feed import FeedOptions
from actors.settings.files import FilesOptions
from actors.settings.report import ReportOptions


@attrs.frozen(kw_only=True)
class HttpOptions(CheckOptions):
    """A web page or API. Without `url` there is nothing to watch, and the service stays stopped."""

    url: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.http_address)})
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], converter=copied, metadata={RULE: rules.environment}
    )
    status: tuple[int | str, ...] = attrs.field(
        default=("200-299",), converter=as_tuple, metadata={RULE: rules.status_codes}
    )

    def __attrs_post_init__(self) -> None:
        rules.require(self)


@attrs.frozen(kw_only=True)
class TcpOptions(CheckOptions):
    """A port that accepts connections."""

    address: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.host_and_port)})

    def __attrs_post_init__(self) -> None:
        rules.require(self)


@attrs.frozen(kw_only=True)
class ExecOptions(CheckOptions):
    """A command that tells by its exit code."""

    command: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_words, metadata={RULE: rules.optional(rules.command)}
    )

    def __attrs_post_init__(self) -> None:
        rules.require(self)


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
