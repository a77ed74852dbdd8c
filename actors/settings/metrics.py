"""How the machine is sampled."""

import math

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, SettingProblem

HISTORY_SAMPLES = 20_000  # bound of the history in memory: about 10 MB, or an hour at five samples a second


@attrs.frozen(kw_only=True)
class MetricsSettings:
    """How often the machine is sampled (seconds), and for how long samples are kept one by one (seconds)."""

    interval: float = attrs.field(default=2.0, metadata={RULE: rules.seconds(0.1, 3600)})
    history_seconds: float = attrs.field(default=3600.0, metadata={RULE: rules.seconds(1)})

    @property
    def samples(self) -> int:
        """How many are kept, in memory and on the disk."""
        return max(1, math.ceil(round(self.history_seconds / self.interval, 6)))

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        longest = self.interval * HISTORY_SAMPLES
        if self.history_seconds <= longest:
            return []
        expected = f"seconds of {rules.plain(longest)} or less ({HISTORY_SAMPLES:,} samples)"
        return [SettingProblem(("history_seconds",), self.history_seconds, expected, "lower it or raise interval")]
