"""What feeds remember: which items were seen, what each source is like, and what to ask servers with.

Everything that one look finds is one transaction: the items, what is sent of them, and the validators, so that whatever
ends us in between, an item is either unseen or both seen and on its way. Instants are seconds since 1970 (UTC).
"""

import enum
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import attrs

from actors.services.monitors.feed.fetch import Validators
from actors.services.monitors.feed.reading.client import NewsItem
from actors.store import Migrations

_TABLES = """
CREATE TABLE feed_sources (
    service TEXT NOT NULL,
    source TEXT NOT NULL,
    identity TEXT NOT NULL,
    watched_since REAL NOT NULL,
    published REAL,
    title TEXT NOT NULL DEFAULT '',
    url TEXT NOT NULL DEFAULT '',
    late_slot REAL,
    delay REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (service, source)
);
CREATE TABLE feed_documents (
    service TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    etag TEXT,
    last_modified TEXT,
    digest TEXT NOT NULL,
    PRIMARY KEY (service, endpoint)
);
CREATE TABLE news (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL,
    source TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    key TEXT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    published REAL,
    seen_at REAL NOT NULL,
    told INTEGER NOT NULL,
    UNIQUE (service, source, endpoint, key)
);
CREATE INDEX news_of_endpoint ON news (service, endpoint, key);
"""

_CLEARED = "ALTER TABLE news ADD COLUMN cleared INTEGER NOT NULL DEFAULT 0"
"""An item that was cleared is not shown any more; it stays, for else it would be news again."""

MIGRATIONS = Migrations("feeds", (_TABLES, _CLEARED))


class Told(enum.IntEnum):
    """How an item is told."""

    NOT = 0
    """It stood there at the first look, or another source of the same document tells it."""
    ALONE = 1
    SUMMED = 2
    """Together with others."""


@attrs.frozen
class SourceRow:
    """What is remembered of one source."""

    source: str
    identity: str
    watched_since: float
    published: float | None = None
    """Of its newest item; when it was first seen where that says nothing."""
    title: str = ""
    url: str = ""
    late_slot: float | None = None
    """The slot that was told to be late, until news for it comes."""
    delay: float = 0.0
    """Of the last news that came late."""


@attrs.frozen
class NewsRow:
    """An item as it is remembered."""

    number: int
    source: str
    key: str
    title: str
    url: str
    published: float | None
    seen_at: float
    told: Told


@attrs.frozen
class DocumentRow:
    """What a document was like when it was read last."""

    validators: Validators
    digest: str
    """Of its bytes."""


@attrs.frozen
class Place:
    """A source within a document that was read."""

    source: str
    identity: str


@attrs.frozen(kw_only=True)
class Batch:
    """One document that was read, and by which rules its items are news."""

    service: str
    endpoint: str
    document: DocumentRow
    places: Sequence[Place]
    """The sources of the document; the items name them by their place here."""
    items: Sequence[NewsItem]
    """In the order of the document."""
    now: float
    announce_first: bool
    announce_max: int
    remember: int


Send = Callable[[sqlite3.Connection, Sequence[NewsRow]], None]
"""Put into the outbox what is to be sent of the items that are told; called within the transaction."""


def take(connection: sqlite3.Connection, batch: Batch, send: Send) -> None:
    """Remember what was read, and have sent what is new of it."""
    before = _known(connection, batch, None)
    told: list[NewsRow] = []
    for number, place in enumerate(batch.places):
        # Of several sources that an item belongs to, the first to whom it is news tells it.
        seen = before | {row.key for row in told}
        told += _take_source(connection, batch, place, number, seen)
    if told:
        send(connection, told)
    put_document(connection, batch.service, batch.endpoint, batch.document)


def _take_source(
    connection: sqlite3.Connection, batch: Batch, place: Place, number: int, seen: set[str]
) -> list[NewsRow]:
    row = source_row(connection, batch.service, place.source)
    first = row is None or row.identity != place.identity
    if row is None or first:
        row = SourceRow(place.source, place.identity, batch.now, late_slot=None if row is None else row.late_slot)
    items = newest_last([item for item in batch.items if number in item.sources], number)
    known = _known(connection, batch, place.source)
    fresh = [item for item in items if item.key not in known]
    quiet = first and not batch.announce_first
    news = [item.key for item in fresh if not quiet and item.key not in seen]
    alone = set(news[max(0, len(news) - batch.announce_max) :])
    told: list[NewsRow] = []
    for item in fresh:
        how = Told.NOT if item.key not in news else Told.ALONE if item.key in alone else Told.SUMMED
        added = _add(connection, batch, place.source, item, item.published[number], how)
        if how is not Told.NOT:
            told.append(added)
        at = added.published
        if at is None and not first:  # at the first look nobody knows for how long it has stood there
            at = batch.now
        if at is not None:
            at = min(at, batch.now)  # a clock ahead of ours must not make it the newest for ever
            if row.published is None or at >= row.published:
                row = attrs.evolve(row, published=at, title=item.title, url=item.link)
    put_source(connection, batch.service, row)
    _forget(connection, batch, place.source, {item.key for item in items})
    return told


def _add(
    connection: sqlite3.Connection, batch: Batch, source: str, item: NewsItem, published: float | None, how: Told
) -> NewsRow:
    cursor = connection.execute(
        "INSERT INTO news (service, source, endpoint, key, title, url, published, seen_at, told)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (batch.service, source, batch.endpoint, item.key, item.title, item.link, published, batch.now, how),
    )
    return NewsRow(cursor.lastrowid or 0, source, item.key, item.title, item.link, published, batch.now, how)


