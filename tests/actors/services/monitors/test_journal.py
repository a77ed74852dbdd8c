"""The log of a monitor: complete, small, and nobody waits for it."""

import errno
import gzip
import logging
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.services.monitors.archives import archives
from actors.services.monitors.journal import CAPACITY, Journal
from actors.settings import LogOptions
from tests.actors.metrics.children import until

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (DEBUG|INFO|WARNING|ERROR) monitor\.test (.*)")


def journal(directory: Path, **options: object) -> Journal:
    log = LogOptions(**options)  # pyright: ignore[reportArgumentType] - of a test's own making
    return Journal(directory / "a.log", log, "monitor.test")


def messages(path: Path) -> list[str]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.name.endswith(".gz") else data).decode()
    found = [LINE.fullmatch(line) for line in text.splitlines()]
    assert all(found)
    return [match[2] for match in found if match is not None]


def files(directory: Path) -> dict[str, int]:
    """The names of the files there, with their sizes."""
    return {path.name: path.stat().st_size for path in directory.iterdir()}


async def say(to: Journal, *words: str) -> None:
    for word in words:
        to.line(logging.INFO, word)
    await to.write()


async def test_lines_are_written_in_order_and_appended_to_what_is_there(tmp_path: Path) -> None:
    one = journal(tmp_path)
    await say(one, "first", "zweite Zeile", "세 번째")
    await say(journal(tmp_path), "fourth")
    assert messages(tmp_path / "a.log") == ["first", "zweite Zeile", "세 번째", "fourth"]
    assert (one.empty, one.lost) == (True, 0)
    assert (tmp_path / "a.log").stat().st_mode & 0o077 == 0


async def test_a_full_log_is_put_aside_compressed_and_only_so_many_are_kept(tmp_path: Path) -> None:
    log = journal(tmp_path, max_bytes=4096, keep=3)
    for number in range(400):
        await say(log, f"line {number:04} " + "x" * 40)
    sizes = files(tmp_path)
    assert sorted(sizes) == ["a.log", "a.log.1", "a.log.2.gz", "a.log.3.gz"]
    assert max(sizes.values()) <= 4096
    order = ["a.log.3.gz", "a.log.2.gz", "a.log.1", "a.log"]
    kept = [message.split()[1] for name in order for message in messages(tmp_path / name)]
    assert kept == [f"{number:04}" for number in range(400 - len(kept), 400)], "no hole, no line twice, none split"


async def test_nothing_is_kept_where_nothing_should_be(tmp_path: Path) -> None:
    log = journal(tmp_path, max_bytes=4096, keep=0)
    for number in range(200):
        await say(log, f"line {number}")
    assert list(files(tmp_path)) == ["a.log"]
    assert messages(tmp_path / "a.log")[-1] == "line 199"


async def test_all_files_together_stay_within_the_budget(tmp_path: Path) -> None:
    log = journal(tmp_path, max_bytes=4096, keep=100, compress=False, budget=12_288)
    for number in range(600):
        await say(log, f"line {number} " + "x" * 40)
        assert sum(files(tmp_path).values()) <= 12_288
    assert messages(tmp_path / "a.log")[-1].startswith("line 599")


async def test_an_old_log_is_put_aside(tmp_path: Path) -> None:
    old = (datetime.now(UTC) - timedelta(hours=2)).isoformat(timespec="milliseconds")
    (tmp_path / "a.log").write_text(f"{old} INFO monitor.test old\n")
    log = journal(tmp_path, max_age=3600.0)
    await say(log, "new")
    await say(log, "newer")
    assert messages(tmp_path / "a.log.1") == ["old"]
    assert messages(tmp_path / "a.log") == ["new", "newer"]


async def test_a_log_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    log = journal(tmp_path)
    await say(log, "first")
    (tmp_path / "a.log").rename(tmp_path / "elsewhere")
    await say(log, "second")
    assert messages(tmp_path / "a.log") == ["second"]


async def test_a_line_that_finds_no_room_is_counted_and_said(tmp_path: Path) -> None:
    log = journal(tmp_path)
    for number in range(CAPACITY + 7):
        log.line(logging.INFO, str(number))
    await log.write()
    await say(log, "after")
    found = messages(tmp_path / "a.log")
    assert log.lost == 7
    assert found[0] == "log.lines_lost count=7 reason=slow_or_full_disk"
    assert found[1:] == [*(str(number) for number in range(CAPACITY)), "after"]


async def test_a_full_disk_loses_lines_and_says_how_many_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, write, full = journal(tmp_path), os.write, True

    def none_left(descriptor: int, data: bytes) -> int:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    await say(log, "before")
    monkeypatch.setattr("os.write", none_left)
    await say(log, "lost", "lost, too")
    assert log.lost == 2
    full = False
    await say(log, "after")
    assert messages(tmp_path / "a.log") == ["before", "log.lines_lost count=2 reason=slow_or_full_disk", "after"]
    assert log.lost == 2


async def test_a_line_that_was_cut_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, write, room = journal(tmp_path), os.write, 40

    def limited(descriptor: int, data: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = write(descriptor, bytes(data)[:room])
        room -= taken
        return taken

    monkeypatch.setattr("os.write", limited)
    await say(log, "cut in the middle")
    room = 10_000
    await say(log, "after")
    first, *rest = (tmp_path / "a.log").read_text().splitlines()
    assert len(first) == 40
    assert [LINE.fullmatch(line)[2] for line in rest] == [  # pyright: ignore[reportOptionalSubscript] - checked by it
        "log.lines_lost count=1 reason=slow_or_full_disk",
        "after",
    ]


async def test_a_directory_that_is_not_there_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    log = Journal(tmp_path / "none" / "a.log", LogOptions(), "monitor.test")
    await say(log, "one", "two")
    assert log.lost == 2


async def test_whoever_writes_can_be_cancelled_while_the_disk_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.log")  # opening it waits until somebody reads
    log = journal(tmp_path)
    log.line(logging.INFO, "hung")
    with trio.move_on_after(0.05) as bound:
        await log.write()
    assert bound.cancelled_caught
    with (tmp_path / "a.log").open() as reader:
        assert reader.readline().endswith("hung\n")
    await until(lambda: not log.writing)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 600), max_size=60), st.sampled_from([4096, 5000]), st.integers(0, 4), st.booleans())
async def test_no_line_is_split_lost_or_doubled_by_putting_files_aside(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], max_bytes: int, keep: int, compress: bool
) -> None:
    directory = tmp_path_factory.mktemp("logs")
    log = journal(directory, max_bytes=max_bytes, keep=keep, compress=compress)
    await say(log, *(f"{number} {'x' * size}" for number, size in enumerate(sizes)))
    written = [path for _, path in reversed(archives(directory / "a.log"))]
    written += [directory / "a.log"] if sizes else []
    numbers = [int(message.split()[0]) for path in written for message in messages(path)]
    assert numbers == list(range(len(sizes) - len(numbers), len(sizes)))
    assert len(written) <= keep + 1
    assert log.lost == 0
