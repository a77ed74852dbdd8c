"""What must outlive the process: one SQLite file, one writer, a few readers."""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import attrs
import trio

from actors.runtime import Bus
from actors.runtime.groups import unwrapping

T = TypeVar("T")

log = logging.getLogger("actors.store")

READERS = 2
"""Threads that read at the same time: a long look at a year of history must not hold up everybody else's."""
WRITE_SECONDS = 10.0
"""How long a write may wait for its turn and be carried out before its outcome is called unknown."""
READ_SECONDS = 30.0
LATER = 10_000
"""Writes that may wait without anybody waiting for them; the oldest makes room, and is counted."""
BATCH = 500
"""Of those, how many are committed together."""
RETRY_SECONDS = 5.0
"""After a failed commit of such a batch."""
BALLAST_BYTES = 1024 * 1024
"""A file beside the database that is removed to make room on a full disk: after SQLITE_FULL even DELETE fails."""

Transaction = Callable[[sqlite3.Connection], T]


class StoreError(Exception):
    """The store did not do what it was asked."""


class StoreUnavailable(StoreError):
    """The store is closed, or its file cannot be read or written. Nothing was changed."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the database {path} is not available: {why}; nothing was changed; see the disk and its rights"
        )
        self.path = path
        self.why = why


class StoreFull(StoreError):
    """The disk is full. Nothing was changed."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the disk that holds {path} is full; nothing was changed; make room")
        self.path = path


