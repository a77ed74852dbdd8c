"""Where webhooks may go, and where they go when nobody says so."""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Literal, TypeAlias, cast, get_args

import attrs

from actors import setting_rules as checks
from actors.setting_rules import RULE, SettingProblem
from actors.setting_tables import named_tables
from actors.settings.alerts import RULE_NAME
from actors.settings.conversions import as_tuple, clock_time
from actors.settings.feed import WebhookType

DefaultName: TypeAlias = Literal["default", "posco", "alerts", "discord", "slack", "dooray"]
EventType: TypeAlias = Literal[
    "service_error", "service_recovered", "service_stopped", "alert", "alert_cleared", "news", "deployment"
]
DEFAULT_NAMES: tuple[DefaultName, ...] = get_args(DefaultName)


def one_of_types(value: object) -> Sequence[SettingProblem]:
    """What a receiver understands."""
    return checks.one_of(*get_args(WebhookType))(value)


def events(value: object) -> Sequence[SettingProblem]:
    """Types of events."""
    return checks.some(checks.one_of(*get_args(EventType)), "a list of event types that is not empty")(value)


def addresses(value: object) -> list[SettingProblem]:
    """Addresses by what they are for."""
    if not isinstance(value, Mapping):
        return [SettingProblem((), value, 'a table of addresses, like { default = "https://..." }')]
    found: list[SettingProblem] = []
    for name, address in cast("Mapping[str, object]", value).items():
        found += [problem.within(name) for problem in checks.one_of(*DEFAULT_NAMES)(name)]
        found += [problem.within(name) for problem in checks.webhook_address(address)]
    return found


@attrs.frozen(kw_only=True)
class WebhookRoute:
    """Events that are told to `url`: of these types, about these services, with quiet hours and digests.

    More than `digest_after` messages within `digest_seconds` are told together, and so is what comes between
    `quiet_from` and `quiet_until`.
    """

    url: str = attrs.field(metadata={RULE: checks.webhook_address})
    webhook_type: WebhookType | None = attrs.field(default=None, metadata={RULE: checks.optional(one_of_types)})
    events: tuple[str, ...] = attrs.field(converter=as_tuple, metadata={RULE: events})
    services: tuple[str, ...] = attrs.field(
        default=(), converter=as_tuple, metadata={RULE: checks.each(checks.some_text, "a list of ids and patterns")}
    )
    allow_private: bool = attrs.field(default=False, metadata={RULE: checks.flag})
    quiet_from: time | None = attrs.field(
        default=None, converter=clock_time, metadata={RULE: checks.optional(checks.clock_time)}
    )
    quiet_until: time | None = attrs.field(
        default=None, converter=clock_time, metadata={RULE: checks.optional(checks.clock_time)}
    )
    digest_after: int = attrs.field(default=10, metadata={RULE: checks.count(1, 1000)})
    digest_seconds: float = attrs.field(default=60.0, metadata={RULE: checks.number})

    def __attrs_post_init__(self) -> None:
        checks.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        if (self.quiet_from is None) is (self.quiet_until is None):
            return []
        missing = "quiet_from" if self.quiet_from is None else "quiet_until"
        return [SettingProblem((missing,), None, "both ends of the quiet hours", "give it, or leave both out")]


@attrs.frozen(kw_only=True)
class WebhookSettings:
    """Webhooks go to public addresses alone, unless `allow_private`; `addresses` are for messages that name none.

    `routes` say to whom events are told, beside the receivers of the API.
    """

    allow_private: bool = attrs.field(default=False, metadata={RULE: checks.flag})
    addresses: Mapping[str, str] = attrs.field(factory=dict[str, str], metadata={RULE: addresses})
    routes: Mapping[str, WebhookRoute] = attrs.field(
        factory=dict[str, WebhookRoute], metadata=named_tables(WebhookRoute, RULE_NAME)
    )

    def __attrs_post_init__(self) -> None:
        checks.require(self)
