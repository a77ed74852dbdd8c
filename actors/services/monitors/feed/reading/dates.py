"""The many ways to write a time. Standard library only; pure."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_to_datetime

# Names that the RFC parser does not know, though feeds of the countries use them.
_NAMED = {"KST": "+0900", "JST": "+0900", "CET": "+0100", "CEST": "+0200", "BST": "+0100", "MSK": "+0300"}
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?")
_LOOSE = re.compile(
    r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\.?일?(?:[\sT]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?\s*"
    r"(Z|UTC|GMT|KST|JST|[+-]\d{2}:?\d{2})?"
)
_MILLISECONDS = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds they are beyond the year 5000."""
_LONGEST = 100
"""Characters of a time; more is none."""


def instant(value: object, zone: dt.tzinfo) -> float | None:
    """*value* as seconds since 1970; None where it is no time that can be understood.

    Args:
        value: Text, or a number of seconds or milliseconds since 1970.
        zone: Of text that names none.
    """
    try:
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            return _of_number(float(value))
        if isinstance(value, str) and len(value) <= _LONGEST:
            found = _of_text(value.strip(), zone)
            return None if found is None else found.timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _of_number(value: float) -> float | None:
    seconds = value / 1000 if abs(value) >= _MILLISECONDS else value
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).timestamp()  # noqa: UP017 - refuses what is no date


def _of_text(text: str, zone: dt.tzinfo) -> dt.datetime | None:
    if re.fullmatch(r"\d{9,10}|\d{13}", text):
        return dt.datetime.fromtimestamp(_of_number(float(text)) or 0.0, dt.timezone.utc)  # noqa: UP017
    compact, loose = _COMPACT.fullmatch(text), _LOOSE.fullmatch(text)
    if compact:
        return _made(compact.groups(), None, zone)
    if loose:
        return _made(loose.groups()[:6], loose[7], zone)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = _of_mail(text)
    if found is None:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _of_mail(text: str) -> dt.datetime | None:
    """As RFC 822 and its successors have it, with the names of more zones."""
    head, _, last = text.rpartition(" ")
    named = _NAMED.get(last.upper())
    try:
        return parsedate_to_datetime(f"{head} {named}" if named else text)
    except (ValueError, IndexError, TypeError):
        return None


def _made(parts: tuple[str | None, ...], offset: str | None, zone: dt.tzinfo) -> dt.datetime:
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    naive = dt.datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - its zone follows
    if offset is None:
        return naive.replace(tzinfo=zone)
    text = _NAMED.get(offset, offset.replace(":", ""))
    if text in ("Z", "UTC", "GMT"):
        return naive.replace(tzinfo=dt.timezone.utc)  # noqa: UP017
    sign = -1 if text[0] == "-" else 1
    shift = dt.timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return naive.replace(tzinfo=dt.timezone(sign * shift))
