from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.services.keeper import Rotation
from actors.services.keeper.kernel import birth_of
from actors.services.keeper.log_file import LogFile, room

if TYPE_CHECKING:  # it exists for type checkers alone
    from actors.services.keeper.wire import RotationRecord

LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"x") + b"\n"), max_size=30)
CUTS = st.lists(st.integers(1, 60), max_size=30)


def rotation(
    *,
    max_bytes: int | None = None,
    max_age: float | None = None,
    keep: int = 1000,
    compress: bool = False,
    budget: int | None = None,
) -> RotationRecord:
    return Rotation(max_bytes, max_age, keep, compress, budget).record()


def log_at(path: Path, how: RotationRecord) -> LogFile:
    return LogFile(os.fsencode(path), how)


def archives(path: Path) -> list[Path]:
    """Oldest first."""
    found: list[Path] = []
    for number in count(1):
        names = [path.with_name(f"{path.name}.{number}{end}") for end in ("", ".gz")]
        there = [name for name in names if name.exists()]
        if not there:
            return found[::-1]
        assert len(there) == 1, f"{there} are there twice"
        found += there
    raise AssertionError("unreachable")


def read(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def everything(path: Path) -> bytes:
    return b"".join(read(file) for file in [*archives(path), path])


def cut(stream: bytes, cuts: list[int]) -> Iterator[bytes]:
    for size in [*cuts, len(stream) + 1]:
        if piece := stream[:size]:
            yield piece
        stream = stream[size:]


@settings(deadline=None)
@given(LINES, CUTS, st.integers(1, 50))
@example([b"longer than any file\n"], [], 3)
def test_rotation_loses_no_byte_splits_no_line_and_bounds_every_file(
    lines: list[bytes], cuts: list[int], limit: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "service.log"
        log = log_at(path, rotation(max_bytes=limit))
        for piece in cut(b"".join(lines), cuts):
            log.append(piece)
        log.close()
        assert log.lost == 0
        assert log.rotations == len(archives(path))
        assert everything(path) == b"".join(lines)
        for file in archives(path):
            assert 0 < file.stat().st_size < 2 * limit
            # A line that is longer than a file may be has to be split.
            assert read(file).endswith(b"\n") or max(map(len, lines)) > limit


@given(st.binary(min_size=1), st.integers(0, 100), st.integers(0, 100), st.integers(1, 100))
def test_what_goes_into_a_file_ends_with_a_line_or_leaves_no_choice(
    data: bytes, size: int, line: int, limit: int
) -> None:
    line = min(line, size)
    take = room(data, size, line, limit)
    assert 0 <= take <= len(data)
    if take == 0:
        # The next file has more room: nothing is in it.
        assert size > 0
        assert room(data, 0, 0, limit) > 0
    elif take < len(data) and not data[:take].endswith(b"\n"):
        assert line + take == limit or (line == size == 0 and take == limit)


def test_archives_beyond_the_number_to_keep_are_deleted_and_the_latest_is_the_first(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=4, keep=2))
    for number in range(6):
        log.append(b"%03d\n" % number)
    assert [read(file) for file in [*archives(path), path]] == [b"003\n", b"004\n", b"005\n"]


def test_none_are_kept_where_none_are_to_be(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=4, keep=0))
    log.append(b"one\ntwo\n")
    assert os.listdir(tmp_path) == ["service.log"]  # noqa: PTH208
    assert path.read_bytes() == b"two\n"


def test_a_lower_number_to_keep_is_kept_to_from_the_next_rotation(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=4, keep=5))
    log.append(b"1..\n2..\n3..\n4..\n")
    log.close()
    log_at(path, rotation(max_bytes=4, keep=1)).append(b"5..\n")
    assert [read(file) for file in archives(path)] == [b"4..\n"]


def test_an_unfinished_line_of_an_earlier_run_is_not_cut_off_from_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    path.write_bytes(b"one\ntw")
    log_at(path, rotation(max_bytes=16)).append(b"o and a half\nthree\n")
    assert [read(file) for file in [*archives(path), path]] == [b"one\ntwo and a half\n", b"three\n"]


def test_a_log_that_is_too_old_is_rotated_even_when_nothing_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_age=100.0))
    assert log.due is None
    log.append(b"old\n")
    due = log.due
    assert due is not None
    assert time.monotonic() + 99 < due <= time.monotonic() + 100
    log.tick(due - 1)
    assert not archives(path)
    log.tick(due)
    assert [read(file) for file in archives(path)] == [b"old\n"]
    assert path.read_bytes() == b""
    assert log.due is None


def test_within_a_line_no_age_is_too_old(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_age=100.0))
    log.append(b"progress ...")
    assert log.due is None
    log.append(b" done\n")
    assert log.due is not None


def test_the_age_of_a_log_counts_from_the_making_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    path.write_bytes(b"of an earlier run\n")
    with path.open("rb") as opened:
        born = birth_of(opened.fileno())
    assert born is not None
    told = subprocess.run(["stat", "-c", "%W", path], capture_output=True, check=True).stdout
    assert int(told) == born


def test_a_budget_is_kept_to_and_the_oldest_archives_go_first(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=20, budget=100))
    for number in range(50):
        log.append(b"%04d\n" % number)
        assert sum(file.stat().st_size for file in [*archives(path), path]) <= 100
    assert everything(path) == b"".join(b"%04d\n" % number for number in range(50 - len(everything(path)) // 5, 50))
    assert len(everything(path)) > 80


def test_a_budget_alone_rotates_the_log_before_it_has_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(budget=100))
    for number in range(50):
        log.append(b"%04d\n" % number)
        assert sum(file.stat().st_size for file in [*archives(path), path]) <= 100
    assert len(everything(path)) >= 50


def test_a_log_that_somebody_deleted_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation())
    log.append(b"one\n")
    path.unlink()
    log.append(b"two\n")
    assert path.read_bytes() == b"two\n"
    assert log.lost == 0


