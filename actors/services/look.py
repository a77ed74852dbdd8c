"""What one look at something found."""

from collections.abc import Mapping
from typing import TypeAlias

import attrs

Figures: TypeAlias = Mapping[str, float | str]


@attrs.frozen
class Look:
    """What one look at something found."""

    ok: bool
    """It is as it should be."""
    detail: str
    """What it said or did, in English, on one line."""
    latency: float
    """Seconds that the look took."""
    figures: Figures = attrs.field(factory=dict[str, float | str])
    """What was measured, by name."""
    ours: bool = False
    """We could not look, for want of something of our own: this says nothing about what was to be looked at."""

    @property
    def verdict(self) -> bool | None:
        """Well, not well, or (None) not known."""
        return None if self.ours else self.ok