class OutcomeUnknown(StoreError):
    """The write may still be carried out, or was: do not repeat it without a key that makes repeating harmless."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"a write to {path} did not end within {WRITE_SECONDS:g} s; it may still be carried out")
        self.path = path


class NewerSchema(StoreError):
    """The file was written by a later version of us."""

    def __init__(self, path: Path, domain: str, found: int, known: int) -> None:
        super().__init__(
            f"{path} has version {found} of {domain!r}, written by a later WatchHamster; this one knows {known}; "
            "install the later one, or name another data directory"
        )
        self.path = path
        self.domain = domain
        self.found = found
        self.known = known


@attrs.frozen
class Migrations:
    """The tables of one domain: each script leads from one version to the next, and is never changed again."""

    domain: str
    scripts: tuple[str, ...]


@attrs.frozen
class StoreFailed:
    """What was to be kept could not be; it is tried again, and as long as that lasts what is new may be lost."""

    why: str
    waiting: int
    """Writes that wait for the store to work again."""
    dropped: int
    """Writes that were given up since the start."""


@attrs.frozen
class StoreRecovered:
    """The store takes writes again."""

    dropped: int


class Store:
    """An open database. Made by `open_store`.

    Transactions are functions that are called with a connection, in a worker thread, with everything they do
    committed together or not at all. They must not keep the connection.
    """

    def __init__(self, path: Path, bus: Bus) -> None:
        self.path = path
        self._bus = bus
        self._writer = trio.CapacityLimiter(1)
        self._readers = trio.CapacityLimiter(READERS)
        self._write_connection: sqlite3.Connection | None = None
        self._read_connections: list[sqlite3.Connection] = []
        self._closed = False
        self._later: deque[Transaction[object]] = deque()
        self._more = trio.Event()
        self._dropped = 0
        self._failing = False

    @property
    def dropped(self) -> int:
        """Writes of `write_later` that were given up since the start."""
        return self._dropped

    async def write(self, transaction: Transaction[T]) -> T:
        """Carry *transaction* out and return what it returns, once it is on the disk.

        Raises:
            StoreFull: No room. Nothing was changed.
            StoreUnavailable: Closed or broken. Nothing was changed.
            OutcomeUnknown: It did not end in time.
        """
        with trio.move_on_after(WRITE_SECONDS):
            return await trio.to_thread.run_sync(
                self._in_transaction, transaction, abandon_on_cancel=True, limiter=self._writer
            )
        raise OutcomeUnknown(self.path)

    async def read(self, query: Transaction[T]) -> T:
        """What *query* returns; it sees everything that was committed before. Cancelled, it ends within moments.

        Raises:
            StoreUnavailable: Closed or broken, or it took longer than `READ_SECONDS`.
        """
        with trio.move_on_after(READ_SECONDS):
            return await trio.to_thread.run_sync(self._reading, query, abandon_on_cancel=False, limiter=self._readers)
        raise StoreUnavailable(self.path, f"no answer within {READ_SECONDS:g} s")

    def write_later(self, transaction: Transaction[object]) -> None:
        """Carry *transaction* out soon, in order with the others given here, many committed together. Never waits.

        While the store cannot take it, it waits; with `LATER` waiting the oldest is given up and counted.
        """
        if len(self._later) >= LATER:
            self._later.popleft()
            self._dropped += 1
        self._later.append(transaction)
        self._more.set()

    async def settle(self) -> None:
        """Carry out what waits; returns at once where that fails."""
        while self._later and await self._write_batch():
            pass

    # -- life

    def open(self, domains: Sequence[Migrations]) -> None:
        """Open the file and bring its tables up to date; blocks. For `open_store`."""
        try:
            self._write_connection = connection = self._connect()
            for domain in domains:
                self._migrate(connection, domain)
        except sqlite3.Error as error:
            self.close()
            raise StoreUnavailable(self.path, str(error)) from error
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections; blocks, but for moments."""
        self._closed = True
        for connection in [self._write_connection, *self._read_connections]:
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._write_connection, self._read_connections = None, []

    async def run(self) -> None:
        """Carry out what `write_later` was given, for ever. For `open_store`."""
        while True:
            if not self._later:
                self._more = trio.Event()
                await self._more.wait()
            if not await self._write_batch():
                await trio.sleep(RETRY_SECONDS)

    # -- work

    async def _write_batch(self) -> bool:
        """Commit the next batch; False when the store does not take it."""
        batch = [self._later.popleft() for _ in range(min(BATCH, len(self._later)))]

        def all_of_it(connection: sqlite3.Connection) -> None:
            for transaction in batch:
                transaction(connection)

        try:
            with trio.CancelScope(shield=True):  # bounded by WRITE_SECONDS
                await self.write(all_of_it)
        except (StoreFull, StoreUnavailable) as error:
            return self._put_back(batch, error)
        except OutcomeUnknown as error:
            # Repeating what may have been done would do it twice; it is counted as lost and said so.
            self._dropped += len(batch)
            return self._put_back([], error)
        except Exception:  # a transaction of somebody else's broke: the others of its batch are tried one by one
            log.exception("store.batch_failed writes=%d", len(batch))
            await self._one_by_one(batch)
        if self._failing:
            self._failing = False
            log.warning("store.recovered dropped=%d", self._dropped)
            self._bus.publish(StoreRecovered(self._dropped))
        return True

    async def _one_by_one(self, batch: Sequence[Transaction[object]]) -> None:
        for transaction in batch:
            try:
                with trio.CancelScope(shield=True):
                    await self.write(transaction)
            except Exception:  # said above, and here which; the rest is not to suffer for it
                log.exception("store.write_failed next=drop")
                self._dropped += 1

    def _put_back(self, batch: Sequence[Transaction[object]], error: StoreError) -> bool:
        room = max(0, LATER - len(self._later))
        kept = batch[len(batch) - room :] if room < len(batch) else batch
        self._dropped += len(batch) - len(kept)
        self._later.extendleft(reversed(kept))
        if not self._failing:
            self._failing = True
            log.error("store.failed error=%s waiting=%d next=retry", error, len(self._later))
            self._bus.publish(StoreFailed(str(error), len(self._later), self._dropped))
        return False

    def _connect(self) -> sqlite3.Connection:
        # Used by one thread at a time, though not always the same one.
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=WRITE_SECONDS)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _migrate(self, connection: sqlite3.Connection, domain: Migrations) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS schema_versions (domain TEXT PRIMARY KEY, version INTEGER)")
        row = connection.execute("SELECT version FROM schema_versions WHERE domain = ?", (domain.domain,)).fetchone()
        found: int = row[0] if row else 0
        if found > len(domain.scripts):
            raise NewerSchema(self.path, domain.domain, found, len(domain.scripts))
        for number, script in enumerate(domain.scripts[found:], found + 1):
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in script.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute("INSERT OR REPLACE INTO schema_versions VALUES (?, ?)", (domain.domain, number))
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _in_transaction(self, transaction: Transaction[T]) -> T:
        connection = self._write_connection
        if connection is None:
            raise StoreUnavailable(self.path, "it is closed")
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = transaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back already
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._explained(error) from error
        return result

    def _reading(self, query: Transaction[T]) -> T:
        if self._closed:
            raise StoreUnavailable(self.path, "it is closed")
        stopped = threading.Event()

        def look_around() -> int:
            try:
                trio.from_thread.check_cancelled()
            except trio.Cancelled:
                stopped.set()
                return 1
            return 0

        try:
            connection = self._read_connections.pop() if self._read_connections else self._connect()
            connection.set_progress_handler(look_around, 10_000)
            try:
                return query(connection)
            finally:
                connection.set_progress_handler(None, 0)
                if self._closed:
                    connection.close()
                else:
                    self._read_connections.append(connection)
        except sqlite3.Error as error:
            if stopped.is_set():
                trio.from_thread.check_cancelled()
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.Error) -> Exception:
        """What a caller gets for *error*: a mistake in a statement is a bug, and goes up as it is."""
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
            return error
        code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return StoreFull(self.path)
        if code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE):
            return error
        return StoreUnavailable(self.path, str(error))


@asynccontextmanager
async def open_store(path: Path, bus: Bus, domains: Sequence[Migrations]) -> AsyncGenerator[Store, None]:
    """The database at *path*, made if missing, for the time of the block; what waits is written before it closes.

    Args:
        path: Its directory exists.
        bus: Told `StoreFailed` and `StoreRecovered`.
        domains: Whose tables it has.

    Raises:
        NewerSchema: A later version wrote it.
        StoreUnavailable: It cannot be opened.
    """
    store = Store(path, bus)
    await trio.to_thread.run_sync(store.open, domains)
    try:
        with unwrapping():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store.run, name="store")
                try:
                    yield store
                finally:
                    nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):  # bounded by WRITE_SECONDS a batch
            await store.settle()
            await trio.to_thread.run_sync(store.close)
