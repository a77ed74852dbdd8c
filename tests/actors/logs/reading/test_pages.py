"""Pages, counts and backlogs are what reading everything would give."""

import gzip
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.expressions import Expression, InvalidExpression
from actors.logs.indexing import Generation
from actors.logs.indexing.generations import FIRST, look_at
from actors.logs.known import KnownLog
from actors.logs.positions import Position
from actors.logs.reading import Filter, Reader, Source, StaleCursor, TooManyReaders, pages, scanning
from actors.logs.reading.pages import Page
from actors.logs.records import Origin
from tests.actors.logs import naive

START = datetime(2026, 11, 26, 12, tzinfo=UTC)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
WORDS = ("disk is full", "Timeout", "연결 실패", "ok", "ERROR in words", "straße", "K")


def line(number: int, level: str = "INFO", words: str = "ok") -> str:
    at = (START + timedelta(seconds=number)).isoformat(timespec="milliseconds")
    return f"{at} {level} app.part{number % 3} [m:{number % 9 + 1} MainThread] {words} {number}\n"


def a_log(directory: Path, *contents: bytes, origin: Origin = Origin.OURS) -> KnownLog:
    """A log with these files, the oldest first; all but the two newest are packed."""
    log = KnownLog(name="a.log", path=directory / "a.log", origin=origin)
    for number, data in enumerate(reversed(contents)):
        if number == 0:
            log.path.write_bytes(data)
        elif number == 1:
            (directory / "a.log.1").write_bytes(data)
        else:
            (directory / f"a.log.{number}.gz").write_bytes(gzip.compress(data))
    return log


def a_source(log: KnownLog, *, counted: bool = True, part: float = 1.0) -> Source:
    """The log with the index that a follower would have made of the first *part* of each file."""
    parser = naive.a_parser(log)
    if not counted:
        return Source(log, parser, ())
    paths = [log.path, *(archive.path for archive in naive.archives_of(log.path))]
    generations: list[Generation] = []
    for number, (path, data) in enumerate(zip(paths, reversed(naive.contents(log.path)), strict=True)):
        seen = look_at(path)
        assert seen is not None
        generation = Generation(FIRST - number, seen.inode, seen.head)
        for record in naive.parsed(parser, data):
            if record.end <= len(data) * part:
                generation.add(record)
        generations.append(generation)
    return Source(log, parser, tuple(generations))


def texts(page: Page) -> list[str]:
    return [entry.record.text for entry in page.entries]


async def every_page(source: Source, wanted: Filter, limit: int) -> list[str]:
    """All wanted records by cursors."""
    found: list[str] = []
    page = await Reader().page(source, wanted, limit)
    while True:
        found += texts(page)
        if page.next is None:
            assert page.total is None or page.total >= len(found)
            return found
        page = await Reader().page(source, wanted, limit, cursor=page.next, with_total=False)


FILTERS = st.builds(
    Filter,
    levels=st.none() | st.sets(st.sampled_from(LEVELS), min_size=1),
    text=st.none()
    | st.sampled_from(["disk", "ERROR", "error", "연결", "실패 1", "straSSE", "k", "zz", "1", "a\nb", " frame"]),
    cased=st.booleans(),
    expression=st.none()
    | st.sampled_from(["disk.*full", "[0-9]+5$", "ERR|Time", "연결", r"\s+frame", "^2026", "x{3}"]).map(Expression),
    start=st.none() | st.integers(-5, 60).map(lambda s: START + timedelta(seconds=s)),
    end=st.none() | st.integers(-5, 60).map(lambda s: START + timedelta(seconds=s)),
)
RECORDS = st.tuples(st.integers(0, 59), st.sampled_from(LEVELS), st.sampled_from(WORDS), st.integers(0, 3)).map(
    lambda drawn: line(drawn[0], drawn[1], drawn[2]) + "  frame of it\nNot indented\n" * drawn[3]
)
LONG_RECORDS = st.tuples(st.integers(0, 59), st.sampled_from(LEVELS), st.sampled_from(WORDS)).map(
    lambda drawn: (
        f'{{"data":"{"y" * 5000}","level":"{drawn[1]}","time":{START.timestamp() + drawn[0]},"msg":"{drawn[2]}"}}\n'
    )
)
FILES = st.lists(
    st.lists(RECORDS | LONG_RECORDS | st.sampled_from(["plain\n", "\n", "  indented\n"]), max_size=20),
    min_size=1,
    max_size=3,
)


