"""News: what is told of it, and what is known of each source."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from actors.services.monitors.feed.expectation import Status


@attrs.frozen(kw_only=True)
class NewsPublished:
    """There is a new item. Published once for each, whatever restarts in between."""

    service_id: str
    source: str
    number: int
    """Of the item in the store; rising."""
    title: str
    url: str
    """An absolute address of http or https; empty for none."""
    published_at: datetime | None
    """UTC, as its feed says; None where it says nothing."""
    seen_at: datetime
    """UTC."""


@attrs.frozen(kw_only=True)
class NewsSummed:
    """There are more new items than are told one by one; these are told here."""

    service_id: str
    source: str
    count: int
    titles: tuple[str, ...]
    """Of the newest of them."""
    url: str
    """Of the newest of them."""
    seen_at: datetime


@attrs.frozen(kw_only=True)
class SourceView:
    """What is known of one source of news at one moment."""

    service_id: str
    source: str
    status: Status = Status.UNKNOWN
    last_update: datetime | None = None
    """When its newest item was published (UTC), or first seen where that says nothing."""
    title: str = ""
    """Of that item."""
    url: str = ""
    expected_time: datetime | None = None
    """When it is, or was, expected: the slot that is missing, else the next one (UTC). None for no expectation."""
    delay: float = 0.0
    """Seconds by which it is late, or by which what came last was."""
    checked_at: datetime | None = None
    """When it was fetched last without an error (UTC)."""
    error: str | None = None
    """English: why it cannot be fetched; None while it can."""


@attrs.frozen
class SourceChanged:
    """A source has another status, or newer news. Published with the change, never without one."""

    old: SourceView
    new: SourceView


NewsBoard = Mapping[str, SourceView]
"""The sources of one feed by name, in the order of its settings."""

NewsEvent = NewsPublished | NewsSummed | SourceChanged
