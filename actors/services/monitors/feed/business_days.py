"""On which days a country works, or an exchange trades."""

import datetime as dt
from collections.abc import Callable, Collection

from actors.services.monitors.feed.expectation import every_day


def days_of(days: str, country: str | None, closed: Collection[str]) -> Callable[[dt.date], bool]:
    """Whether there is news on a date. Blocks for a moment at the first country asked for: it reads a calendar.

    Args:
        days: `daily`, or `business`: no weekend, no holiday (of the state or the banks), no substitute for one.
        country: A country (`KR`) or an exchange (`XKRX`); for `business`.
        closed: Further dates without news, as `2026-06-03` or, in each year, `12-31`.
    """
    works = every_day if days == "daily" or country is None else _working_days(country)
    shut = frozenset(closed)
    if not shut:
        return works

    def publishes(date: dt.date) -> bool:
        return date.isoformat() not in shut and f"{date:%m-%d}" not in shut and works(date)

    return publishes


def _working_days(code: str) -> Callable[[dt.date], bool]:
    import holidays  # here: it costs a tenth of a second, and most systems have no such feed

    if code not in holidays.list_supported_countries():
        return holidays.financial_holidays(code).is_working_day
    categories = holidays.country_holidays(code).supported_categories
    closing = tuple(category for category in ("public", "bank") if category in categories)
    return holidays.country_holidays(code, categories=closing).is_working_day
