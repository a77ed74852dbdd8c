"""What a follower lives with: directories that come and go, bursts, many listeners, a kernel that says nothing."""

import codecs
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio

from actors.inotify import Inotify, Unavailable
from actors.logs import logs as logs_module
from actors.logs.following import follower
from actors.logs.following.state import LOOK_SECONDS, Feed, Told
from actors.logs.known import KnownLog
from actors.logs.logs import FOLLOWERS, POLL_SECONDS
from actors.logs.reading import Filter
from actors.logs.records import Origin
from actors.runtime import Lagged
from tests.actors.logs.following.follow import LONG, OWN, Followed, a_followed
from tests.actors.logs.following.test_following import line, write
from tests.actors.metrics.children import until

QUEUED_EVENTS = Path("/proc/sys/fs/inotify/max_queued_events")
needs_inotify = pytest.mark.skipif(not QUEUED_EVENTS.exists(), reason="no inotify on this system")


def outside(name: str, path: Path, pattern: str | None = None) -> KnownLog:
    return KnownLog(name=name, path=path, origin=Origin.OUTSIDE, pattern=pattern)


async def read_again(followed: Followed, name: str = OWN) -> int:
    """The records that are there for one who reads it all."""
    source = await followed.logs.source(name)
    return await followed.logs.reader.count(source, Filter(text="e"))


# -- numbers


