"""A feed's desk with a real store and a real server, and documents to serve."""

import datetime as dt
import json
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import cast

import attrs
import msgspec
import trio

from actors.alerts.messages import AlertCleared, AlertRaised
from actors.runtime import Bus
from actors.services.look import Look
from actors.services.monitors.feed import table
from actors.services.monitors.feed.desk import Desk, FeedMemory, Surface
from actors.services.monitors.feed.messages import NewsPublished, NewsSummed, SourceChanged, SourceView
from actors.services.monitors.feed.reading import client
from actors.services.monitors.feed.reading.client import Document, Question, UnreadableDocument
from actors.services.monitors.feed.reading.document import Unreadable, read
from actors.services.monitors.feed.reading.wire import Request
from actors.settings import FeedOptions, ServiceSettings
from actors.store import Store, open_store
from actors.webhooks.messages import MIGRATIONS as OUTBOX
from tests.actors.services.monitors.web import Asked, answer


def document(*items: str | Mapping[str, object]) -> str:
    """A JSON feed of *items*: titles, which are their ids as well, or whole items."""
    whole = [{"id": one, "title": one, "url": f"https://n/{one}"} if isinstance(one, str) else one for one in items]
    return json.dumps({"items": whole}, ensure_ascii=False)


async def read_here(question: Question, body: bytes, *, limiter: trio.CapacityLimiter) -> Document:
    """What the reading process does, without a process: that costs half a second each time, and has its own tests."""
    del limiter
    await trio.lowlevel.checkpoint()
    request = {
        "format": question.format,
        "content_type": question.content_type,
        "paths": dict(question.paths),
        "patterns": list(question.patterns),
        "zones": [client.zone_text(zone) for zone in question.zones],
        "base": question.base,
    }
    try:
        found = read(cast("Request", request), body)
    except Unreadable as error:
        raise UnreadableDocument(str(error)) from error
    return msgspec.convert(found, Document)


def item(title: str, published: dt.datetime) -> dict[str, object]:
    """An item with a time."""
    return {"id": title, "title": title, "url": "", "date_published": published.isoformat()}


@attrs.define(eq=False)
class Served:
    """A document that is served with an ETag, and answered with 304 to whoever has it."""

    text: str = attrs.field(factory=document)
    full: int = 0
    """How often it was sent whole."""

    def reply(self, asked: Asked) -> bytes:
        etag = f'"{hash(self.text)}"'
        if asked.headers.get("if-none-match") == etag:
            return answer(status="304 Not Modified", etag=etag)
        self.full += 1
        return answer(self.text, content_type="application/json", etag=etag)


@attrs.define(eq=False)
class Newsroom:
    """One desk, and everything it tells."""

    store: Store
    bus: Bus
    memory: FeedMemory = attrs.field(factory=FeedMemory)
    told: list[object] = attrs.field(factory=list[object])
    desk: Desk | None = None
    options: FeedOptions | None = None
    wall: Callable[[], float] = time.time

    def configure(self, options: FeedOptions, service: str = "news") -> None:
        """A new desk, as after a reload or a crash of the actor."""
        self.options = options
        settings = ServiceSettings(id=service, kind="feed", name="뉴스", monitor=options)
        surface = Surface(
            store=self.store,
            bus=self.bus,
            zone=dt.UTC,
            random=Random(1),  # noqa: S311 - no secret
            wall=lambda: self.wall(),
        )
        self.desk = Desk(settings, options, self.memory, surface)

    async def look(self, *, everything: bool = True) -> Look:
        """One look, and what was told by it is in `told`."""
        assert self.desk is not None
        events = self.bus.subscribe(NewsPublished, NewsSummed, SourceChanged, AlertRaised, AlertCleared, capacity=1000)
        with events, trio.fail_after(60):
            look = await self.desk.look(everything=everything)
            queued = events.statistics().queued
            self.told = list(await events.receive_batch()) if queued else []
        return look

    @property
    def titles(self) -> list[str]:
        """Of the items that the last look told one by one."""
        return [event.title for event in self.told if isinstance(event, NewsPublished)]

    def alerts(self) -> Sequence[AlertRaised | AlertCleared]:
        """That the last look told."""
        return [event for event in self.told if isinstance(event, AlertRaised | AlertCleared)]

    def view(self, source: str = "news") -> SourceView:
        return self.memory.board.value[source]

    async def outbox(self) -> list[str]:
        """The texts in it, in their order."""

        def texts(connection: sqlite3.Connection) -> list[str]:
            return [cast("str", row[0]) for row in connection.execute("SELECT message FROM webhooks ORDER BY number")]

        return await self.store.read(texts)


@asynccontextmanager
async def a_newsroom(directory: Path, options: FeedOptions | None = None) -> AsyncGenerator[Newsroom, None]:
    bus = Bus()
    async with open_store(directory / "hamster.db", bus, (OUTBOX, table.MIGRATIONS)) as store:
        room = Newsroom(store, bus)
        if options is not None:
            room.configure(options)
        yield room
