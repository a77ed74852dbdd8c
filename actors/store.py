"""What must outlive the process: one SQLite file, one writer, a few readers."""

import logging
import math
import sqlite3
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import attrs
import outcome
import trio

from actors.runtime import Bus
from actors.runtime.groups import unwrapping
from actors.store_errors import NewerSchema, OutcomeUnknown, StoreError, StoreFull, StoreUnavailable
from actors.store_file import WAL_LIMIT, Migrations, StoreFile
from actors.store_jobs import Job, Later, Transaction
from actors.store_readers import Readers, close

__all__ = [
    "Migrations",
    "NewerSchema",
    "OutcomeUnknown",
    "Store",
    "StoreError",
    "StoreFailed",
    "StoreFull",
    "StoreRecovered",
    "StoreUnavailable",
    "Transaction",
    "open_store",
]

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
UPKEEP_SECONDS = 60.0
"""Between two looks at the room on the disk and the length of the write-ahead log."""
SETTLE_SECONDS = 10.0
"""How long what waits may take to be written before the store closes, beyond the write that is under way."""
CLOSE_SECONDS = 5.0
"""How long closing may take: a disk that hangs must not keep the program from ending."""


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
    """The store takes writes again, and has room."""

    dropped: int


class Store:
    """An open database. Made by `open_store`.

    Transactions are functions that are called with a connection, in a worker thread, with everything they do
    committed together or not at all. They must not keep the connection.
    """

    def __init__(self, path: Path, bus: Bus) -> None:
        self.path = path
        self._file = StoreFile(path)
        self._bus = bus
        self._domains: Sequence[Migrations] = ()
        self._writer = trio.CapacityLimiter(1)
        self._reading = trio.CapacityLimiter(READERS)
        self._readers = Readers(self._file)
        self._at_work = threading.Lock()
        """Held by the thread that uses the connection for writing: closing it meanwhile would crash the process."""
        self._write_connection: sqlite3.Connection | None = None
        self._closed = False
        self._later: deque[Later] = deque()
        self._more = trio.Event()
        self._dropped = 0
        self._why: str | None = None
        self._short_of_room = False
        self._upkeep_at = 0.0

    @property
    def dropped(self) -> int:
        """Writes of `write_later` that were given up since the start."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """Writes of `write_later` that are not carried out yet."""
        return len(self._later)

    @property
    def failing(self) -> str | None:
        """Why writes do not succeed, or soon may not; None while all is well."""
        return self._why

    @property
    def moved_to(self) -> Path | None:
        """Where the database was put that was found broken at the start; None when it was sound."""
        return self._file.moved_to

    async def write(self, transaction: Transaction[T], *, durable: bool = True) -> T:
        """Carry *transaction* out and return what it returns, once it is safe on the disk, also from a power cut.

        Args:
            transaction: What to do.
            durable: False: our own end does it no harm, but a power cut may undo it; a disk need not be waited for.

        Raises:
            StoreFull: No room. Nothing was changed.
            StoreUnavailable: Closed or broken, or the disk hangs. Nothing was changed.
            OutcomeUnknown: It did not end in time.
        """
        return await self._write(transaction, durable=durable)

    async def read(self, query: Transaction[T]) -> T:
        """What *query* returns; it sees everything that was committed before, at one instant, and can change nothing.

        Cancelled, it ends within moments.

        Raises:
            StoreUnavailable: Closed or broken, or it took longer than `READ_SECONDS`.
        """
        if self._write_connection is None:
            raise StoreUnavailable(self.path, self._why or "it is not open")
        with trio.move_on_after(READ_SECONDS):
            return await trio.to_thread.run_sync(
                self._readers.read, query, abandon_on_cancel=True, limiter=self._reading
            )
        raise StoreUnavailable(self.path, f"no answer within {READ_SECONDS:g} s")

    def write_later(
        self,
        transaction: Transaction[T],
        *,
        then: Callable[[outcome.Outcome[T]], object] | None = None,
        durable: bool = False,
    ) -> None:
        """Carry *transaction* out soon, in order with the others given here, many committed together. Never waits.

        While the store cannot take it, it waits; with `LATER` waiting the oldest is given up and counted.

        Args:
            transaction: May be carried out together with others, in one commit.
            then: Called afterwards, not in the thread, with what it returned or why it was given up.
            durable: Be safe from a power cut, and not only from our own end; costs an fsync.
        """
        if len(self._later) >= LATER:
            self._give_up([self._later.popleft()], StoreUnavailable(self.path, "too many writes wait"))
        self._later.append(Later(transaction, then, durable))
        self._more.set()

    async def write_in_turn(self, transaction: Transaction[T], *, seconds: float = WRITE_SECONDS) -> T:
        """As `write`, but after everything that was given to `write_later` before.

        Raises:
            StoreUnavailable: Given up, with nothing changed.
            OutcomeUnknown: Not carried out within *seconds*; it still waits, and will be once the store takes it.
        """
        done = trio.Event()
        results: list[outcome.Outcome[T]] = []

        def note(result: outcome.Outcome[T]) -> None:
            results.append(result)
            done.set()

        self.write_later(transaction, then=note, durable=True)
        with trio.move_on_after(seconds):
            await done.wait()
            return results[0].unwrap()
        raise OutcomeUnknown(self.path, seconds)

    async def settle(self) -> None:
        """Carry out what waits; returns at once where that fails, and after `SETTLE_SECONDS` in any case."""
        until = trio.current_time() + SETTLE_SECONDS
        while self._later and trio.current_time() < until and await self._write_batch():
            pass

    # -- life

    def open(self, domains: Sequence[Migrations]) -> None:
        """Open the file and bring its tables up to date; blocks. For `open_store`.

        Where the disk does not let us the store is open all the same, refuses, and tries again with every write: what
        is supervised must run without it.

        Raises:
            NewerSchema: A later version wrote the file.
        """
        self._domains = domains
        try:
            self._write_connection = self._file.open(domains)
        except (StoreFull, StoreUnavailable) as error:
            self._why = str(error)
            log.error("store.not_opened error=%s next=go_on_without_and_retry", error)
        else:
            self._short_of_room = not self._file.lay_ballast()

    def close(self) -> None:
        """Close all connections; blocks, at most `CLOSE_SECONDS`. One that a hanging thread uses is left to it."""
        self._closed = True
        self._readers.close()
        if not self._at_work.acquire(timeout=CLOSE_SECONDS):
            log.error("store.close_cut_off path=%s next=leave_it", self.path)
            return
        try:
            self._close_writer()
        finally:
            self._at_work.release()

    def _close_writer(self) -> None:
        if self._write_connection is not None:
            close(self._write_connection)
            self._write_connection = None

    async def run(self) -> None:
        """Carry out what `write_later` was given, for ever. For `open_store`."""
        while True:
            if not await self._write_batch():
                await trio.sleep(RETRY_SECONDS)
                continue
            await self._upkeep()
            if not self._later:
                self._more = trio.Event()
                with trio.move_on_after(RETRY_SECONDS if self._why else math.inf):
                    await self._more.wait()

    # -- work

    async def _write(self, transaction: Transaction[T], *, durable: bool) -> T:
        job = Job(transaction, durable)
        try:
            with trio.move_on_after(WRITE_SECONDS):
                return await trio.to_thread.run_sync(
                    self._in_transaction, job, abandon_on_cancel=True, limiter=self._writer
                )
        finally:
            certain = job.give_up()
            if self._short_of_room:
                self._more.set()  # so that it is told, and made good as soon as there is room
        if certain:
            raise StoreUnavailable(self.path, f"the write before it has not ended within {WRITE_SECONDS:g} s")
        raise OutcomeUnknown(self.path, WRITE_SECONDS)

    async def _write_batch(self) -> bool:
        """Commit the next batch; False when the store does not take it."""
        batch = [self._later.popleft() for _ in range(min(BATCH, len(self._later)))]

        def all_of_it(connection: sqlite3.Connection) -> list[object]:
            return [later.transaction(connection) for later in batch]

        results: list[object] = []
        try:
            with trio.CancelScope(shield=True):  # bounded by WRITE_SECONDS
                results = await self._write(all_of_it, durable=any(later.durable for later in batch))
        except (StoreFull, StoreUnavailable) as error:
            return self._put_back(batch, error)
        except OutcomeUnknown as error:
            # Repeating what may have been done would do it twice; it is counted as lost and said so.
            self._give_up(batch, error)
            return self._put_back([], error)
        except Exception:  # a transaction of somebody else's broke: the others of its batch are tried one by one
            log.exception("store.batch_failed writes=%d", len(batch))
            await self._one_by_one(batch)
        else:
            for later, result in zip(batch, results, strict=True):
                later.done(outcome.Value(result))
        if not self._short_of_room:
            self._recover()
        return True

    async def _one_by_one(self, batch: Sequence[Later]) -> None:
        for later in batch:
            result: object = None
            try:
                with trio.CancelScope(shield=True):
                    result = await self._write(later.transaction, durable=later.durable)
            except Exception as error:  # said above, and here which; the rest is not to suffer for it
                log.exception("store.write_failed next=drop")
                self._give_up([later], error)
            else:
                later.done(outcome.Value(result))

    def _give_up(self, batch: Sequence[Later], error: Exception) -> None:
        self._dropped += len(batch)
        for later in batch:
            later.done(outcome.Error(error))

    def _put_back(self, batch: Sequence[Later], error: StoreError) -> bool:
        room = max(0, LATER - len(self._later))
        lost = max(0, len(batch) - room)
        self._give_up(batch[:lost], error)
        self._later.extendleft(reversed(batch[lost:]))
        self._fail(str(error))
        return False

    def _fail(self, why: str) -> None:
        if self._why is None:
            log.error("store.failed error=%s waiting=%d next=retry", why, len(self._later))
            self._why = why
            self._bus.publish(StoreFailed(why, len(self._later), self._dropped))

    def _recover(self) -> None:
        if self._why is not None:
            self._why = None
            log.warning("store.recovered dropped=%d", self._dropped)
            self._bus.publish(StoreRecovered(self._dropped))

    async def _upkeep(self) -> None:
        """Now and then: tell when the reserve of room is gone or back, and keep the write-ahead log short."""
        if trio.current_time() < self._upkeep_at and not self._short_of_room:
            return
        with trio.CancelScope(shield=True), trio.move_on_after(WRITE_SECONDS):
            await trio.to_thread.run_sync(self._look_after, abandon_on_cancel=True, limiter=self._writer)
        self._upkeep_at = trio.current_time() + UPKEEP_SECONDS
        if self._short_of_room:
            self._fail(str(StoreFull(self.path)))
        else:
            self._recover()

    def _look_after(self) -> None:
        with self._at_work:
            self._look_after_file()

    def _look_after_file(self) -> None:
        self._short_of_room = not self._file.lay_ballast()
        connection = self._write_connection
        if connection is not None and self._file.wal_bytes() > WAL_LIMIT:
            # Somebody has read from an old state of it for long. Done at the next look where they still do.
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _in_transaction(self, job: Job[T]) -> T:
        with self._at_work:
            try:
                return self._carried_out(job)
            finally:
                if self._closed:  # meanwhile
                    self._close_writer()

    def _carried_out(self, job: Job[T]) -> T:
        if not job.begin():
            raise StoreUnavailable(self.path, "it was given up before its turn")
        if self._closed:
            raise StoreUnavailable(self.path, "it is closed")
        if self._write_connection is None:
            self._write_connection = self._file.open(self._domains)
            self._short_of_room = not self._file.lay_ballast()
        try:
            return self._commit(self._write_connection, job)
        except sqlite3.Error as error:
            explained = self._file.explained(error)
            if isinstance(explained, StoreFull) and self._file.drop_ballast():
                log.error("store.full path=%s next=use_the_reserve", self.path)
                self._short_of_room = True
                return self._again(job)
            raise explained from error

    def _again(self, job: Job[T]) -> T:
        assert self._write_connection is not None  # noqa: S101 - it was used a moment ago
        try:
            return self._commit(self._write_connection, job)
        except sqlite3.Error as error:
            raise self._file.explained(error) from error

    def _commit(self, connection: sqlite3.Connection, job: Job[T]) -> T:
        # In NORMAL, what was committed survives our own end but not a power cut; FULL costs an fsync.
        connection.execute(f"PRAGMA synchronous = {'FULL' if job.durable else 'NORMAL'}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = job.transaction(connection)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has rolled back already
                connection.execute("ROLLBACK")
            raise
        return result


@asynccontextmanager
async def open_store(path: Path, bus: Bus, domains: Sequence[Migrations]) -> AsyncGenerator[Store, None]:
    """The database at *path*, made if missing, for the time of the block; what waits is written before it closes.

    A file that is broken is moved aside (`Store.moved_to`), and one that the disk does not let us use is tried again
    (`Store.failing`): neither keeps from running what does not need it.

    Args:
        path: Its directory exists.
        bus: Told `StoreFailed` and `StoreRecovered`.
        domains: Whose tables it has.

    Raises:
        NewerSchema: A later version wrote it.
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
        with trio.CancelScope(shield=True):  # bounded by WRITE_SECONDS, SETTLE_SECONDS and CLOSE_SECONDS
            await store.settle()
            await trio.to_thread.run_sync(store.close)
