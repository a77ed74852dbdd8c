"""How long to wait before trying again."""

from random import Random

import attrs

from actors.runtime.errors import InvalidSpec


@attrs.frozen
class Backoff:
    """Exponential backoff with full jitter. All in seconds.

    The n-th delay is drawn evenly between 0 and `min(maximum, initial * factor ** n)`, so that many that failed
    together do not come back together.

    Args:
        initial: The upper end of the first delay, 0 or more.
        maximum: The upper end of any delay.
        factor: By how much the upper end grows, 1 or more.
        at_once: How many first tries wait not at all.
        reset_after: Of undisturbed running, after which the count starts again.
    """

    initial: float = 0.05
    maximum: float = 30.0
    factor: float = 2.0
    at_once: int = 1
    reset_after: float = 30.0

    def __attrs_post_init__(self) -> None:
        if not self.initial >= 0:
            raise InvalidSpec("backoff.initial", self.initial, "seconds of 0 or more")
        if not self.maximum >= self.initial:
            raise InvalidSpec("backoff.maximum", self.maximum, f"seconds of {self.initial:g} (initial) or more")
        if not self.factor >= 1:
            raise InvalidSpec("backoff.factor", self.factor, "1 or more")
        if self.at_once < 0:
            raise InvalidSpec("backoff.at_once", self.at_once, "0 or more")
        if not self.reset_after >= 0:
            raise InvalidSpec("backoff.reset_after", self.reset_after, "seconds of 0 or more")

    def ceiling(self, attempt: int) -> float:
        """The longest delay before try *attempt*, counted from 0."""
        if attempt < self.at_once:
            return 0.0
        try:
            grown = self.initial * self.factor ** (attempt - self.at_once)
        except OverflowError:
            return self.maximum
        return min(self.maximum, grown)

    def delay(self, attempt: int, random: Random) -> float:
        """Seconds to wait before try *attempt*, counted from 0."""
        return random.random() * self.ceiling(attempt)
