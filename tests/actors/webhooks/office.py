"""A store and an outbox under a supervisor, for the impatient."""

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import attrs
import trio

from actors.runtime import Backoff, Bus, Cell, Subscription, Supervisor, open_supervisor
from actors.store import Store, open_store
from actors.webhooks.messages import (
    MIGRATIONS,
    Notice,
    NoticeFailed,
    NoticesAdded,
    NoticeSent,
    WebhookType,
    put_notice,
)
from actors.webhooks.outbox import Outbox, open_outbox
from actors.webhooks.rules import RetryPolicy
from tests.actors.webhooks.receiver import PATIENCE

QUICK = RetryPolicy(attempts=4, deadline=10.0, backoff=Backoff(initial=0.02, maximum=0.1, factor=2.0, at_once=0))
"""Like the defaults, only for the impatient."""


@attrs.frozen
class Post:
    """What a test has in its hands."""

    store: Store
    bus: Bus
    sending: Cell[bool]
    supervisor: Supervisor
    outbox: Outbox
    told: Subscription[NoticeSent | NoticeFailed]

    async def put(self, *texts: str, url: str, webhook_type: WebhookType = "generic", announced: bool = True) -> None:
        """Put a notice of each text into the outbox; the key is the text."""

        def transaction(connection: sqlite3.Connection) -> None:
            for text in texts:
                put_notice(connection, Notice(text, url, webhook_type, message=text))

        await self.store.write(transaction)
        if announced:
            self.bus.publish(NoticesAdded())

    async def sent(self) -> NoticeSent:
        """The next that was sent."""
        with trio.fail_after(PATIENCE):
            while True:
                event = await self.told.receive()
                if isinstance(event, NoticeSent):
                    return event

    async def failed(self) -> NoticeFailed:
        """The next attempt that failed."""
        with trio.fail_after(PATIENCE):
            while True:
                event = await self.told.receive()
                if isinstance(event, NoticeFailed):
                    return event

    async def row(self, key: str) -> dict[str, object]:
        """A notice as the store has it."""

        def query(connection: sqlite3.Connection) -> dict[str, object]:
            cursor = connection.execute("SELECT * FROM webhooks WHERE key = ?", (key,))
            return dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True))

        return await self.store.read(query)


@asynccontextmanager
async def a_post(directory: Path, *, policy: RetryPolicy = QUICK, sending: bool = True) -> AsyncGenerator[Post, None]:
    """An outbox that works, with what it needs."""
    bus, switch, random = Bus(), Cell(sending), Random(2024)  # noqa: S311 - no secret
    async with (
        open_store(directory / "hamster.db", bus, (MIGRATIONS,)) as store,
        open_supervisor("webhooks", bus=bus, random=random) as supervisor,
    ):
        outbox = Outbox(store, bus, switch, random, supervisor, policy, private=True)
        with bus.subscribe(NoticeSent, NoticeFailed) as told:
            await open_outbox(outbox)
            yield Post(store, bus, switch, supervisor, outbox, told)
