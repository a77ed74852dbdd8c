"""Lines for readers that read, that do not, and that are not there."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

import pytest

from hamster.console import Console, is_terminal, reserve_standard_files

PATIENCE = 10.0


@contextmanager
def pipe(encoding: str = "utf-8") -> Generator[tuple[int, TextIO], None, None]:
    """The end to read, and the end to write as a stream."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding=encoding) as stream:
        yield reading, stream
    os.close(reading)


def read_all(fd: int, into: list[bytes]) -> threading.Thread:
    """Read *fd* to its end in a thread."""

    def read() -> None:
        while chunk := os.read(fd, 65536):
            into.append(chunk)

    thread = threading.Thread(target=read)
    thread.start()
    return thread


def test_lines_arrive_in_order() -> None:
    got: list[bytes] = []
    with pipe() as (reading, stream):
        with Console(stream) as console:
            for number in range(1000):
                console.line(f"줄 {number}")
        thread = read_all(reading, got)
        stream.close()
        thread.join(PATIENCE)
    assert b"".join(got).decode().splitlines() == [f"줄 {number}" for number in range(1000)]


def test_a_reader_that_never_reads_holds_nobody_up_and_hears_how_much_it_missed() -> None:
    got: list[bytes] = []
    with pipe() as (reading, stream):
        begun = time.monotonic()
        console = Console(stream)
        with console:
            for number in range(30_000):
                console.line(f"{number} {'x' * 100}")
            assert time.monotonic() - begun < PATIENCE
            thread = read_all(reading, got)
        stream.close()
        thread.join(PATIENCE)
    lines = b"".join(got).decode().splitlines()
    missing = [line for line in lines if line.startswith("(")]
    assert missing
    assert lines[0].startswith("0 ")
    counted = sum(int(line[1:].split()[0]) for line in missing)
    assert counted + len(lines) - len(missing) == 30_000


def test_a_non_blocking_pipe_loses_nothing() -> None:
    got: list[bytes] = []
    with pipe() as (reading, stream):
        os.set_blocking(stream.fileno(), False)
        with Console(stream) as console:
            for number in range(5_000):
                console.line(f"{number} {'x' * 100}")
            thread = read_all(reading, got)
        stream.close()
        thread.join(PATIENCE)
    assert len(b"".join(got).splitlines()) == 5_000


def test_a_reader_that_has_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream, Console(stream) as console:
        for _ in range(10):
            console.line("nobody hears it")


def test_no_stream_is_no_error() -> None:
    with Console(None) as console:
        console.line("nobody hears it")
    assert not is_terminal(None)


def test_what_the_terminal_cannot_show_is_written_as_an_escape() -> None:
    with pipe("ascii") as (reading, stream), Console(stream) as console:
        console.line("é")
        assert os.read(reading, 100) == b"\\xe9\n"


@pytest.mark.slow
def test_a_process_ends_as_it_should_though_its_output_is_never_read() -> None:
    """Through Python's own buffers it would end with a fatal error, or not at all."""
    program = (
        "import sys; from hamster.console import Console\n"
        "with Console(sys.stdout) as console:\n"
        "    for _ in range(20_000): console.line('x' * 100)\n"
        "sys.exit(7)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(PATIENCE) == 7
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.slow
def test_closed_standard_files_are_nobody_elses() -> None:
    program = (
        "import os; from hamster.console import reserve_standard_files\n"
        "reserve_standard_files()\n"
        "fd = os.open(os.devnull, os.O_RDONLY)\n"
        "os._exit(fd)"
    )
    ended = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", program], timeout=PATIENCE, check=False
    )
    assert ended.returncode >= 3


def test_open_standard_files_stay_as_they_are() -> None:
    before = [os.fstat(number) for number in range(3)]
    reserve_standard_files()
    assert [os.fstat(number).st_ino for number in range(3)] == [each.st_ino for each in before]
