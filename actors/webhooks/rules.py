"""How an attempt went, and what follows from it. Pure."""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from random import Random
from typing import cast

import attrs
import msgspec

from actors.runtime import Backoff

DAY = 86_400.0

REST = Backoff(initial=1.0, maximum=60.0, at_once=0)
"""How long a receiver that cannot be reached is left alone: short, for the next of its notices may be an alert."""

GONE = frozenset({404, 410})
"""An address that answers so is not used again until somebody says so."""

AGAIN = frozenset({408, 429})
"""Beside 5xx: what the same request may be answered otherwise next time."""


@attrs.frozen
class RetryPolicy:
    """How often and for how long a notice is tried. Durations are seconds.

    Args:
        attempts: All of them, the first included.
        within: Of the first attempt: none is made later.
        backoff: Between two; half of each delay is certain, half random.
        disable_after: An address that took nothing for so long is not used any more.
        deadline: For one attempt, from the look-up of the name to the end of the answer.
    """

    attempts: int = 12
    within: float = DAY
    backoff: Backoff = attrs.field(factory=lambda: Backoff(initial=4.0, maximum=4 * 3600.0, factor=4.0, at_once=0))
    deadline: float = 15.0
    disable_after: float = 5 * DAY


@attrs.frozen
class Attempt:
    """How one attempt went."""

    took: float
    """Seconds."""
    status: int | None = None
    """None: there was no answer."""
    error: str | None = None
    """English, without secrets; None: the receiver took it."""
    again: bool = False
    """Whether another attempt may go better."""
    retry_after: float | None = None
    """Seconds that the receiver asked to wait."""
    rest_after: float | None = None
    """Seconds until it takes another, as its rate limit says; None: at once."""
    everywhere: bool = False
    """It asked that of all of its host."""
    excerpt: str = ""
    """The beginning of its answer, without secrets."""

    @property
    def gone(self) -> bool:
        """Whether there is no such receiver any more, and will be none."""
        return self.status in GONE

    @property
    def sent(self) -> bool:
        """The receiver took it."""
        return self.error is None


def answered(
    status: int,
    excerpt: str,
    took: float,
    retry_after: float | None,
    *,
    rest_after: float | None = None,
    everywhere: bool = False,
) -> Attempt:
    """What an answer with *status* means. *excerpt* is of its body, for the error."""
    if 200 <= status < 300:
        return Attempt(took, status, rest_after=rest_after, excerpt=excerpt)
    again = status in AGAIN or status >= 500
    if 300 <= status < 400:
        error = f"answered {status}, a redirect, which is not followed; correct the address"
    else:
        error = f"answered {status}" + (f": {excerpt}" if excerpt else "")
    wait = retry_after if again else None
    return Attempt(took, status, error, again, wait, rest_after, everywhere=everywhere, excerpt=excerpt)


def rest_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until a receiver takes another, if an answer with these *headers* was the last that it takes now.

    By `X-RateLimit-Remaining` and `X-RateLimit-Reset-After`, as Discord sends them. *headers* have lower-case names.
    """
    if headers.get("x-ratelimit-remaining") != "0":
        return None
    try:
        found = float(headers.get("x-ratelimit-reset-after", ""))
    except ValueError:
        return None
    return min(max(found, 0.0), 2 * DAY) if math.isfinite(found) else None


def is_everywhere(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a 429 is meant for all addresses of the host: Discord's `X-RateLimit-Global`, or `global` in its JSON."""
    if headers.get("x-ratelimit-global", "").lower() == "true":
        return True
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(value, dict) and cast("Mapping[str, object]", value).get("global") is True


def retry_after(header: str | None, body: bytes, now: float) -> float | None:
    """Seconds that an answer asks to wait, by its `Retry-After` or by Discord's `retry_after`; None if it does not.

    Args:
        header: Of the answer: seconds, or a date.
        body: Of the answer; JSON or not.
        now: Seconds since 1970.
    """
    found = _seconds(header, now)
    if found is None:
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if isinstance(value, dict):
            wait = cast("Mapping[str, object]", value).get("retry_after")
            found = float(wait) if isinstance(wait, int | float) and not isinstance(wait, bool) else None
    # Nobody waits longer than it is tried at all.
    return min(max(found, 0.0), 2 * DAY) if found is not None and math.isfinite(found) else None


def _seconds(header: str | None, now: float) -> float | None:
    if header is None:
        return None
    try:
        return float(header)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(header).timestamp() - now
    except (ValueError, OverflowError):
        return None


def next_attempt(
    policy: RetryPolicy, attempt: Attempt, *, attempts: int, first_at: float, now: float, random: Random
) -> float | None:
    """When (seconds since 1970) a notice is tried again; None: it is sent, or given up.

    Args:
        policy: Whose limits hold.
        attempt: The latest.
        attempts: How many were made, that one included.
        first_at: When the first was made, seconds since 1970.
        now: Seconds since 1970.
        random: For the jitter.
    """
    if attempt.sent or not attempt.again or attempts >= policy.attempts:
        return None
    delay = (policy.backoff.ceiling(attempts - 1) + policy.backoff.delay(attempts - 1, random)) / 2
    at = now + max(delay, attempt.retry_after or 0.0)
    return at if at <= first_at + policy.within else None


def rest(attempt: Attempt, failures: int, random: Random) -> float:
    """Seconds to leave a receiver alone after *attempt*, which was the *failures*-th failure in a row.

    One that answers decides for itself: only what it asks for. It may refuse one notice and take the next.
    """
    if attempt.status is not None:
        return max(attempt.retry_after or 0.0, attempt.rest_after or 0.0)
    return REST.delay(failures - 1, random) if attempt.again else 0.0
