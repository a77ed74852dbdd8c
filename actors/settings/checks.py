"""How often a monitor looks, and how often it must see the same to believe it."""

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE


@attrs.frozen(kw_only=True)
class CheckOptions:
    """How often something is looked at, and when it is said to be down or up.

    Every `interval` seconds, while it is not known to be well every `retry_interval`; each look takes at most
    `timeout`. `failures` in a row are needed to be down, `successes` to be up again.
    """

    interval: float = attrs.field(default=60.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    retry_interval: float = attrs.field(default=10.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    timeout: float = attrs.field(default=10.0, metadata={RULE: rules.seconds(0.05, 3600)})
    failures: int = attrs.field(default=3, metadata={RULE: rules.count(1, 1000)})
    successes: int = attrs.field(default=2, metadata={RULE: rules.count(1, 1000)})
