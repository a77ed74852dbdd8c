"""Waiting for a line of a log: which lines count, over rotations and truncations, and expressions that never end."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from actors.services.attendance import log_line_command
from actors.services.log_line import LINE_BYTES, Lines, LogMark, LogReader, mark
from actors.services.probing.running import Ended, run
from tests.actors.metrics.children import until
from tests.actors.services.yard import PATIENCE


def read_all(reader: LogReader) -> bytes:
    """What there is now; a rotation takes the reader some looks."""
    found = b""
    quiet = 0
    while quiet < 4:
        chunk = reader.read()
        found += chunk
        quiet = 0 if chunk else quiet + 1
    return found


def append(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


def rotate(log: Path) -> None:
    """As the holder does, without compression."""
    archives = sorted(log.parent.glob(f"{log.name}.*"), key=lambda path: -int(path.suffix[1:]))
    for archive in archives:
        archive.rename(f"{log}.{int(archive.suffix[1:]) + 1}")
    log.rename(f"{log}.1")


# --- the bytes of one run ---


def test_what_stood_in_the_log_before_the_run_is_passed_over(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"old\n")
    reader = LogReader(str(log), mark(str(log)))
    assert read_all(reader) == b""
    append(log, b"new\n")
    assert read_all(reader) == b"new\n"


def test_a_log_that_is_made_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.log"
    reader = LogReader(str(log), mark(str(log)))
    assert read_all(reader) == b""
    log.parent.mkdir()
    log.write_bytes(b"new\n")
    assert read_all(reader) == b"new\n"


@pytest.mark.parametrize("looked_before", [True, False])
def test_nothing_is_lost_and_nothing_old_is_read_over_any_number_of_rotations(
    tmp_path: Path, looked_before: bool
) -> None:
    log = tmp_path / "a.log"
    for age in (3, 2, 1):
        (tmp_path / f"a.log.{age}").write_bytes(b"ancient\n")
    log.write_bytes(b"old\n")
    reader = LogReader(str(log), mark(str(log)))
    found = read_all(reader) if looked_before else b""
    for number in range(5):
        append(log, b"%d\n" % number)
        rotate(log)
    log.write_bytes(b"5\n")
    found += read_all(reader)
    assert found == b"0\n1\n2\n3\n4\n5\n"
    rotate(log)
    log.write_bytes(b"6\n")
    assert read_all(reader) == b"6\n"


def test_an_inode_that_was_given_away_again_is_another_file(tmp_path: Path) -> None:
    """A new log takes the number of an archive that was deleted, as file systems like to do."""
    log, archive = tmp_path / "a.log", tmp_path / "a.log.1"
    archive.write_bytes(b"ancient\n")
    log.write_bytes(b"old\n")
    begins = mark(str(log))
    reader = LogReader(str(log), begins)
    read_all(reader)
    log.unlink()
    os.utime(archive, ns=(1, 1))
    archive.rename(log)
    log.write_bytes(b"new\n")
    assert {key.inode for key in begins.archives} == {log.stat().st_ino}
    assert read_all(reader) == b"new\n"


def test_a_truncated_log_is_read_on_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 100)
    reader = LogReader(str(log), mark(str(log)))
    assert read_all(reader) == b""
    os.truncate(log, 0)
    assert read_all(reader) == b""
    append(log, b"new\n")
    assert read_all(reader) == b"new\n"


def test_a_mark_is_the_same_after_its_way_over_a_command_line(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert LogMark.parse(mark(str(log)).text()) == mark(str(log)) == LogMark(None, frozenset())
    log.write_bytes(b"old\n")
    (tmp_path / "a.log.1").write_bytes(b"older\n")
    (tmp_path / "a.log.2.gz").write_bytes(b"no text\n")
    (tmp_path / "b.log.1").write_bytes(b"another's\n")
    begins = mark(str(log))
    assert begins.log is not None
    assert len(begins.archives) == 1
    assert LogMark.parse(begins.text()) == begins


def test_lines_are_whole_without_their_ends_and_of_a_bounded_length() -> None:
    lines = Lines()
    assert list(lines.feed(b"one\r\ntw")) == [b"one"]
    assert list(lines.feed(b"o\n\nthree")) == [b"two", b""]
    for _ in range(100):
        assert list(lines.feed(b"x" * LINE_BYTES)) == []
    (long,) = lines.feed(b"end\n")
    assert long == (b"three" + b"x" * LINE_BYTES)[:LINE_BYTES]


# --- the program ---


async def search(log: Path, begins: LogMark, expression: str, *, seconds: float = PATIENCE) -> Ended:
    return await run(log_line_command(str(log), begins.text(), str(seconds), expression))


async def found_by(log: Path, expression: str, write: Callable[[], object], *, before: bool) -> Ended:
    """How the search ends when *write* is called before it begins, or while it is on."""
    begins = mark(str(log))
    ended: list[Ended] = []

    async def look() -> None:
        ended.append(await search(log, begins, expression))

    if before:
        write()
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            if not before:
                await trio.sleep(0.1)  # most likely it looks by now; if not, the test is only the other one
                write()
    return ended[0]


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False])
async def test_the_line_is_found_and_said(tmp_path: Path, before: bool) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"ready 1\n")
    text = "시작\nready \xe9 준비\nready 2\n".encode()
    ended = await found_by(log, "^ready .*준비$", lambda: append(log, text), before=before)
    assert (ended.exit_code, ended.output.decode()) == (0, "ready \xe9 준비")


@pytest.mark.slow
async def test_an_expression_that_never_ends_disturbs_nobody_and_ends_with_its_time(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    begins = mark(str(log))
    log.write_bytes(b"a" * 60 + b"!\n")
    longest = 0.0
    over = trio.Event()

    async def beat() -> None:
        nonlocal longest
        while not over.is_set():
            began = time.perf_counter()
            await trio.sleep(0.01)
            longest = max(longest, time.perf_counter() - began)

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat)
            ended = await search(log, begins, "^(a+)+$", seconds=0.7)
            over.set()
    assert ended.signal == "SIGALRM"
    assert longest < 0.5


@pytest.mark.slow
async def test_the_search_ends_with_its_parent(tmp_path: Path) -> None:
    """We may be killed before we can end it."""
    log = str(tmp_path / "a.log")
    program, own_pid, *rest = log_line_command(log, mark(log).text(), "1000", "never")[5:]
    assert own_pid == str(os.getpid())
    code = f"""if True:
        import os, subprocess, sys
        command = [sys.executable, "-I", "-S", {program!r}, str(os.getpid()), *{rest!r}]
        print(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)"""
    with trio.fail_after(PATIENCE):
        parent = await trio.run_process([sys.executable, "-I", "-S", "-c", code], capture_stdout=True)
        await until(lambda: not is_running(int(parent.stdout)))


def is_running(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())  # empty: a zombie that nobody waits for
    except OSError:
        return False
