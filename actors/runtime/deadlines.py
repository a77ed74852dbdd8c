"""Deadlines of asks, thousands a second, without a cancel scope for each."""

from typing import Any

from actors.runtime.reply import NoAnswer, ReplySlot

MAX_TIMEOUTS = 16
"""Different timeouts that are kept; an ask with yet another one takes a cancel scope, which costs 8 us."""


class Deadlines:
    """Slots that wait for an answer, in the order of their deadlines.

    Asks of one timeout have their deadlines in the order in which they were sent, so for each timeout an ordered
    dictionary does: adding, removing and finding the first are all O(1).
    """

    def __init__(self) -> None:
        self._by_timeout: dict[float, dict[ReplySlot[Any], float]] = {}

    def line(self, timeout: float) -> dict[ReplySlot[Any], float] | None:
        """Where slots with *timeout* (seconds) line up; None if there are too many different ones already."""
        line = self._by_timeout.get(timeout)
        if line is None and len(self._by_timeout) < MAX_TIMEOUTS:
            line = self._by_timeout[timeout] = {}
        return line

    def next(self) -> float:
        """When the first deadline is; `inf` without any."""
        return min((next(iter(line.values())) for line in self._by_timeout.values() if line), default=float("inf"))

    def expire(self, now: float) -> None:
        """End the wait of every slot whose deadline has come."""
        for line in self._by_timeout.values():
            while line:
                slot, deadline = next(iter(line.items()))
                if deadline > now:
                    break
                del line[slot]
                slot.error(NoAnswer())
