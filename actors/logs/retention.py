"""For how long logs are kept: the policy, and its being applied when its time comes."""

import logging
import sqlite3
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import cast

import attrs
import msgspec
import trio
from cronsim import CronSim

from actors.logs.files.cleaning import Cleaned, clean
from actors.logs.logs import Logs
from actors.runtime import Actor
from actors.setting_tables import read_table
from actors.settings import RetentionOptions
from actors.store import Migrations, Store, StoreError

log = logging.getLogger("actors.logs")

MIGRATIONS = Migrations(
    "log_retention",
    ("CREATE TABLE log_retention (only INTEGER PRIMARY KEY CHECK (only = 1), policy TEXT NOT NULL)",),
)

CHECK_SECONDS = 60.0
"""Between two looks at the clock on the wall, which may be set."""


class RetentionOwned(Exception):
    """The policy is the configuration file's."""

    def __init__(self) -> None:
        super().__init__("the retention of logs is set in the configuration file, [logs.retention]; change it there")


class Retention:
    """The policy, which is the file's or the API's, and what applies it."""

    def __init__(self, logs: Logs, store: Store, configured: RetentionOptions | None, zone: tzinfo | None) -> None:
        self._logs = logs
        self._store = store
        self._zone = zone
        self._configured = configured
        self._own: RetentionOptions | None = None
        self._cleaning = trio.Lock()

    @property
    def policy(self) -> RetentionOptions:
        """What holds."""
        return self.would_be(self._own)

    @property
    def is_configured(self) -> bool:
        """Whether the file owns it."""
        return self._configured is not None

    @property
    def own(self) -> RetentionOptions | None:
        """What was set over the API; None: nothing was."""
        return self._own

    def would_be(self, own: RetentionOptions | None) -> RetentionOptions:
        """What would hold if *own* were set."""
        return self._configured or own or RetentionOptions()

    async def load(self) -> None:
        """Know what was set over the API; a store that cannot say leaves the default."""
        try:
            kept = await self._store.read(_read)
        except StoreError as error:
            log.warning("logs.retention_not_read error=%s next=use_the_default", error)
            return
        if kept is not None:
            self._own = kept

    async def set(self, policy: RetentionOptions) -> None:
        """Have *policy* from now on, over restarts.

        Raises:
            RetentionOwned: The file says it.
            StoreError: It cannot be kept; the one before holds.
        """
        if self._configured is not None:
            raise RetentionOwned
        await self.put(policy)

    async def put(self, policy: RetentionOptions | None) -> None:
        """Keep *policy* as what was set over the API, whoever's it is; None: nothing was.

        Raises:
            StoreError: It cannot be kept; the one before holds.
        """
        text = None if policy is None else msgspec.json.encode(attrs.asdict(policy)).decode()
        await self._store.write(lambda connection: _write(connection, text))
        self._own = policy

    def configure(self, configured: RetentionOptions | None) -> None:
        """Have what the file says now; None: it says nothing any more."""
        self._configured = configured

    async def clean(self, *, dry_run: bool = False) -> Cleaned:
        """Apply the policy now, or say what that would do."""
        async with self._cleaning:
            catalogue, policy, parser_of = self._logs.catalogue, self.policy, self._logs.parser_of
            cleaned = await trio.to_thread.run_sync(
                lambda: clean(catalogue, policy, parser_of, dry_run=dry_run, between=trio.from_thread.check_cancelled),
                limiter=self._logs.threads.limiter,
            )
            for name in cleaned.thinned:
                self._logs.rewritten(name)
            return cleaned

    def next_cleanup(self, now: datetime) -> datetime:
        """When it is applied next, after *now*."""
        return next(CronSim(self.policy.cleanup_schedule, now.astimezone(self._zone)))


class CleanerActor(Actor):
    """Applies the policy when its schedule says."""

    def __init__(self, retention: Retention, zone: tzinfo | None) -> None:
        self._retention = retention
        self._zone = zone

    async def on_start(self) -> None:
        self.context.start_soon(self._work)

    async def _work(self) -> None:
        looked = datetime.now(self._zone).astimezone(self._zone)
        while True:
            await trio.sleep(CHECK_SECONDS)
            now = datetime.now(self._zone).astimezone(self._zone)
            due = self._retention.policy.auto_cleanup and self._retention.next_cleanup(min(looked, now)) <= now
            looked = now
            if due:
                await self._retention.clean()


def _read(connection: sqlite3.Connection) -> RetentionOptions | None:
    row = connection.execute("SELECT policy FROM log_retention").fetchone()
    if row is None:
        return None
    table = msgspec.json.decode(cast("str", row[0]), type=dict[str, object])
    policy, problems = read_table(RetentionOptions, cast("Mapping[str, object]", table), "the retention of logs")
    for problem in problems:
        log.warning("logs.retention_unusable problem=%s next=use_the_default", problem)
    return policy


def _write(connection: sqlite3.Connection, text: str | None) -> None:
    if text is None:
        connection.execute("DELETE FROM log_retention")
    else:
        connection.execute("INSERT OR REPLACE INTO log_retention VALUES (1, ?)", (text,))
