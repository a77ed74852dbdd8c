import sqlite3
import subprocess
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import outcome
import pytest
import trio

from actors import store as stores
from actors import store_file
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
from actors.store_file import BALLAST_BYTES, WAL_LIMIT

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


@pytest.mark.parametrize("breaking", ["no database", "torn page"])
async def test_a_broken_database_is_moved_aside_and_a_new_one_begun(tmp_path: Path, breaking: str) -> None:
    path = tmp_path / "hamster.db"
    async with a_store(tmp_path) as store:
        for number in range(300):
            store.write_later(add(f"{number}" * 100))
    content = bytearray(path.read_bytes())
    if breaking == "no database":
        content[:4096] = b"no database at all" * 227 + b"." * 10
    else:
        content[3 * 4096 : 5 * 4096] = b"\xff" * 8192
    path.write_bytes(content)
    async with a_store(tmp_path) as store:
        assert store.moved_to is not None
        assert store.moved_to.read_bytes() == content, "it is kept for whoever can mend it"
        assert store.failing is None
        await store.write(add("new"))
        assert await store.read(words) == ["new"]
    async with a_store(tmp_path) as store:
        assert store.moved_to is None
        assert await store.read(words) == ["new"]


async def test_a_store_that_cannot_be_opened_refuses_and_opens_once_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "RETRY_SECONDS", 0.02)
    bus = Bus()
    (tmp_path / "hamster.db").mkdir()  # as good as a disk that does not let us: it cannot be opened
    with bus.subscribe(StoreRecovered) as events:
        async with a_store(tmp_path, bus) as store:
            assert "unable to open" in (store.failing or "")
            with pytest.raises(StoreUnavailable):
                await store.read(words)
            with pytest.raises(StoreUnavailable):
                await store.write(add("early"))
            store.write_later(add("kept"))
            (tmp_path / "hamster.db").rmdir()
            with trio.fail_after(10):
                await events.receive()
            await store.settle()
            assert await store.read(words) == ["kept"]


async def test_a_full_disk_refuses_a_write_changes_nothing_and_keeps_what_can_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "RETRY_SECONDS", 0.02)
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


async def test_what_is_read_cannot_change_anything(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        with pytest.raises(StoreUnavailable, match="readonly"):
            await store.read(add("word"))
        assert await store.read(words) == []


async def test_what_is_read_is_of_one_instant(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await store.write(add("before"))

        def twice(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
            first = words(connection)
            trio.from_thread.run(store.write, add("between"))
            return first, words(connection)

        assert await store.read(twice) == (["before"], ["before"])
        assert await store.read(words) == ["before", "between"]


async def test_a_write_in_turn_comes_after_what_was_given_before_and_says_what_it_did(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        for number in range(700):
            store.write_later(add(str(number)))
        assert len(await store.write_in_turn(words)) == 700
        with pytest.raises(sqlite3.IntegrityError):
            await store.write_in_turn(add("5"))


def refused(result: outcome.Outcome[None]) -> str:
    assert isinstance(result, outcome.Error)
    return type(result.error).__name__


async def test_what_follows_a_write_is_done_once_it_is_committed(tmp_path: Path) -> None:
    seen: list[object] = []
    async with a_store(tmp_path) as store:
        store.write_later(add("one"), then=lambda result: seen.append(result.unwrap()))
        store.write_later(add("one"), then=lambda result: seen.append(refused(result)))
        store.write_later(add("two"), then=lambda _: 1 / 0)
        store.write_later(add("three"))
        await store.settle()
        assert seen == [None, "IntegrityError"]
        assert await store.read(words) == ["one", "two", "three"]


async def test_a_write_behind_one_that_hangs_changes_nothing_and_leaving_does_not_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WRITE_SECONDS", "CLOSE_SECONDS", "SETTLE_SECONDS"):
        monkeypatch.setattr(stores, name, 0.05)
    flows = threading.Event()

    def hang(_: sqlite3.Connection) -> None:
        flows.wait(30)

    try:
        with trio.fail_after(5):
            async with a_store(tmp_path) as store:
                with pytest.raises(OutcomeUnknown):
                    await store.write(hang)
                with pytest.raises(StoreUnavailable, match="has not ended"):
                    await store.write(add("never"))
                assert await store.read(words) == []
                store.write_later(add("lost"))
    finally:
        flows.set()


@pytest.mark.slow
async def test_the_write_ahead_log_is_cut_once_a_long_reader_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "UPKEEP_SECONDS", 0.0)
    wal = tmp_path / "hamster.db-wal"
    async with a_store(tmp_path) as store:
        reader = sqlite3.connect(tmp_path / "hamster.db", isolation_level=None)
        reader.execute("BEGIN")
        words(reader)
        for number in range(30):
            await store.write(lambda c, n=number: c.execute("INSERT INTO words VALUES (?)", (f"{n}" + "x" * 500_000,)))
        assert wal.stat().st_size > WAL_LIMIT
        reader.execute("ROLLBACK")
        reader.close()
        await store.write_in_turn(add("one more"))
        with trio.fail_after(5):
            while wal.stat().st_size > WAL_LIMIT:  # noqa: ASYNC110 - of a file nobody tells
                await trio.sleep(0.01)


async def test_the_reserve_is_laid_down_again_as_soon_as_there_is_room(tmp_path: Path) -> None:
    ballast = tmp_path / "hamster.db.ballast"
    async with a_store(tmp_path) as store:
        assert ballast.stat().st_size == BALLAST_BYTES
        pages: int = await store.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await store.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages}"))
        with pytest.raises(StoreFull):
            await store.write(add("x" * 100_000))
        await store.write_in_turn(words)
        await store.write_in_turn(words)
        assert ballast.stat().st_size == BALLAST_BYTES


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
async def test_on_a_disk_that_is_really_full_the_reserve_keeps_the_store_going_until_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(store_file, "BALLAST_ROOM", 1)
    bus, ballast, filler = Bus(), small_disk / "hamster.db.ballast", small_disk / "filler"
    with bus.subscribe(StoreFailed, StoreRecovered) as events, trio.fail_after(20):
        async with a_store(small_disk, bus) as store:
            await store.write(add("before"))
            fill(filler)
            # The log has no room to grow: the reserve makes some, and the write is carried out.
            await store.write(add("x" * 200_000))
            assert not ballast.exists()
            assert isinstance(await events.receive(), StoreFailed)
            # Deleting, which needs room too, goes.
            await store.write(lambda c: c.execute("DELETE FROM words WHERE length(word) > 1000"))
            fill(filler)
            with pytest.raises(StoreFull):
                await store.write(add("y" * 3_000_000))
            assert "before" in await store.read(words)
            filler.unlink()
            assert isinstance(await events.receive(), StoreRecovered)
            assert ballast.stat().st_size == BALLAST_BYTES
            await store.write(add("after"))
    async with a_store(small_disk) as store:
        assert {"before", "after"} <= set(await store.read(words))


@pytest.mark.slow
async def test_a_store_is_opened_on_a_disk_that_is_full_as_soon_as_it_can_be(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(store_file, "BALLAST_ROOM", 1)
    bus, filler = Bus(), small_disk / "filler"
    fill(filler)
    with bus.subscribe(StoreRecovered) as events, trio.fail_after(20):
        async with a_store(small_disk, bus) as store:
            assert store.failing is not None
            store.write_later(add("kept"))
            filler.unlink()
            await events.receive()
            await store.settle()
            assert await store.read(words) == ["kept"]


def fill(path: Path) -> None:
    """Leave no room on the disk of *path*."""
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
