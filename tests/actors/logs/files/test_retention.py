"""Only archives go, and just those that the policy names."""

import gzip
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.logs.files.catalogue import Catalogue
from actors.logs.files.cleaning import archives, clean
from actors.logs.files.retention import DAY, MB, Kept, plan
from actors.logs.parsing import Parser
from actors.settings import RetentionOptions, SettingsError

NOW = 1_790_000_000.0


def a_policy(**keys: object) -> RetentionOptions:
    nothing: dict[str, object] = {
        "max_days": None,
        "max_size_mb": None,
        "max_files": None,
        "compression_enabled": False,
    }
    return RetentionOptions(**{**nothing, **keys})  # type: ignore[arg-type]  # keys of its own


def a_catalogue(directory: Path, *, captures: bool = False) -> Catalogue:
    return Catalogue(directory, lambda _: captures)


KEPT = st.lists(
    st.builds(
        Kept,
        name=st.uuids().map(str),
        log=st.sampled_from(["a.log", "b.log"]),
        size=st.integers(0, 3 * MB),
        modified=st.floats(NOW - 90 * DAY, NOW),
        place=st.integers(0, 6),
        packed=st.booleans(),
        ours_to_pack=st.booleans(),
    ),
    max_size=12,
)


@given(
    kept=KEPT,
    days=st.none() | st.floats(0, 60),
    files=st.none() | st.integers(0, 5),
    size=st.none() | st.floats(0.1, 9),
)
def test_what_is_left_is_within_every_limit_and_nothing_goes_without_a_reason(
    kept: Sequence[Kept], days: float | None, files: int | None, size: float | None
) -> None:
    policy = a_policy(max_days=days, max_files=files, max_size_mb=size, compression_enabled=True)
    found = plan(kept, policy, NOW)
    gone = {archive.name: why for archive, why in found.delete}
    left = [archive for archive in kept if archive.name not in gone]
    for archive in left:
        assert days is None or archive.modified >= NOW - days * DAY
        assert files is None or archive.place < files
    total = sum(archive.size for archive in left)
    assert size is None or total <= size * MB
    if size is not None and "size" in gone.values():
        newest = max((a for a in kept if gone.get(a.name) == "size"), key=lambda a: (a.modified, -a.place))
        assert total + newest.size > size * MB
    for archive in found.pack:
        assert archive.name not in gone
        assert archive.place > 0
        assert not archive.packed
        assert archive.ours_to_pack


def aged(path: Path, data: bytes, days: float) -> Path:
    path.write_bytes(data)
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


def test_the_files_that_are_written_and_those_of_others_are_never_touched(tmp_path: Path) -> None:
    outside = aged(tmp_path / "precious", b"x" * 100, 900)
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("watchhamster.log", "web.log", "notes.txt", "web.log.bak", "web.log.1x"):
        aged(logs / name, b"x" * 100, 900)
    (logs / "web.log.7").symlink_to(outside)
    (logs / "web.log.8").mkdir()
    aged(logs / "web.log.1", b"x" * 100, 900)
    catalogue = a_catalogue(logs)
    before = sorted(path.name for path in logs.iterdir())
    planned = clean(catalogue, a_policy(max_days=1), lambda log: Parser(log, UTC), dry_run=True)
    assert sorted(path.name for path in logs.iterdir()) == before
    done = clean(catalogue, a_policy(max_days=1), lambda log: Parser(log, UTC))
    assert planned.deleted == done.deleted == [("web.log.1", "age")]
    assert planned.freed == done.freed == 100
    assert sorted(path.name for path in logs.iterdir()) == sorted(set(before) - {"web.log.1"})
    assert outside.read_bytes() == b"x" * 100


def test_archives_but_the_latest_are_packed_and_keep_their_time_and_content(tmp_path: Path) -> None:
    aged(tmp_path / "web.log", b"live\n", 0)
    for number in (1, 2, 3):
        aged(tmp_path / f"web.log.{number}", b"old line\n" * 1000, number)
    before = (tmp_path / "web.log.2").stat().st_mtime
    done = clean(a_catalogue(tmp_path), a_policy(compression_enabled=True), lambda log: Parser(log, UTC))
    assert sorted(done.packed) == ["web.log.2", "web.log.3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.log", "web.log.1", "web.log.2.gz", "web.log.3.gz"]
    assert gzip.decompress((tmp_path / "web.log.2.gz").read_bytes()) == b"old line\n" * 1000
    assert (tmp_path / "web.log.2.gz").stat().st_mtime == pytest.approx(before)
    assert done.freed > 17_000