async def test_the_number_of_a_file_that_is_gone_is_never_given_to_another(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        write(path, line(0), line(1))
        await followed.texts(2)
        first = followed.state().generations[0].number
        path.unlink()
        write(path, line(2))
        await followed.texts(1)
        await followed.counted(1)
        second = followed.state().generations[0].number
        assert second == first + 1
    path.unlink()
    write(path, line(3))
    async with a_followed(tmp_path) as followed:
        assert followed.state().generations[0].number == second + 1


async def test_a_new_number_is_written_down_at_once(tmp_path: Path) -> None:
    index = tmp_path / "log_index" / f"{OWN}.index"
    async with a_followed(tmp_path) as followed:
        write(followed.directory / OWN, line(0))
        await followed.texts(1)
        before = index.stat().st_ino if index.exists() else 0
        (followed.directory / OWN).rename(followed.directory / f"{OWN}.1")
        write(followed.directory / OWN, line(1))
        await followed.texts(1)
        await until(lambda: index.exists() and index.stat().st_ino != before)


@pytest.mark.parametrize("damage", ["lost settings", "broken"])
async def test_without_its_index_a_log_gets_numbers_that_it_never_had(tmp_path: Path, damage: str) -> None:
    async with a_followed(tmp_path) as followed:
        for turn in range(4):
            write(followed.directory / OWN, line(turn))
            await followed.texts(1)
            (followed.directory / OWN).unlink()
        write(followed.directory / OWN, line(9))
        await followed.texts(1)
        last = followed.state().highest
    index = tmp_path / "log_index" / f"{OWN}.index"
    data = index.read_bytes()
    index.write_bytes(data.replace(b'["ours",', b'["OURS",') if damage == "lost settings" else data[:-9])
    async with a_followed(tmp_path) as followed:
        assert followed.state().generations[0].number > last


# -- listeners


async def test_a_listener_by_name_hears_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    async with a_followed(tmp_path, captures=True) as followed:
        with followed.logs.feed(["web.log"]) as told:
            write(followed.directory / "other.log", "not wanted")
            write(followed.directory / "web.log", "first")
            with trio.fail_after(LONG):
                heard = await told.receive()
        assert isinstance(heard, Told)
        assert (heard.log.name, heard.record.text) == ("web.log", "first")
        assert all(not state.feeds or told not in state.feeds for state in followed.logs.followed.values())


async def test_a_listener_hears_a_log_from_outside_also_after_it_was_configured_anew_and_only_what_is_new(
    tmp_path: Path,
) -> None:
    path = tmp_path / "app.txt"
    write(path, line(0), line(1))
    async with a_followed(tmp_path, outside=[outside("app", path)]) as followed:
        with followed.logs.feed(["app"]) as told:
            changed = outside("app", path, r"(?P<timestamp>\\S+) (?P<level>\\S+) (?P<message>.*)")
            before = followed.state("app")
            followed.logs.configure({"app": changed}, {})
            await until(lambda: followed.logs.followed.get("app") not in (before, None))
            with trio.fail_after(LONG):
                await followed.state("app").ready.wait()
                write(path, line(2))
                heard = await told.receive()
        assert isinstance(heard, Told)
        assert (heard.log, heard.record.text) == (changed, line(2))


async def test_a_thousand_listeners_of_one_log_cost_one_read_and_one_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_followed(tmp_path) as followed:
        write(followed.directory / OWN, "2026-11-26T12:00:00.000+00:00 INFO app [m:1 MainThread] " + "x" * 400)
        await followed.texts(1)
        read: list[int] = []
        pread = os.pread

        def counting(fd: int, size: int, offset: int) -> bytes:
            data = pread(fd, size, offset)
            read.append(len(data))
            return data

        monkeypatch.setattr(follower.os, "pread", counting)
        feeds = [followed.logs.feed([OWN]) for _ in range(1000)]
        subscriptions = [feed.__enter__() for feed in feeds]
        write(followed.directory / OWN, line(1))
        await followed.texts(1)
        heard = {id(subscription.receive_nowait()) for subscription in subscriptions}
        assert len(heard) == 1
        assert sum(size for size in read if size != follower.HEAD_BYTES) == len(line(1)) + 1
        for feed in feeds:
            feed.__exit__(None, None, None)


class Turns(trio.abc.Instrument):
    """How much is told to listeners in one step of a task, at most."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pushed, self.most = 0, 0
        push = Feed.push

        def counting(feed: Feed, told: Told) -> None:
            self.pushed += 1
            push(feed, told)

        monkeypatch.setattr(Feed, "push", counting)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.most, self.pushed = max(self.most, self.pushed), 0


@pytest.mark.parametrize("listeners", [1, 300])
async def test_a_burst_is_told_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listeners: int) -> None:
    async with a_followed(tmp_path) as followed:
        feeds = [followed.logs.feed([OWN], capacity=10_000) for _ in range(listeners - 1)]
        subscriptions = [feed.__enter__() for feed in feeds]
        turns = Turns(monkeypatch)
        trio.lowlevel.add_instrument(turns)
        write(followed.directory / OWN, *(line(n) for n in range(3000)))
        assert await followed.texts(3000) == [line(n) for n in range(3000)]
        trio.lowlevel.remove_instrument(turns)
        # What the burst is told in, and not everything in one step.
        assert 0 < turns.most <= follower.PUSHES + listeners
        for subscription in subscriptions:
            assert subscription.statistics().queued == 3000
        for feed in feeds:
            feed.__exit__(None, None, None)


async def test_who_joins_in_the_middle_of_a_burst_loses_and_repeats_nothing(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        with followed.logs.feed([OWN], capacity=10_000) as all_of_it:
            write(followed.directory / OWN, *(line(n) for n in range(2000)))
            with trio.fail_after(LONG):
                first = await all_of_it.receive()
                assert isinstance(first, Told)
                with followed.logs.feed([OWN], capacity=10_000) as late:
                    source = await followed.logs.source(OWN)
                    found = [first.record.text]
                    after = first.after
                    while True:
                        entries, more = await followed.logs.reader.backlog(source, Filter(), after)
                        found += [entry.record.text for entry in entries]
                        if more is None:
                            break
                        after = more
                    while len(found) < 2000:
                        told = await late.receive()
                        assert isinstance(told, Told)
                        if source.reached is None or told.position >= source.reached:
                            found.append(told.record.text)
        assert found == [line(n) for n in range(2000)]


async def test_what_a_listener_misses_in_bulk_is_counted_by_the_levels_that_it_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BULK_BYTES", 10_000)
    monkeypatch.setattr("actors.logs.indexing.bulk.BULK_BYTES", 10_000)
    async with a_followed(tmp_path) as followed:
        with followed.logs.feed([OWN], levels=["ERROR"]) as errors:
            write(followed.directory / OWN, *(line(n, "ERROR" if n % 10 == 0 else "INFO") for n in range(1000)))
            await followed.counted(1000)
            write(followed.directory / OWN, line(1000, "INFO"))
            await followed.counted(1001)
            got, missed = 0, 0
            with trio.fail_after(LONG):
                while got + missed < 100:
                    told = await errors.receive()
                    got, missed = (got, missed + told.missed) if isinstance(told, Lagged) else (got + 1, missed)
            assert (got + missed, errors.statistics().queued) == (100, 0)


# -- what a file begins with


async def test_a_first_line_without_a_time_does_not_decide_for_the_others(tmp_path: Path) -> None:
    path = tmp_path / "app.txt"
    path.touch()
    async with a_followed(tmp_path, outside=[outside("app", path)]) as followed:
        write(path, "the service begins", "its banner, of two lines")
        await followed.counted(2, "app")
        write(path, line(0, "ERROR"), "and a line that belongs to it", line(1))
        await followed.counted(3, "app")
        write(path, "which goes on", line(2))
        await followed.counted(4, "app")
        live = followed.state("app").generations[0]
        counts, end = live.counts, live.indexed
        assert await read_again(followed, "app") == 4
    (tmp_path / "log_index" / "app.index").unlink()
    async with a_followed(tmp_path, outside=[outside("app", path)]) as followed:
        again = followed.state("app").generations[0]
        assert (again.counts, again.indexed) == (counts, end)


async def test_the_first_piece_of_a_new_file_says_how_it_is_encoded(tmp_path: Path) -> None:
    path = tmp_path / "app.txt"
    path.touch()
    async with a_followed(tmp_path, outside=[outside("app", path)]) as followed:
        path.write_bytes(codecs.BOM_UTF16_LE + f"{line(0)}\n{line(1, 'ERROR')}\n".encode("utf-16-le"))
        assert await followed.texts(2) == [line(0), line(1, "ERROR")]


async def test_a_file_that_is_written_anew_to_the_same_size_is_read_again(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        path.write_text(f"{line(1)}\n{line(2)}\n", "utf-8")
        await followed.texts(2)
        with path.open("r+", encoding="utf-8") as file:
            file.write(f"{line(3)}\n{line(4)}\n")
        assert await followed.texts(2) == [line(3), line(4)]


async def test_output_that_is_counted_in_bulk_has_the_time_at_which_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BULK_BYTES", 10_000)
    monkeypatch.setattr("actors.logs.indexing.bulk.BULK_BYTES", 10_000)
    async with a_followed(tmp_path, captures=True) as followed:
        write(followed.directory / "web.log", *(f"plain output {n}" for n in range(2000)))
        await followed.counted(2000, "web.log")
        assert (await followed.logs.statistics("web.log", 1)).total == 2000
        page = await followed.logs.reader.page(await followed.logs.source("web.log"), Filter(), 1)
        came = page.entries[0].record.timestamp
        assert came is not None
        assert abs((datetime.now(UTC) - came).total_seconds()) < LONG


async def test_a_file_that_is_put_aside_while_it_is_counted_in_bulk_is_counted_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BULK_BYTES", 10_000)
    monkeypatch.setattr("actors.logs.indexing.bulk.BULK_BYTES", 10_000)
    async with a_followed(tmp_path) as followed:
        path = followed.directory / OWN
        for turn in range(4):
            write(path, *(line(turn * 1000 + n) for n in range(1000)))
            await trio.lowlevel.checkpoint()
            path.rename(followed.directory / f"{OWN}.{9 - turn}")
        write(path, line(4000))
        await followed.counted(4001)


async def test_times_of_a_log_from_elsewhere_are_of_its_zone(tmp_path: Path) -> None:
    path = tmp_path / "app.txt"
    log = KnownLog(name="app", path=path, origin=Origin.OUTSIDE, zone="Asia/Seoul")
    write(path, "2026-11-26 12:00:00 INFO in Seoul", "2026-11-26T03:00:00Z INFO in UTC")
    async with a_followed(tmp_path, outside=[log]) as followed:
        page = await followed.logs.reader.page(await followed.logs.source("app"), Filter(), 5)
        noon = datetime(2026, 11, 26, 3, tzinfo=UTC)
        assert [entry.record.timestamp for entry in page.entries] == [noon, noon]


async def test_a_log_of_a_service_has_its_name_before_one_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "app.txt"
    write(path, line(0))
    async with a_followed(tmp_path, captures=True, outside=[outside("web.log", path)]) as followed:
        assert (await followed.logs.find("web.log")).origin is Origin.OUTSIDE
        write(followed.directory / "web.log", "printed")
        followed.logs.configured.set()
        assert await followed.texts(1) == ["printed"]
        assert (await followed.logs.find("web.log")).origin is Origin.CAPTURED
        assert followed.state("web.log").log.origin is Origin.CAPTURED


# -- directories and the kernel


async def test_a_directory_that_is_missing_hinders_no_other_and_is_watched_when_it_comes(tmp_path: Path) -> None:
    missing, there = tmp_path / "missing", tmp_path / "there"
    there.mkdir()
    logs = [outside("a", missing / "a.txt"), outside("b", there / "b.txt")]
    async with a_followed(tmp_path, outside=logs) as followed:
        write(there / "b.txt", line(0))
        assert await followed.texts(1) == [line(0)]
        missing.mkdir()
        write(missing / "a.txt", line(1))
        assert await followed.texts(1) == [line(1)]


@needs_inotify
async def test_only_what_is_in_a_directory_that_cannot_be_watched_is_polled(tmp_path: Path) -> None:
    missing, there = tmp_path / "missing", tmp_path / "there"
    there.mkdir()
    logs = [outside("a", missing / "a.txt"), outside("b", there / "b.txt")]
    async with a_followed(tmp_path, outside=logs) as followed:
        await until(lambda: followed.state("a").poll_seconds == POLL_SECONDS)
        assert followed.state("b").poll_seconds == LOOK_SECONDS
        missing.mkdir()
        followed.logs.configured.set()  # the clerk looks, which it does every few seconds
        await until(lambda: followed.state("a").poll_seconds == LOOK_SECONDS)
        write(missing / "a.txt", line(1))
        assert await followed.texts(1) == [line(1)]


async def test_a_directory_that_is_deleted_or_moved_and_made_again_is_followed_again(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    async with a_followed(tmp_path, outside=[outside("a", place / "a.txt")]) as followed:
        for turn in range(3):
            write(place / "a.txt", line(turn))
            assert await followed.texts(1) == [line(turn)]
            if turn == 1:
                place.rename(tmp_path / "elsewhere")
            else:
                (place / "a.txt").unlink()
                place.rmdir()
            place.mkdir()
        write(place / "a.txt", line(9))
        assert await followed.texts(1) == [line(9)]


async def test_one_directory_by_two_names_is_watched_by_both(tmp_path: Path) -> None:
    place, link = tmp_path / "place", tmp_path / "link"
    place.mkdir()
    link.symlink_to(place)
    logs = [outside("a", place / "a.txt"), outside("b", link / "b.txt")]
    async with a_followed(tmp_path, outside=logs) as followed:
        for turn in range(3):
            write(place / "a.txt", line(turn))
            assert await followed.texts(1) == [line(turn)]
            write(place / "b.txt", line(turn + 10))
            assert await followed.texts(1) == [line(turn + 10)]


@needs_inotify
async def test_when_the_kernel_loses_count_everything_is_looked_at(tmp_path: Path) -> None:
    async with a_followed(tmp_path) as followed:
        limit = int(await trio.Path(QUEUED_EVENTS).read_text("ascii"))
        # Nobody reads the events meanwhile: all in one step of this task.
        files = [(followed.directory / name).open("wb", buffering=0) for name in ("a.txt", "b.txt")]
        for number in range(limit + 100):
            files[number % 2].write(b"x")
        for file in files:
            file.close()
        write(followed.directory / OWN, line(0))  # of which nothing is said any more
        assert await followed.texts(1) == [line(0)]
        write(followed.directory / OWN, line(1))
        assert await followed.texts(1) == [line(1)]


async def test_where_the_kernel_says_nothing_the_files_are_looked_at_four_times_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nothing(Inotify):
        def __init__(self) -> None:
            raise Unavailable("no inotify here")

    monkeypatch.setattr(logs_module, "Inotify", Nothing)
    async with a_followed(tmp_path) as followed:
        for turn in range(3):
            write(followed.directory / OWN, line(turn))
            assert await followed.texts(1) == [line(turn)]
        assert followed.state().poll_seconds == POLL_SECONDS
        (followed.directory / OWN).rename(followed.directory / f"{OWN}.1")
        write(followed.directory / OWN, line(3))
        assert await followed.texts(1) == [line(3)]
        await followed.counted(4)


async def test_a_follower_that_crashed_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_followed(tmp_path) as followed:
        write(followed.directory / OWN, line(0), line(1))
        await followed.texts(2)
        broken = [True, True]
        drawn = follower.Follower.catch_up

        async def failing(self: follower.Follower) -> None:
            if broken:
                broken.pop()
                raise RuntimeError("broken on purpose")
            await drawn(self)

        monkeypatch.setattr(follower.Follower, "catch_up", failing)
        write(followed.directory / OWN, line(2))
        assert await followed.texts(1) == [line(2)]
        assert (followed.total(), broken) == (3, [])


async def test_of_too_many_logs_the_rest_is_left_out_with_a_word_and_still_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logs_module, "FOLLOWERS", 3)
    assert FOLLOWERS == 1000
    async with a_followed(tmp_path, captures=True) as followed:
        for name in ("a", "b", "c", "d"):
            write(followed.directory / f"{name}.log", f"line of {name}")
        await followed.counted(1, "a.log")
        await followed.counted(1, "b.log")
        await until(lambda: "logs.not_followed log=d.log limit=3" in caplog.text)
        assert set(followed.logs.followed) == {OWN, "a.log", "b.log"}
        assert await read_again(followed, "d.log") == 1
