"""What the bus is told of items that are remembered as new."""

import datetime as dt
from collections.abc import Sequence

from actors.services.monitors.feed.messages import NewsPublished, NewsSummed
from actors.services.monitors.feed.notices import TITLES
from actors.services.monitors.feed.table import NewsRow, Told


def events_of(service: str, rows: Sequence[NewsRow]) -> list[NewsPublished | NewsSummed]:
    """One event for each item that is told alone, and before them one for the rest of each source.

    Args:
        service: The feed.
        rows: In the order of their numbers.
    """
    summed: dict[str, list[NewsRow]] = {}
    for row in rows:
        if row.told is Told.SUMMED:
            summed.setdefault(row.source, []).append(row)
    sums = [_summed(service, source, own) for source, own in summed.items()]
    return [*sums, *(_published(service, row) for row in rows if row.told is Told.ALONE)]


def _published(service: str, row: NewsRow) -> NewsPublished:
    return NewsPublished(
        service_id=service,
        source=row.source,
        number=row.number,
        title=row.title,
        url=row.url,
        published_at=None if row.published is None else instant(row.published),
        seen_at=instant(row.seen_at),
    )


def _summed(service: str, source: str, rows: Sequence[NewsRow]) -> NewsSummed:
    titles = tuple(row.title for row in reversed(rows) if row.title)[:TITLES]
    return NewsSummed(
        service_id=service,
        source=source,
        count=len(rows),
        titles=titles,
        url=rows[-1].url,
        seen_at=instant(rows[-1].seen_at),
    )


def instant(seconds: float) -> dt.datetime:
    """Seconds since 1970 as a time (UTC)."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
