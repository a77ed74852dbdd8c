"""`hamster logs`, with a server and without one."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.hamsters import PATIENCE, Hamster, run, service, serving, until

TRACE = "Traceback (most recent call last):\\n  a\\n  b\\nValueError: x\\n"
TALK = f'echo "INFO ready"; echo "ERROR no luck"; printf "{TRACE}"; '
TOML = service("talks", TALK + "exec sleep 1000") + service("other", "echo from the other; exec sleep 1000", tags=["t"])


def logged(running: Hamster, *arguments: str) -> str:
    ended = run("logs", *arguments, data_dir=running.data_dir)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@contextmanager
def following(running: Hamster, *arguments: str) -> Generator[Path, None, None]:
    """The output of `hamster logs -f`, while it runs."""
    out = running.data_dir / "followed"
    with out.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "hamster", "logs", "-f", *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HAMSTER_DATA_DIR": str(running.data_dir)},
        )
    try:
        yield out
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


@pytest.mark.slow
def test_the_log_of_one_service_and_of_all_of_them_is_shown_with_records_folded(tmp_path: Path) -> None:
    with serving(tmp_path, TOML) as running:
        until(lambda: "ValueError" in logged(running, "talks"), "the output of the service")
        lines = logged(running, "talks").splitlines()
        assert [re.sub(r"^[\d-]+ [\d:.]+ ", "", line) for line in lines] == [
            "INFO     ready",
            "ERROR    no luck",
            "    ... 3 more lines",
            "    ValueError: x",
        ]
        assert len(logged(running, "talks", "--full").splitlines()) == 6
        assert "other | from the other" in logged(running)
        assert "talks | " in logged(running)
        assert "other" not in logged(running, "tag:t").replace("from the other", "")
        assert "\x1b[" in logged(running, "talks", "--color")
        assert len(logged(running, "talks", "--level", "ERROR").splitlines()) == 3
        assert logged(running, "--grep", "from the o[a-z]+").count("\n") == 1
        assert logged(running, "talks", "--since", "2099-01-01") == ""
        first = json.loads(logged(running, "talks", "--json").splitlines()[0])
        assert (first["level"], first["message"], first["service"]) == ("INFO", "ready", "talks")
        assert {"watchhamster.log", "talks.log", "other.log"} <= set(logged(running, "--files").split())


@pytest.mark.slow
def test_following_goes_on_over_a_restart_of_the_server_without_loss_or_repeat(tmp_path: Path) -> None:
    with serving(tmp_path, TOML) as running:
        until(lambda: "ValueError" in logged(running, "talks"), "the output of the service")
        with following(running, "talks", "-n", "1") as out:
            until(lambda: b"ValueError" in out.read_bytes(), "the last line")
            log = running.data_dir / "logs" / "talks.log"

            def append(text: str) -> None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(f"{text}\n")

            append("while it runs")
            until(lambda: b"while it runs" in out.read_bytes(), "the line that was written")
            running.process.terminate()
            running.wait()
            append("while it is down")
            with serving(tmp_path, TOML):
                until(lambda: b"while it is down" in out.read_bytes(), "what was missed")
                append("and after")
                until(lambda: b"and after" in out.read_bytes(), "what came then")
        text = out.read_text("utf-8")
        assert [text.count(one) for one in ("while it runs", "while it is down", "and after")] == [1, 1, 1]
        assert "waiting for it to come back" in text


@pytest.mark.slow
def test_without_a_server_the_files_are_read(tmp_path: Path) -> None:
    with serving(tmp_path, TOML) as running:
        until(lambda: "ValueError" in logged(running, "talks"), "the output of the service")
        running.process.terminate()
        running.wait()
        ended = run("logs", "talks", data_dir=running.data_dir)
        assert "no WatchHamster is running; reading the files" in ended.stderr
        assert "ERROR    no luck" in ended.stdout
        assert re.match(r"\d{4}-", ended.stdout), "the time at which it came is known all the same"
        assert run("logs", "nobody", data_dir=running.data_dir).returncode == 3


@pytest.mark.slow
def test_what_cannot_be_meant_is_said(tmp_path: Path) -> None:
    with serving(tmp_path, TOML) as running:
        until(lambda: "ValueError" in logged(running, "talks"), "the output of the service")
        for arguments, code, said in (
            (["talk"], 1, "did you mean talks"),
            (["--grep", "("], 2, "no regular expression"),
            (["--since", "tomorrow"], 2, "expected 10m"),
            (["--level", "LOUD"], 1, "LOUD"),
        ):
            ended = run("logs", *arguments, data_dir=running.data_dir)
            assert (ended.returncode, ended.stdout) == (code, ""), ended.stderr
            assert said in ended.stderr


@pytest.mark.slow
def test_a_terminal_is_never_commanded_by_a_line(tmp_path: Path) -> None:
    toml = service("evil", "printf '\\033]0;title\\007\\033[2Jcleared\\n'; exec sleep 1000")
    with serving(tmp_path, toml) as running:
        until(lambda: "cleared" in logged(running, "evil"), "the output of the service")
        assert "\x1b" not in logged(running, "evil")
        assert "\x07" not in logged(running, "evil")


@pytest.mark.slow
def test_cleaning_up_says_what_it_would_do_first(tmp_path: Path) -> None:
    with serving(tmp_path, TOML + "[logs.retention]\nmax_days = 1\n") as running:
        until(lambda: "ValueError" in logged(running, "talks"), "the output of the service")
        old = running.data_dir / "logs" / "talks.log.3"
        old.write_text("old\n", "utf-8")
        os.utime(old, (0, 0))
        assert "talks.log.3: would be deleted, for its age" in logged(running, "--clean", "--dry-run")
        assert old.exists()
        assert "talks.log.3: deleted, for its age" in logged(running, "--clean")
        assert not old.exists()
