"""News as the rest of a program uses them: how each kind of news stands, what came, and having it looked for now."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

import attrs

from actors.services.checking import NotRunning
from actors.services.directory import Services
from actors.services.messages import State
from actors.services.monitors.feed.messages import SourceView
from actors.services.monitors.feed.sources import WHOLE
from actors.settings import FeedOptions
from actors.store import Store

TYPES: tuple[str, ...] = ("exchange-rate", "newyork-market-watch", "kospi-close")
"""The kinds of news that are always shown, whether a feed is configured for them or not."""


@attrs.frozen
class NewsItem:
    """A piece of news that was found."""

    number: int
    service_id: str
    news_type: str
    title: str
    url: str
    published_at: datetime | None
    """UTC; None where its feed says nothing."""
    seen_at: datetime


@attrs.frozen
class Refreshed:
    """What is being looked for."""

    types: tuple[str, ...]
    resting: tuple[str, ...]
    """Kinds whose feeds are stopped, or that no feed is configured for."""


class News:
    """All feeds of a system together."""

    def __init__(self, services: Services, store: Store) -> None:
        self._services = services
        self._store = store

    @property
    def types(self) -> tuple[str, ...]:
        """The kinds of news there are: those that are always shown, then what else is configured."""
        return tuple(dict.fromkeys((*TYPES, *(source for _, source in self._configured()))))

    async def sources(self) -> Sequence[SourceView]:
        """How each kind of news stands; what no feed looks for is `unknown`, with what was known of it last.

        Raises:
            StoreError: The database does not answer.
        """
        known = await self._store.read(_known)
        found: list[SourceView] = []
        for service_id, source in self._configured():
            cell = self._services.news(service_id)
            view = None if cell is None else cell.value.get(source)
            found.append(view or _remembered(SourceView(service_id=service_id, source=source), known))
        shown = {view.source for view in found}
        missing = [SourceView(service_id="", source=name) for name in TYPES if name not in shown]
        order = {name: place for place, name in enumerate(self.types)}
        return sorted((*missing, *found), key=lambda view: order[view.source])

    async def refresh(self, types: Sequence[str] | None, *, force: bool) -> Refreshed:
        """Have the feeds of some kinds of news, of all for None, looked at now; what they find is told as events.

        Raises:
            NotRunning: None of those feeds runs.
        """
        wanted = set(self.types if types is None else types)
        running: dict[str, set[str]] = {}
        for service_id, source in self._configured():
            if source in wanted and self._services.view(service_id).state is State.RUNNING:
                running.setdefault(service_id, set()).add(source)
        if not running:
            feeds = [service_id for service_id, source in self._configured() if source in wanted]
            raise NotRunning(feeds[0] if feeds else next(iter(self._feeds()), "posco_news"))
        for service_id in running:
            await self._services.check(service_id, force=force)
        looked = set[str]().union(*running.values())
        order = self.types
        return Refreshed(
            tuple(name for name in order if name in looked),
            tuple(name for name in order if name in wanted - looked),
        )

    async def history(self, limit: int, offset: int, news_type: str | None) -> tuple[int, Sequence[NewsItem]]:
        """How many items are remembered and not cleared, and a page of them, newest first.

        Raises:
            StoreError: The database does not answer.
        """
        return await self._store.read(lambda connection: _page(connection, limit, offset, news_type))

    async def clear(self, news_type: str | None) -> int:
        """Show the items so far no more; they stay known, so that none of them becomes news again. How many they were.

        Raises:
            StoreError: It cannot be kept. Nothing was changed.
        """
        return await self._store.write(lambda connection: _clear(connection, news_type))

    def _feeds(self) -> Mapping[str, FeedOptions]:
        board = self._services.board.value
        return {
            service_id: view.settings.monitor
            for service_id, view in board.items()
            if isinstance(view.settings.monitor, FeedOptions)
        }

    def _configured(self) -> list[tuple[str, str]]:
        """Each source of each feed that has an address."""
        return [
            (service_id, source)
            for service_id, options in self._feeds().items()
            if options.has_address
            for source in (options.sources or (WHOLE,))
        ]


def _known(connection: sqlite3.Connection) -> Mapping[tuple[str, str], tuple[float | None, str, str]]:
    rows = connection.execute("SELECT service, source, published, title, url FROM feed_sources")
    return {(service, source): (published, title, url) for service, source, published, title, url in rows}


def _remembered(view: SourceView, known: Mapping[tuple[str, str], tuple[float | None, str, str]]) -> SourceView:
    """*view* of a feed that has not looked in this life, with what an earlier one knew."""
    row = known.get((view.service_id, view.source))
    if row is None:
        return view
    published, title, url = row
    return attrs.evolve(view, last_update=None if published is None else _instant(published), title=title, url=url)


_SHOWN = "FROM news WHERE NOT cleared AND (?1 IS NULL OR source = ?1)"


def _page(
    connection: sqlite3.Connection, limit: int, offset: int, news_type: str | None
) -> tuple[int, Sequence[NewsItem]]:
    total = cast("int", connection.execute(f"SELECT count(*) {_SHOWN}", (news_type,)).fetchone()[0])
    rows = connection.execute(
        f"SELECT number, service, source, title, url, published, seen_at {_SHOWN}"
        " ORDER BY number DESC LIMIT ?2 OFFSET ?3",
        (news_type, limit, offset),
    )
    return total, [
        NewsItem(number, service, source, title, url, None if at is None else _instant(at), _instant(seen))
        for number, service, source, title, url, at, seen in rows
    ]


def _clear(connection: sqlite3.Connection, news_type: str | None) -> int:
    return connection.execute(
        "UPDATE news SET cleared = 1 WHERE NOT cleared AND (?1 IS NULL OR source = ?1)", (news_type,)
    ).rowcount


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
