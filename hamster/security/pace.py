"""How often somebody may come: GCRA, a leaky bucket that is one number for each of them.

The number is the theoretical arrival time: when the bucket will be empty again. A request pours in one interval; it
conforms if the bucket was not fuller than the burst before it. Nothing runs in between, and none is counted that is
refused: whoever waits as long as told gets through.
"""

import attrs


@attrs.frozen
class Rate:
    """*per_second* sustained, and *burst* at once after a pause."""

    per_second: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds between two at the sustained rate."""
        return 1.0 / self.per_second


def conform(rate: Rate, arrival: float | None, now: float) -> tuple[float, float]:
    """Whether one may come at *now*.

    Args:
        rate: How often.
        arrival: What this returned for the one before; None: there was none.
        now: Seconds on a clock that does not go back.

    Returns:
        The next *arrival*, and the seconds to wait: 0.0, it may come; else it may not, and nothing changed.
    """
    interval = rate.interval
    due = now if arrival is None or arrival < now else arrival
    wait = due - (rate.burst - 1) * interval - now
    # Sums of floats are off by some 1e-16 of their size: who waited as told must not be short of that.
    if wait > 1e-9 + abs(now) * 1e-12:
        return due, wait
    return due + interval, 0.0


MOST = 10_000
"""Callers that are remembered. One takes about 200 bytes."""


class Pace:
    """A rate for each of many callers, by any name.

    Of *most* that are remembered those are forgotten first whose bucket is empty: they are as good as new. When none
    is, the one that came first goes, so that a flood of addresses costs bounded memory.
    """

    def __init__(self, rate: Rate, *, most: int = MOST) -> None:
        self._rate = rate
        self._most = most
        self._arrivals: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._arrivals)

    def take(self, name: str, now: float) -> float:
        """Seconds that *name* has to wait, 0.0 if it need not, which counts as one."""
        known = self._arrivals.get(name)
        arrival, wait = conform(self._rate, known, now)
        if not wait:
            if known is None and len(self._arrivals) >= self._most:
                self._forget(now)
            self._arrivals[name] = arrival
        return wait

    def wait(self, name: str, now: float) -> float:
        """Seconds that *name* would have to wait; counts nothing."""
        return conform(self._rate, self._arrivals.get(name), now)[1]

    def give_back(self, name: str) -> None:
        """Take one that was counted as not having been."""
        known = self._arrivals.get(name)
        if known is not None:
            self._arrivals[name] = known - self._rate.interval

    def _forget(self, now: float) -> None:
        self._arrivals = {name: arrival for name, arrival in self._arrivals.items() if arrival > now}
        while len(self._arrivals) >= self._most:
            del self._arrivals[next(iter(self._arrivals))]
