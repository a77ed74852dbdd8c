"""Notice when the clock on the wall is set: what waits for a time of day has waited for the wrong moment then."""

SEEN = 5.0
"""Seconds; a smaller step is what keeping the clock right looks like."""
LOOKS = 20.0
"""Seconds between two looks at both clocks."""


class ClockSteps:
    """Compares the clock on the wall with one that only runs on.

    Args:
        wall: Seconds since 1970, now.
        clock: Seconds of a clock that nobody sets, now.
    """

    def __init__(self, wall: float, clock: float) -> None:
        self._ahead = wall - clock

    def step(self, wall: float, clock: float) -> float:
        """The seconds by which the clock on the wall was set since the last call, back if negative; 0.0 if not."""
        step = wall - clock - self._ahead
        if abs(step) < SEEN:
            return 0.0
        self._ahead += step
        return step