@settings(max_examples=150)
@given(
    files=FILES,
    wanted=FILTERS,
    limit=st.integers(1, 7),
    part=st.sampled_from([0.0, 0.5, 1.0]),
    counted=st.booleans(),
    origin=st.sampled_from([Origin.OURS, Origin.CAPTURED]),
    cp949=st.booleans(),
)
def test_pages_and_totals_are_those_of_reading_everything(
    files: Sequence[Sequence[str]],
    wanted: Filter,
    limit: int,
    part: float,
    counted: bool,
    origin: Origin,
    cp949: bool,
) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "STRETCH", 300)  # or nothing here would ever be more than one
        patch.setattr("actors.logs.indexing.generation.BLOCK_BYTES", 700)
        codec = "cp949" if cp949 else "utf-8"
        contents = ["".join(file).replace("ß", "s" if cp949 else "ß").encode(codec) for file in files]
        log = a_log(Path(directory), *contents, origin=origin)
        source = a_source(log, counted=counted, part=part)
        expected = list(naive.wanted(log, wanted))

        async def ask() -> None:
            page = await Reader().page(source, wanted, limit)
            assert (texts(page), page.total) == (expected[:limit], len(expected))
            page = await Reader().page(source, wanted, limit, offset=2)
            assert (texts(page), page.total) == (expected[2 : 2 + limit], len(expected))
            assert await every_page(source, wanted, limit) == expected
            merged = await Reader().merged([source], wanted, limit, offset=1)
            assert (texts(merged), merged.total) == (expected[1 : 1 + limit], len(expected))
            backlog, _ = await Reader().backlog(source, wanted, Position(0, 0))
            assert [entry.record.text for entry in backlog] == expected[::-1]

        trio.run(ask)


async def test_cursors_do_not_drift_while_the_log_grows_and_is_rotated(tmp_path: Path) -> None:
    log = a_log(tmp_path, "".join(line(n) for n in range(30)).encode())
    first = await Reader().page(a_source(log), Filter(), 10)
    log.path.rename(tmp_path / "a.log.1")
    log.path.write_text("".join(line(n) for n in range(30, 50)))
    generations = a_source(log).generations
    numbered = tuple(
        Generation(FIRST + 1 - number, one.inode, one.head, one.blocks) for number, one in enumerate(generations)
    )
    second = await Reader().page(Source(log, naive.a_parser(log), numbered), Filter(), 10, cursor=first.next)
    assert texts(first) + texts(second) == [line(n).rstrip("\n") for n in range(29, 9, -1)]


async def test_logs_are_merged_by_time(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
    even = a_log(tmp_path / "x", "".join(line(n) for n in range(0, 20, 2)).encode())
    odd = a_log(tmp_path / "y", "".join(line(n) for n in range(1, 20, 2)).encode())
    page = await Reader().merged([a_source(even), a_source(odd)], Filter(), 5, offset=3)
    assert texts(page) == [line(n).rstrip("\n") for n in range(16, 11, -1)]
    assert page.total == 20


async def test_a_cursor_of_no_file_is_refused(tmp_path: Path) -> None:
    log = a_log(tmp_path, b"")
    with pytest.raises(StaleCursor, match="begin without one"):
        await Reader().page(a_source(log), Filter(), 10, cursor=Position(FIRST + 5, 0))


async def test_a_broken_archive_is_read_as_far_as_it_is_sound_and_the_rest_is_read_all_the_same(tmp_path: Path) -> None:
    old = "".join(line(n) for n in range(2000)).encode()
    log = a_log(tmp_path, old, line(3000).encode(), line(4000).encode())
    packed = tmp_path / "a.log.2.gz"
    packed.write_bytes(packed.read_bytes()[:-2000])
    page = await Reader().page(a_source(log, counted=False), Filter(), 5000)
    assert texts(page)[:2] == [line(4000).rstrip("\n"), line(3000).rstrip("\n")]
    assert 0 < len(page.entries) - 2 < 2000


async def test_one_reader_too_many_is_refused_and_who_leaves_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breathe = pages._breathe  # pyright: ignore[reportPrivateUsage] - where a reader looks whether it is still wanted

    def for_ever() -> None:
        while True:
            breathe()

    log = a_log(tmp_path, b"x\n")
    reader, source = Reader(), a_source(log, counted=False)
    with trio.fail_after(60):
        with monkeypatch.context() as patch:
            patch.setattr(pages, "WAITING", 1)
            patch.setattr(pages, "_breathe", for_ever)
            async with trio.open_nursery() as nursery:
                for _ in range(pages.AT_ONCE + 1):
                    nursery.start_soon(reader.count, source, Filter(text="nothing"))
                await trio.testing.wait_all_tasks_blocked()
                with pytest.raises(TooManyReaders):
                    await reader.count(source, Filter())
                nursery.cancel_scope.cancel()
        assert await reader.count(source, Filter()) == 1


def test_an_expression_that_re2_lacks_is_refused_with_what_it_lacks() -> None:
    for bad in ("(?=x)", r"(a)\1", "(", "a" * 2000):
        with pytest.raises(InvalidExpression):
            Expression(bad)
    assert Expression("(a+)+$").found_in("a" * 5000 + "b") is False