def newest_last(items: Sequence[NewsItem], number: int) -> list[NewsItem]:
    """*items* from the oldest to the newest: by their times where all have one, else as feeds have them, newest first.

    Args:
        items: In the order of their document.
        number: The place of the source whose times count.
    """
    turned = list(reversed(items))
    if any(item.published[number] is None for item in items):
        return turned
    return sorted(turned, key=lambda item: item.published[number] or 0.0)


def _known(connection: sqlite3.Connection, batch: Batch, source: str | None) -> set[str]:
    """The keys of *batch*'s items that a source, or any, has seen in this document before."""
    found: set[str] = set()
    keys = [item.key for item in batch.items]
    for begin in range(0, len(keys), 500):
        part = keys[begin : begin + 500]
        query = f"SELECT key FROM news WHERE service = ? AND endpoint = ? AND key IN ({','.join('?' * len(part))})"  # noqa: S608 - only marks
        values = [batch.service, batch.endpoint, *part]
        if source is not None:
            query, values = f"{query} AND source = ?", [*values, source]
        found |= {row[0] for row in connection.execute(query, values)}
    return found


def _forget(connection: sqlite3.Connection, batch: Batch, source: str, present: set[str]) -> None:
    """Remove the oldest items of *source* beyond what is remembered, but none that its document still holds.

    Those would be news again at the next look.
    """
    rows = connection.execute(
        "SELECT number, endpoint, key FROM news WHERE service = ? AND source = ?"
        " ORDER BY number DESC LIMIT -1 OFFSET ?",
        (batch.service, source, batch.remember),
    ).fetchall()
    gone = [(number,) for number, endpoint, key in rows if endpoint != batch.endpoint or key not in present]
    connection.executemany("DELETE FROM news WHERE number = ?", gone)


def source_row(connection: sqlite3.Connection, service: str, source: str) -> SourceRow | None:
    """What is remembered of one source."""
    return next(iter(_rows(connection, "service = ? AND source = ?", (service, source))), None)


def source_rows(connection: sqlite3.Connection, service: str) -> dict[str, SourceRow]:
    """What is remembered of each source of a feed."""
    return {row.source: row for row in _rows(connection, "service = ?", (service,))}


def _rows(connection: sqlite3.Connection, where: str, values: tuple[str, ...]) -> Iterable[SourceRow]:
    columns = "source, identity, watched_since, published, title, url, late_slot, delay"
    for row in connection.execute(f"SELECT {columns} FROM feed_sources WHERE {where}", values):  # noqa: S608 - ours
        yield SourceRow(*row)


def put_source(connection: sqlite3.Connection, service: str, row: SourceRow) -> None:
    """Remember what a source holds; of one that is known its lateness stays as it is."""
    connection.execute(
        "INSERT INTO feed_sources (service, source, identity, watched_since, published, title, url, late_slot, delay)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (service, source) DO UPDATE SET identity = excluded.identity,"
        " watched_since = excluded.watched_since, published = excluded.published, title = excluded.title,"
        " url = excluded.url",
        (service, *attrs.astuple(row)),
    )


def put_lateness(connection: sqlite3.Connection, service: str, row: SourceRow) -> None:
    """Remember how late a source is, and nothing else of it: this may be written behind what comes after it."""
    connection.execute(
        "UPDATE feed_sources SET late_slot = ?, delay = ? WHERE service = ? AND source = ?",
        (row.late_slot, row.delay, service, row.source),
    )


def remove_source(connection: sqlite3.Connection, service: str, source: str) -> None:
    """Forget what a source is like; its items stay."""
    connection.execute("DELETE FROM feed_sources WHERE service = ? AND source = ?", (service, source))


def put_document(connection: sqlite3.Connection, service: str, endpoint: str, row: DocumentRow) -> None:
    """Remember what a document was like."""
    values = (service, endpoint, row.validators.etag, row.validators.last_modified, row.digest)
    connection.execute("INSERT OR REPLACE INTO feed_documents VALUES (?, ?, ?, ?, ?)", values)


def document_rows(connection: sqlite3.Connection, service: str) -> dict[str, DocumentRow]:
    """What each document of a feed was like, by its endpoint."""
    rows = connection.execute(
        "SELECT endpoint, etag, last_modified, digest FROM feed_documents WHERE service = ?", (service,)
    )
    return {endpoint: DocumentRow(Validators(etag, modified), digest) for endpoint, etag, modified, digest in rows}


def told_after(connection: sqlite3.Connection, service: str, number: int) -> list[NewsRow]:
    """The items of a feed that are told and come after *number*, in their order."""
    rows = connection.execute(
        "SELECT number, source, key, title, url, published, seen_at, told FROM news"
        " WHERE service = ? AND number > ? AND told > 0 ORDER BY number",
        (service, number),
    )
    return [
        NewsRow(number_, source, key, title, url, published, seen_at, Told(told))
        for number_, source, key, title, url, published, seen_at, told in rows
    ]


def last_number(connection: sqlite3.Connection) -> int:
    """The number of the newest item of all feeds, 0 for none; numbers are never used again."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'news'").fetchone()
    return cast("int", row[0]) if row else 0