def test_a_log_that_another_program_rotates_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=1000))
    log.append(b"one\n")
    path.rename(tmp_path / "elsewhere")
    path.write_bytes(b"")
    log.append(b"two\n")
    assert path.read_bytes() == b"two\n"
    assert (tmp_path / "elsewhere").read_bytes() == b"one\n"


def test_a_log_that_somebody_emptied_has_all_its_room_again(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=8))
    log.append(b"one\ntwo\n")
    os.truncate(path, 0)
    log.append(b"three\n")
    assert path.read_bytes() == b"three\n"
    assert log.rotations == 0


def test_a_directory_that_somebody_deleted_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "service.log"
    log = log_at(path, rotation(max_bytes=1000))
    log.append(b"one\n")
    shutil.rmtree(path.parent)
    log.append(b"two\n")
    assert path.read_bytes() == b"two\n"


def test_a_log_that_cannot_be_rotated_grows_on_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    obstacle = tmp_path / "service.log.1"
    (obstacle / "full").mkdir(parents=True)
    log = log_at(path, rotation(max_bytes=4, keep=1))
    log.append(b"one\ntwo\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert log.lost == 0
    assert log.rotations == 0


@pytest.mark.parametrize("path", ["/dev/null", "/dev/full"])
def test_a_device_is_never_renamed(path: str) -> None:
    log = log_at(Path(path), rotation(max_bytes=1, max_age=1.0, budget=2))
    log.append(b"one\ntwo\n")
    log.tick(time.monotonic() + 100)
    assert log.rotations == 0
    assert Path(path).is_char_device()


# -- compressed archives


def finish_packing(log: LogFile) -> int:
    """Be the holder that reaps the process; its exit status."""
    assert log.worker is not None
    _, status = os.waitpid(log.worker, 0)
    log.worker_ended(status)
    return status


def test_archives_but_the_latest_are_compressed_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=400, compress=True))
    text = b"".join(b"%099d\n" % number for number in range(18))
    log.append(text)
    for _ in range(3):
        log.tick(0.0)
        assert finish_packing(log) == 0
    log.tick(0.0)
    assert log.worker is None
    names = [file.name for file in archives(path)]
    assert names == ["service.log.4.gz", "service.log.3.gz", "service.log.2.gz", "service.log.1"]
    assert everything(path) == text


def test_a_rotation_while_an_archive_is_compressed_mixes_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=100, compress=True))
    text = b"".join(b"%099d\n" % number for number in range(8))
    log.append(text[:300])
    log.tick(0.0)
    log.append(text[300:])
    finish_packing(log)
    assert everything(path) == text
    assert [file.suffix for file in archives(path)].count(".gz") == 1


def test_an_archive_that_is_deleted_while_it_is_compressed_stays_deleted(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=4, keep=2, compress=True))
    log.append(b"1..\n2..\n3..\n")
    log.tick(0.0)
    log.append(b"4..\n5..\n")
    finish_packing(log)
    assert [read(file) for file in [*archives(path), path]] == [b"3..\n", b"4..\n", b"5..\n"]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_compression_that_is_killed_leaves_the_archive_and_nothing_half_done(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=4, compress=True))
    log.append(b"1..\n2..\n3..\n")
    log.tick(0.0)
    log.stop_worker()
    finish_packing(log)
    assert everything(path) == b"1..\n2..\n3..\n"
    assert not list(tmp_path.glob("*.part"))


def test_what_a_killed_holder_left_half_done_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    path.with_name("service.log.gz.part").write_bytes(b"half")
    path.with_name("service.log.2").write_bytes(b"twice\n")
    path.with_name("service.log.2.gz").write_bytes(gzip.compress(b"twice\n"))
    path.with_name("service.log.1").write_bytes(b"one\n")
    log_at(path, rotation(max_bytes=4, compress=True)).append(b"now\n")
    assert everything(path) == b"twice\none\nnow\n"
    assert not list(tmp_path.glob("*.part"))


def test_nothing_is_compressed_for_which_the_budget_has_no_room(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = log_at(path, rotation(max_bytes=20, budget=60, compress=True))
    log.append(b"%018d\n" % 1 + b"%018d\n" % 2 + b"%018d\n" % 3)
    log.tick(0.0)
    assert log.worker is None


# -- a full disk


@pytest.mark.slow
def test_on_a_full_disk_the_oldest_archives_make_room_where_there_is_a_budget(small_disk: Path) -> None:
    path = small_disk / "service.log"
    log = log_at(path, rotation(max_bytes=40_000, budget=1_000_000))
    for number in range(20_000):
        log.append(b"%019d\n" % number)
    assert log.lost == 0
    assert log.error is None
    assert everything(path).endswith(b"%019d\n" % 19_999)
    assert 100_000 < len(everything(path)) < 256 * 1024


@pytest.mark.slow
def test_on_a_full_disk_without_a_budget_the_archives_stay_and_the_lost_bytes_are_counted(small_disk: Path) -> None:
    path = small_disk / "service.log"
    log = log_at(path, rotation(max_bytes=40_000))
    for number in range(20_000):
        log.append(b"%019d\n" % number)
    assert log.lost == 400_000 - len(everything(path))
    assert log.error == f"cannot write {path}: No space left on device"
    assert everything(path).startswith(b"%019d\n" % 0)
