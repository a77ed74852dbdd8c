"""How the visits to one document went, and when the next is due. Pure: time and chance are arguments."""

import datetime as dt
import math

import attrs

from actors.settings import FeedOptions


@attrs.define(eq=False)
class Visits:
    """What is known of the visits to one document. Times are of Trio's clock unless said otherwise."""

    due_at: float = -math.inf
    """When the next is due, apart from what the calendar asks for."""
    looked_at: float = -math.inf
    """When the last one began, in seconds since 1970: up to there the calendar is satisfied."""
    errors: int = 0
    """In a row."""
    good: int = 0
    """In a row."""
    error: str | None = None
    """Of the last one; None for none."""
    down: bool = False
    """It failed `failures` times in a row, and has not been well `successes` times since."""
    held_until: float = -math.inf
    """The server does not want to be asked before."""
    checked_at: dt.datetime | None = None
    """Of the last one without an error (UTC)."""

    def begin(self, options: FeedOptions, now: float, wall: float) -> None:
        """A visit begins; should it be cut off, the next one is not at once."""
        self.due_at, self.looked_at = now + options.retry_interval, wall

    def fail(self, options: FeedOptions, now: float, error: str, retry_after: float | None, chance: float) -> None:
        """It failed.

        Args:
            options: Of the feed.
            now: When it ended.
            error: Without secrets.
            retry_after: Seconds that the server asked for.
            chance: 0 to 1. Up to a quarter of the wait is left out, so that not all come back at once when a server
                does that many ask.
        """
        self.errors += 1
        self.good = 0
        self.error = error
        self.down = self.down or self.errors >= options.failures
        wait = min(options.retry_max, options.retry_interval * 2.0 ** min(self.errors - 1, 40))
        self.due_at = now + wait * (1.0 - chance / 4.0)
        if retry_after is not None:
            self.held_until = now + retry_after

    def succeed(self, options: FeedOptions, now: float, at: dt.datetime, *, awaited: bool) -> None:
        """It went well.

        Args:
            options: Of the feed.
            now: When it ended.
            at: The same (UTC).
            awaited: Something is due that has not come.
        """
        self.errors, self.error = 0, None
        self.good += 1
        self.down = self.down and self.good < options.successes
        self.checked_at = at
        self.due_at = now + (min(options.due_interval, options.interval) if awaited else options.interval)

    def next_at(self, calendar_at: float) -> float:
        """When the next is due, where the calendar asks for one at *calendar_at*."""
        due = self.due_at if self.errors else min(self.due_at, calendar_at)
        return max(due, self.held_until)
