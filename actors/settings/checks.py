"""How often a monitor looks, and how often it must see the same to believe it."""

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, SettingProblem

LEAST_FLAPS = 3  # down, up, down: fewer changes are an outage


def flap_count(value: object) -> list[SettingProblem]:
    """0 for never, or as many changes as are more than one outage."""
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return []
    return [
        attrs.evolve(p, expected=f"0 for never, or a whole number of {LEAST_FLAPS} to 1000")
        for p in rules.count(LEAST_FLAPS, 1000)(value)
    ]


@attrs.frozen(kw_only=True)
class CheckOptions:
    """How often something is looked at, and when it is said to be down or up.

    Every `interval` seconds, while it is not known to be well every `retry_interval`; each look takes at most
    `timeout`. `failures` in a row are needed to be down, `successes` to be up. `flap_changes` between the two
    within `flap_window` seconds are told as flapping, once, and then nothing until it has settled.
    """

    interval: float = attrs.field(default=60.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    retry_interval: float = attrs.field(default=10.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    timeout: float = attrs.field(default=10.0, metadata={RULE: rules.seconds(0.05, 3600)})
    failures: int = attrs.field(default=3, metadata={RULE: rules.count(1, 1000)})
    successes: int = attrs.field(default=2, metadata={RULE: rules.count(1, 1000)})
    flap_changes: int = attrs.field(default=6, metadata={RULE: flap_count})
    flap_window: float = attrs.field(default=1800.0, metadata={RULE: rules.seconds(1, 604_800)})
