import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors import store as stores
from actors.runtime import Bus
from actors.store import (
    Migrations,
    NewerSchema,
    OutcomeUnknown,
    Store,
    StoreFailed,
    StoreFull,
    StoreRecovered,
    StoreUnavailable,
    open_store,
)

WORDS = Migrations("words", ("CREATE TABLE words (word TEXT PRIMARY KEY)",))
MORE = Migrations("words", (*WORDS.scripts, "ALTER TABLE words ADD COLUMN length INTEGER"))


@asynccontextmanager
async def a_store(directory: Path, bus: Bus | None = None) -> AsyncGenerator[Store, None]:
    async with open_store(directory / "hamster.db", bus or Bus(), (WORDS,)) as store:
        yield store


def add(word: str) -> stores.Transaction[None]:
    def transaction(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO words VALUES (?)", (word,))

    return transaction


def words(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT word FROM words ORDER BY rowid")]


async def test_what_was_written_is_read_at_once_and_after_opening_again(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await store.write(add("one"))
        assert await store.read(words) == ["one"]
    async with a_store(tmp_path) as store:
        assert await store.read(words) == ["one"]


async def test_a_transaction_that_raises_changes_nothing(tmp_path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        add("half")(connection)
        raise ValueError("of the transaction")

    async with a_store(tmp_path) as store:
        with pytest.raises(ValueError, match="of the transaction"):
            await store.write(half)
        assert await store.read(words) == []


async def test_what_nobody_waits_for_is_written_in_order_before_the_store_closes(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        for number in range(1200):
            store.write_later(add(str(number)))
    async with a_store(tmp_path) as store:
        assert await store.read(words) == [str(number) for number in range(1200)]


async def test_one_broken_write_of_many_costs_only_itself(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        for word in ("a", "b", "a", "c"):
            store.write_later(add(word))
        await store.settle()
        assert await store.read(words) == ["a", "b", "c"]
        assert store.dropped == 1


async def test_a_file_of_a_later_version_is_refused_and_says_so(tmp_path: Path) -> None:
    async with open_store(tmp_path / "hamster.db", Bus(), (MORE,)):
        pass
    with pytest.raises(NewerSchema, match=r"has version 2 of 'words'.*this one knows 1"):
        async with a_store(tmp_path):
            pass


async def test_tables_of_an_earlier_version_are_brought_up_to_date_with_what_is_in_them(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await store.write(add("old"))
    async with open_store(tmp_path / "hamster.db", Bus(), (MORE,)) as store:
        assert await store.read(lambda c: c.execute("SELECT * FROM words").fetchall()) == [("old", None)]


async def test_what_is_no_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "hamster.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreUnavailable, match="file is not a database"):
        async with a_store(tmp_path):
            pass


async def test_a_full_disk_refuses_a_write_changes_nothing_and_keeps_what_can_wait(tmp_path: Path) -> None:
    bus = Bus()
    with bus.subscribe(StoreFailed, StoreRecovered) as events:
        async with a_store(tmp_path, bus) as store:
            await store.write(add("before"))
            pages: int = await store.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
            # SQLite's own limit of a file's size fails as a full disk does, with SQLITE_FULL.
            await store.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages}"))
            with pytest.raises(StoreFull, match="is full; nothing was changed"):
                await store.write(add("x" * 100_000))
            store.write_later(add("y" * 100_000))
            with trio.fail_after(10):
                failed = await events.receive()
            assert isinstance(failed, StoreFailed)
            assert failed.waiting == 1
            assert await store.read(words) == ["before"]
            await store.write(lambda c: c.execute("PRAGMA max_page_count = 1000000"))
            await store.settle()
            assert await store.read(words) == ["before", "y" * 100_000]
            with trio.fail_after(10):
                assert await events.receive() == StoreRecovered(0)


async def test_a_write_that_does_not_end_has_an_unknown_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "WRITE_SECONDS", 0.1)
    async with a_store(tmp_path) as store:
        other = sqlite3.connect(tmp_path / "hamster.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises((OutcomeUnknown, StoreUnavailable)):
            await store.write(add("late"))
        other.execute("ROLLBACK")
        other.close()


async def test_a_long_read_ends_when_its_reader_is_cancelled(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    async with a_store(tmp_path) as store:
        with trio.fail_after(10), trio.move_on_after(0.05) as scope:
            await store.read(lambda c: c.execute(endless).fetchall())
        assert scope.cancelled_caught
        assert await store.read(words) == []


async def test_more_than_can_wait_is_dropped_oldest_first_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "LATER", 3)
    async with a_store(tmp_path) as store:
        for number in range(5):
            store.write_later(add(str(number)))
        assert store.dropped == 2
        await store.settle()
        assert await store.read(words) == ["2", "3", "4"]
