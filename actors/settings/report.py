"""The periodic status message."""

from typing import get_args

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, SettingProblem
from actors.settings.feed import WebhookType


@attrs.frozen(kw_only=True)
class ReportOptions:
    """The periodic status message: every `interval` seconds, or when `cron` says in `zone`; else every day at nine.

    `webhook_url` is where it is sent, made of the template `template`. `zone` of None is the system's.
    """

    webhook_url: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.webhook_address)})
    webhook_type: WebhookType | None = attrs.field(
        default=None, metadata={RULE: rules.optional(rules.one_of(*get_args(WebhookType)))}
    )
    template: str = attrs.field(default="system_status_report", metadata={RULE: rules.some_text})
    interval: float | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.seconds(1))})
    cron: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.cron_expression)})
    zone: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.zone_name)})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        if self.interval is None or self.cron is None:
            return []
        return [SettingProblem(("cron",), self.cron, "either interval or cron", "remove one of them")]
