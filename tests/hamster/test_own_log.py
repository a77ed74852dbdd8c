"""What our own log looks like, and that it never holds anybody up."""

import logging
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hamster.own_log import own_log

LOG = logging.getLogger("hamster.test_own_log")
LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?P<offset>[+-]\d\d:\d\d)) (?P<level>[A-Z]+) (?P<logger>[\w.]+)"
    r" \[(?P<module>[^:]+):(?P<line>\d+) (?P<thread>.+?)\] (?P<message>.*)"
)


def lines(directory: Path) -> list[str]:
    return (directory / "watchhamster.log").read_text("utf-8").splitlines()


def test_a_line_has_time_with_offset_level_logger_place_thread_and_message(tmp_path: Path) -> None:
    with own_log(tmp_path, zone=ZoneInfo("Asia/Seoul")):
        LOG.info("service.started service=%s", "뉴스")
    (line,) = lines(tmp_path)
    found = LINE.fullmatch(line)
    assert found is not None, line
    assert (found["offset"], found["level"], found["logger"]) == ("+09:00", "INFO", "hamster.test_own_log")
    assert (found["module"], found["thread"]) == ("test_own_log", "MainThread")
    assert found["message"] == "service.started service=뉴스"


def test_without_a_zone_it_is_the_machines(tmp_path: Path) -> None:
    with own_log(tmp_path, zone=None):
        LOG.info("x")
    found = LINE.fullmatch(lines(tmp_path)[0])
    assert found is not None
    assert found["offset"].replace(":", "") == time.strftime("%z")


def test_a_traceback_follows_its_line(tmp_path: Path) -> None:
    with own_log(tmp_path, zone=None):
        try:
            raise ValueError("the wheel came off")
        except ValueError:
            LOG.exception("it.failed")
    written = lines(tmp_path)
    assert written[0].endswith("it.failed")
    assert written[1] == "Traceback (most recent call last):"
    assert written[-1] == "ValueError: the wheel came off"


def test_only_our_loggers_from_the_level_on_are_written_and_the_old_ways_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = [(logging.getLogger(name).level, logging.getLogger(name).propagate) for name in ("actors", "hamster")]
    with own_log(tmp_path, zone=None):
        LOG.debug("too little")
        logging.getLogger("actors.services").warning("ours")
        logging.getLogger("somebody.else").error("not ours")
    LOG.error("after")
    assert [line.rpartition("] ")[2] for line in lines(tmp_path)] == ["ours"]
    after = [(logging.getLogger(name).level, logging.getLogger(name).propagate) for name in ("actors", "hamster")]
    assert after == before
    assert "after" in caplog.messages
    assert "ours" not in caplog.messages