def test_archives_of_services_are_left_to_the_keeper_to_pack(tmp_path: Path) -> None:
    aged(tmp_path / "web.log", b"live\n", 0)
    for number in (1, 2):
        aged(tmp_path / f"web.log.{number}", b"old line\n", number)
    assert not clean(
        a_catalogue(tmp_path, captures=True), a_policy(compression_enabled=True), lambda log: Parser(log, UTC)
    ).packed


@pytest.mark.parametrize("packed", [False, True])
def test_records_of_a_level_are_taken_out_when_their_time_is_over_with_their_continuation_lines(
    tmp_path: Path, packed: bool
) -> None:
    def line(days: float, level: str) -> str:
        at = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
        return f"{at} {level} app [m:1 MainThread] said\n  more\n"

    kept = line(9, "ERROR") + line(1, "DEBUG")
    data = ("".join([line(9, "DEBUG"), line(9, "ERROR"), line(1, "DEBUG")])).encode()
    expected = [line(9, "ERROR").split()[1:], line(1, "DEBUG").split()[1:]]
    aged(tmp_path / "watchhamster.log", b"", 0)
    aged(tmp_path / "watchhamster.log.1", data, 0)
    name = "watchhamster.log.2" + (".gz" if packed else "")
    aged(tmp_path / name, gzip.compress(data) if packed else data, 2)
    policy = a_policy(level_based_retention={"DEBUG": 7})
    done = clean(a_catalogue(tmp_path), policy, lambda log: Parser(log, UTC))
    assert dict(done.thinned) == {name: 1}
    left = (tmp_path / name).read_bytes()
    text = (gzip.decompress(left) if packed else left).decode()
    assert [one.split()[1:] for one in text.replace("\n  ", " ").splitlines()] == [[*words] for words in expected]
    assert len(text) == len(kept)
    assert (tmp_path / "watchhamster.log.1").read_bytes() == data


def test_an_archive_that_is_put_aside_further_meanwhile_is_not_taken_for_the_one_that_has_its_name_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged(tmp_path / "web.log", b"live\n", 0)
    for number in (1, 2):
        aged(tmp_path / f"web.log.{number}", b"%d\n" % number, number)

    def rotate(fd: int) -> None:
        del fd
        (tmp_path / "web.log.2").rename(tmp_path / "web.log.3")
        (tmp_path / "web.log.1").rename(tmp_path / "web.log.2")

    monkeypatch.setattr("actors.logs.files.packing.os.fsync", rotate)
    done = clean(a_catalogue(tmp_path), a_policy(compression_enabled=True), lambda log: Parser(log, UTC))
    assert list(done.failed) == ["web.log.2"]
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert left == {"web.log": b"live\n", "web.log.2": b"1\n", "web.log.3": b"2\n"}


def test_the_places_of_archives_are_counted_for_each_log(tmp_path: Path) -> None:
    for name in ("a.log", "a.log.1", "a.log.2.gz", "b.log", "b.log-20260101", "b.log-20260301.gz"):
        aged(tmp_path / name, b"", 1)
    found = {archive.name: archive.place for archive in archives(a_catalogue(tmp_path))}
    assert found == {"a.log.1": 0, "a.log.2.gz": 1, "b.log-20260301.gz": 0, "b.log-20260101": 1}


def test_a_policy_that_cannot_be_is_refused_by_name() -> None:
    for keys, name in (
        ({"max_days": -1}, "max_days"),
        ({"max_size_mb": 0.0}, "max_size_mb"),
        ({"cleanup_schedule": "never"}, "cleanup_schedule"),
        ({"level_based_retention": {"LOUD": 1}}, "level_based_retention.LOUD"),
    ):
        with pytest.raises(SettingsError, match=name):
            RetentionOptions(**keys)  # type: ignore[arg-type]  # that is what is tried
