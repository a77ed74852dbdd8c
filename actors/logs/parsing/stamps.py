"""Timestamps as logs have them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache

_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MONTHS = {name: number for number, name in enumerate(_MONTH.split("|"), 1)}

STAMP = (
    r"(?:(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,20})?)?"
    r"(?: ?(?:Z\b|UTC\b|GMT\b|KST\b|[+-]\d\d:?\d\d)|[+-]\d\d(?![\d:]))?)"
    r"|(?P<slash>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:[.,]\d{1,20})?)"
    r"|(?P<clf>\d{1,2}/(?:" + _MONTH + r")/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})"
    r"|(?P<ctime>(?:[A-Z][a-z]{2} )?(?:" + _MONTH + r") [ \d]?\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \d{4})"
    r"|(?P<syslog>(?:" + _MONTH + r") [ \d]?\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)"
    r"|(?P<epoch>[12]\d{9}(?:\d{3}|\d{6}|\d{9}|\.\d{1,20})?)(?![\d.]))"
)
"""Of a regular expression: a timestamp, in a group of the name of its kind."""

_BEFORE_OFFSET = re.compile(r" (Z|[+-])")
_PARTS = re.compile(r"[/: ]+")


@cache
def _stamp() -> re.Pattern[str]:
    """Compiled when it is first needed: it takes a moment, which a start need not wait for."""
    return re.compile(STAMP)


def stamp_of(text: str, zone: tzinfo | None, now: datetime) -> datetime | None:
    """The time that *text* is, whole; None: it is none, or there is no such day or hour.

    Args:
        text: In any of the kinds of `STAMP`.
        zone: Of what says none; None is the machine's.
        now: For what says no year: it is the latest that is not in the future, a day's grace aside.
    """
    found = _stamp().fullmatch(text.strip())
    return None if found is None else instant_of(found.lastgroup or "", found[0], zone, now)


def instant_of(kind: str, text: str, zone: tzinfo | None, now: datetime) -> datetime | None:
    """The same, when the kind is known."""
    try:
        match kind:
            case "iso":
                found = datetime.fromisoformat(
                    text if text[-1].isdigit() and " " not in text[11:] else _plain_iso(text)
                )
            case "slash":
                found = datetime.fromisoformat(text.replace("/", "-"))
            case "clf":
                day, month, year, hour, minute, second, offset = _PARTS.split(text)
                found = datetime.fromisoformat(
                    f"{year}-{_MONTHS[month]:02}-{int(day):02}T{hour}:{minute}:{second}{offset}"
                )
            case "ctime":
                found = _ctime(text)
            case "syslog":
                return _without_year(text, zone, now)
            case "epoch":
                whole = len(text.partition(".")[0])  # seconds have 10 digits, nanoseconds 19
                return datetime.fromtimestamp(float(text) / 10 ** (whole - 10), UTC)
            case _:
                return None
        return _zoned(found, zone)
    except (ValueError, OverflowError, OSError):
        return None


def _zoned(found: datetime, zone: tzinfo | None) -> datetime:
    if found.tzinfo is not None:
        return found
    return found.astimezone() if zone is None else found.replace(tzinfo=zone)


def _plain_iso(text: str) -> str:
    for name, offset in (("UTC", "Z"), ("GMT", "Z"), ("KST", "+09:00")):
        text = text.replace(name, offset)
    return _BEFORE_OFFSET.sub(r"\1", text)


def _ctime(text: str) -> datetime:
    month, day, clock, year = text.split()[-4:]
    return datetime.fromisoformat(f"{year}-{_MONTHS[month]:02}-{int(day):02}T{clock}")


def _without_year(text: str, zone: tzinfo | None, now: datetime) -> datetime | None:
    month, day, clock = text.split()
    return latest(_MONTHS[month], int(day), clock, zone, now)


def latest(month: int, day: int, clock: str, zone: tzinfo | None, now: datetime) -> datetime | None:
    """The latest day and hour of that name that is not in the future, a day's grace aside; None: there is none."""
    year = now.astimezone(zone).year
    for candidate in (year + 1, year, year - 1, year - 2, year - 3, year - 4):  # the 29th of February is rare
        try:
            found = datetime.fromisoformat(f"{candidate}-{month:02}-{day:02}T{clock}")
        except ValueError:
            continue
        at = _zoned(found, zone)
        if at <= now + timedelta(days=1):
            return at
    return None