def test_it_is_appended_to_and_for_us_alone(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with own_log(tmp_path, zone=None):
            LOG.info(text)
    assert [line.rpartition("] ")[2] for line in lines(tmp_path)] == ["first", "second"]
    assert (tmp_path / "watchhamster.log").stat().st_mode & 0o077 == 0


def test_the_terminal_sees_what_matters(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as terminal:
        with own_log(tmp_path, zone=None, terminal=terminal, shown=logging.WARNING):
            LOG.info("quiet")
            LOG.warning("loud")
        terminal.flush()
        shown = os.read(reading, 10_000).decode()
    os.close(reading)
    assert [line.rpartition("] ")[2] for line in shown.splitlines()] == ["loud"]
    assert len(lines(tmp_path)) == 2


def test_a_record_that_cannot_be_formatted_ends_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with own_log(tmp_path, zone=None):
        LOG.info("%d", "no number")
        LOG.info("goes on")
    assert [line.rpartition("] ")[2] for line in lines(tmp_path)] == ["goes on"]
    assert "no number" in capfd.readouterr().err


def test_a_disk_that_does_not_answer_holds_nobody_up_and_what_is_lost_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "watchhamster.log")
    # A pipe in the log's place stands for the disk: nothing is taken from it at first.
    reading = os.open(tmp_path / "watchhamster.log", os.O_RDONLY | os.O_NONBLOCK)
    got: list[bytes] = []

    def read() -> None:
        os.set_blocking(reading, True)
        while chunk := os.read(reading, 65536):
            got.append(chunk)

    thread = threading.Thread(target=read)
    begun = time.monotonic()
    with own_log(tmp_path, zone=None):
        for number in range(12_000):
            LOG.info("record %d", number)
        assert time.monotonic() - begun < 10.0
        thread.start()
    thread.join(10.0)
    os.close(reading)
    written = b"".join(got).decode().splitlines()
    # More than one line when the writing thread came to take one in between.
    said = [line for line in written if "log.records_dropped" in line]
    found = [re.search(r" ERROR .*count=(\d+) reason=slow_or_full_disk$", line) for line in said]
    lost = sum(int(match[1]) for match in found if match is not None)
    assert lost > 0
    assert lost + len(written) - len(said) == 12_000


@pytest.mark.slow
def test_a_full_disk_ends_nothing_and_a_cut_line_is_ended(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk; lifting it is the space that somebody makes."""
    program = f"""
import logging, resource, signal, time
from pathlib import Path
from hamster.own_log import own_log
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = logging.getLogger("hamster.full")
path = Path({str(tmp_path)!r})
with own_log(path, zone=None):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    for number in range(50):
        log.info("record %d", number)
    waiting = logging.getLogger("hamster").handlers[0]._lines._lines
    until = time.monotonic() + 10
    while waiting.qsize() and time.monotonic() < until:
        time.sleep(0.01)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    log.info("after")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    written = lines(tmp_path)
    assert written[-1].endswith("after")
    assert "log.records_dropped" in written[-2]
    assert all(LINE.fullmatch(line) for line in (*written[:-3], *written[-2:]))


def test_secrets_are_masked_in_messages_and_tracebacks(tmp_path: Path) -> None:
    with own_log(tmp_path, zone=None):
        LOG.warning("request.failed url=%s", "https://discord.com/api/webhooks/42/very-secret-token")
        try:
            raise ValueError("Authorization: Bearer very-secret-token")
        except ValueError:
            LOG.exception("it.failed")
    written = (tmp_path / "watchhamster.log").read_text("utf-8")
    assert "very-secret-token" not in written
    assert "https://discord.com/api/webhooks/42/***" in written
    assert "ValueError: Authorization: Bearer ***" in written


def test_nothing_in_a_message_can_be_taken_for_another_record_or_a_command_to_a_terminal(tmp_path: Path) -> None:
    forged = "2026-01-01T00:00:00.000+09:00 ERROR actors.services [process:1 MainThread] forged"
    with own_log(tmp_path, zone=None):
        LOG.info("request.path path=%s", f"a\n{forged}\r{forged}\x1b[2J\u2028")
    written = lines(tmp_path)
    assert [line for line in written if LINE.fullmatch(line)] == [written[0]]
    assert written[1].startswith(f" {forged}\\x0d2026")
    assert written[1].endswith("\\x1b[2J\\u2028")


def test_it_is_put_aside_when_it_is_large_and_no_line_is_lost_or_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hamster.own_log.MAX_BYTES", 5000)
    (tmp_path / "watchhamster.log.1.gz").write_bytes(b"packed")
    with own_log(tmp_path, zone=None):
        for number in range(200):
            LOG.info("number %d", number)
    assert (tmp_path / "watchhamster.log").stat().st_size < 5000
    archives = sorted(tmp_path.glob("watchhamster.log.?"), reverse=True)
    assert len(archives) > 2
    texts = [path.read_text("utf-8") for path in [*archives, tmp_path / "watchhamster.log"]]
    assert [int(line.rpartition(" ")[2]) for line in "".join(texts).splitlines()] == list(range(200))
    assert all(text == "" or text.endswith("\n") for text in texts)
    assert (tmp_path / f"watchhamster.log.{len(archives) + 1}.gz").read_bytes() == b"packed"
