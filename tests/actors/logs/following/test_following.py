"""Everything that is written is counted and told once, whatever is done to the file."""

import gzip
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.logs.following import follower
from actors.logs.positions import Position
from actors.logs.reading import Filter
from actors.runtime import Lagged
from tests.actors.logs import naive
from tests.actors.logs.following.follow import LONG, OWN, a_followed


def line(number: int, level: str = "INFO") -> str:
    return f"2026-11-26T12:00:00.000+00:00 {level} app [m:1 MainThread] record {number}"


def write(path: Path, *lines: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{one}\n" for one in lines))


async def test_a_line_is_told_as_soon_as_it_is_written(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        for number in range(50):
            write(followed.directory / OWN, line(number))
            assert await followed.texts(1) == [line(number)]


async def test_what_was_there_before_is_counted_and_not_told(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    write(tmp_path / "logs" / OWN, *(line(n) for n in range(100)))
    async with a_followed(tmp_path) as followed:
        assert followed.total() == 100
        write(followed.directory / OWN, line(100))
        assert await followed.texts(1) == [line(100)]


async def test_a_new_log_is_followed_from_its_first_line(tmp_path: Path) -> None:
    async with a_followed(tmp_path, captures=True) as followed:
        write(followed.directory / "web.log", "first", "second")
        await followed.counted(2, "web.log")
        write(followed.directory / "web.log", "third")
        await followed.counted(3, "web.log")


async def test_renamed_and_created_anew_nothing_is_lost(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        for turn in range(5):
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{line(turn * 3)}\n")
                file.flush()
                path.rename(followed.directory / f"{OWN}.{9 - turn}")
                file.write(f"{line(turn * 3 + 1)}\n")  # whoever has it open writes on
                file.flush()
                write(path, line(turn * 3 + 2))
            assert await followed.texts(3) == [line(turn * 3 + n) for n in range(3)]
        await followed.counted(15)


async def test_copied_and_truncated_it_begins_a_new_generation(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        write(path, *(line(n) for n in range(10)))
        await followed.texts(10)
        before = followed.state().generations[0].number
        shutil.copy(path, followed.directory / f"{OWN}.1")
        os.truncate(path, 0)
        write(path, line(10))
        assert await followed.texts(1) == [line(10)]
        await followed.counted(11)
        numbers = [generation.number for generation in followed.state().generations]
        assert numbers == [before + 1, before]


async def test_emptied_its_counts_are_gone_at_once_and_the_writer_writes_on(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        with path.open("a", encoding="utf-8") as writer:
            writer.write(f"{line(0)}\n")
            writer.flush()
            await followed.texts(1)
            await followed.logs.truncate(OWN)
            await followed.counted(0)
            writer.write(f"{line(1)}\n")
            writer.flush()
            assert await followed.texts(1) == [line(1)]
        assert path.read_text("utf-8") == f"{line(1)}\n"


async def test_a_writer_that_does_not_append_leaves_nuls_which_are_left_out(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        with path.open("w", encoding="utf-8") as writer:
            writer.write("".join(f"{line(n)}\n" for n in range(20)))
            writer.flush()
            await followed.texts(20)
            await followed.logs.truncate(OWN)
            await followed.counted(0)
            writer.write(f"{line(20)}\n")
            writer.flush()
            assert await followed.texts(1) == [line(20)]
        assert path.read_bytes().startswith(b"\0\0\0")


async def test_deleted_and_made_again_it_is_followed_again(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        for turn in range(3):
            write(path, line(turn))
            assert await followed.texts(1) == [line(turn)]
            path.unlink()
        write(path, line(9))
        assert await followed.texts(1) == [line(9)]
        await followed.counted(1)


async def test_another_file_is_moved_into_its_place(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        write(followed.directory / OWN, line(0))
        await followed.texts(1)
        write(tmp_path / "other", line(1), line(2))
        (tmp_path / "other").rename(followed.directory / OWN)
        assert await followed.texts(2) == [line(1), line(2)]


async def test_an_archive_that_is_packed_stays_the_same_generation(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        write(path, *(line(n) for n in range(5)))
        await followed.texts(5)
        path.rename(followed.directory / f"{OWN}.1")
        write(path, line(5))
        await followed.texts(1)
        data = (followed.directory / f"{OWN}.1").read_bytes()
        (followed.directory / f"{OWN}.1.gz").write_bytes(gzip.compress(data))
        (followed.directory / f"{OWN}.1").unlink()
        write(path, line(6))
        await followed.texts(1)
        source = await followed.logs.source(OWN)
        page = await followed.logs.reader.page(source, Filter(), 100)
        assert [entry.record.text for entry in page.entries] == [line(n) for n in range(6, -1, -1)]
        assert len({entry.generation for entry in page.entries}) == 2


async def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        with (followed.directory / OWN).open("a", encoding="utf-8") as file:
            for half in (line(0)[:40], line(0)[40:] + "\n" + line(1)[:10], line(1)[10:] + "\n"):
                file.write(half)
                file.flush()
                followed.state().wake.set()
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert await followed.texts(2) == [line(0), line(1)]


async def test_a_traceback_that_comes_later_is_told_as_the_rest_of_its_record(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        write(path, line(0, "ERROR"))
        assert await followed.texts(1) == [line(0, "ERROR")]
        write(path, "Traceback (most recent call last):", "ValueError: no")
        with trio.fail_after(LONG):
            told = await followed.told.receive()
        assert not isinstance(told, Lagged)
        assert (told.record.continued, told.record.level) == (True, "ERROR")
        write(path, line(1))
        await followed.texts(1)
        assert followed.total() == 2


async def test_what_follows_a_position_is_neither_lost_nor_repeated_over_a_rotation(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        write(path, line(0), line(1))
        with trio.fail_after(LONG):
            first = await followed.told.receive()
        assert not isinstance(first, Lagged)
        path.rename(followed.directory / f"{OWN}.1")
        write(path, line(2))
        await followed.texts(2)
        source = await followed.logs.source(OWN)
        entries, more = await followed.logs.reader.backlog(source, Filter(), first.after)
        assert [entry.record.text for entry in entries] == [line(1), line(2)]
        assert more is None
        assert entries[-1].position > Position(first.generation, 10**9)


async def test_after_our_own_restart_nothing_is_counted_twice_and_times_of_arrival_stay(tmp_path: Path) -> None:
    async with a_followed(tmp_path, captures=True) as followed:
        write(followed.directory / "web.log", "one", "two")
        await followed.counted(2, "web.log")
        page = await followed.logs.reader.page(await followed.logs.source("web.log"), Filter(), 5)
        came = [entry.record.timestamp for entry in page.entries]
        assert None not in came
    write(followed.directory / "web.log", "three")
    async with a_followed(tmp_path, captures=True) as followed:
        assert followed.total("web.log") == 3
        page = await followed.logs.reader.page(await followed.logs.source("web.log"), Filter(), 5)
        assert [entry.record.timestamp for entry in page.entries][1:] == came
        numbers = [generation.number for generation in followed.state("web.log").generations]
        assert len(numbers) == 1


@pytest.mark.parametrize("broken", [b"", b"\x00nonsense", b"\x93"])
async def test_a_broken_index_is_made_anew(tmp_path: Path, broken: bytes) -> None:
    async with a_followed(tmp_path) as followed:
        write(followed.directory / OWN, line(0), line(1))
        await followed.counted(2)
    (tmp_path / "log_index" / f"{OWN}.index").write_bytes(broken)
    async with a_followed(tmp_path) as followed:
        assert followed.total() == 2


async def test_a_long_stretch_is_counted_in_a_process_and_listeners_are_told_how_much_they_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BULK_BYTES", 10_000)
    monkeypatch.setattr("actors.logs.indexing.bulk.BULK_BYTES", 10_000)
    async with a_followed(tmp_path) as followed:
        write(followed.directory / OWN, *(line(n, "ERROR" if n % 10 == 0 else "INFO") for n in range(1000)))
        await followed.counted(1000)
        write(followed.directory / OWN, line(1000))
        got, missed = 0, 0
        with trio.fail_after(LONG):
            while got + missed < 1001:
                told = await followed.told.receive()
                got, missed = (got, missed + told.missed) if isinstance(told, Lagged) else (got + 1, missed)
        assert missed > 0
        assert followed.state().generations[0].counts == [0, 901, 0, 100, 0]


async def test_statistics_are_right_after_late_lines_rotation_and_truncation(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        recent = f"{now.isoformat(timespec='milliseconds')} ERROR app [m:1 MainThread] now"
        late = "2020-01-01T00:00:00.000+00:00 ERROR app [m:1 MainThread] late"
        write(path, recent, late, recent)
        await followed.counted(3)
        found = await followed.logs.statistics(OWN, 1)
        assert (found.total, found.levels["ERROR"], dict(found.loggers)) == (2, 2, {"app": 2})
        path.rename(followed.directory / f"{OWN}.1")
        write(path, recent)
        await followed.counted(4)
        assert (await followed.logs.statistics(OWN, 1)).total == 3
        (followed.directory / f"{OWN}.1").unlink()
        await followed.counted(1)
        assert (await followed.logs.statistics(OWN, 1)).total == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(st.sampled_from(["INFO", "ERROR", "DEBUG"]), min_size=1, max_size=4)),
        st.tuples(st.sampled_from(["rename", "copytruncate", "delete", "half", "restart", "pack"]), st.just([])),
    ),
    max_size=14,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_whatever_is_done_to_the_file_everything_is_told_once_and_the_counts_are_those_of_reading_it_all(
    steps: list[tuple[str, list[str]]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        trio.run(_live, Path(directory), steps)


async def _live(directory: Path, steps: list[tuple[str, list[str]]]) -> None:
    number, left = 0, list(steps)
    while True:
        async with a_followed(directory) as followed:
            path, half = followed.directory / OWN, ""
            while left and left[0][0] != "restart":
                step, levels = left.pop(0)
                archives = sorted(followed.directory.glob(f"{OWN}.*"))
                if step == "write":
                    new = [line(number + n, level) for n, level in enumerate(levels)]
                    number += len(new)
                    with path.open("a", encoding="utf-8") as file:
                        file.write("".join(f"{one}\n" for one in new)[len(half) if half else 0 :])
                    half = ""
                    assert await followed.texts(len(new)) == new
                elif step == "half" and not half:
                    half = line(number, "INFO")[:30]
                    with path.open("a", encoding="utf-8") as file:
                        file.write(half)
                elif half or not path.exists():
                    continue
                elif step == "rename":
                    path.rename(followed.directory / f"{OWN}.{999 - number * 3 - len(archives)}")
                elif step == "copytruncate":
                    shutil.copy(path, followed.directory / f"{OWN}.{999 - number * 3 - len(archives)}")
                    os.truncate(path, 0)
                elif step == "delete":
                    path.unlink()
                elif step == "pack" and archives and archives[0].suffix != ".gz":
                    archives[0].with_name(f"{archives[0].name}.gz").write_bytes(gzip.compress(archives[0].read_bytes()))
                    archives[0].unlink()
            log = followed.state().log
            expected = naive.wanted(log, Filter())
            await followed.counted(len(expected) - bool(half))
            page = await followed.logs.reader.page(await followed.logs.source(OWN), Filter(), 1000)
            assert [entry.record.text for entry in page.entries] == expected
        if not left:
            return
        left.pop(0)
        if half:
            write(path, "")  # the half line ends while nobody looks
            number += 1
