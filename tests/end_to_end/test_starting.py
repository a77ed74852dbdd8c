"""How it starts, and what it says when it cannot: one sentence and an exit code, never a traceback."""

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from tests.end_to_end.hamsters import Hamster, hamster, run, service, serving, until

SLEEP = service("steady", "exec sleep 1000")


def free_config(directory: Path, text: str) -> str:
    path = directory / "hamster.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_first_line_is_one_json_object_that_says_where_it_listens(tmp_path: Path) -> None:
    with serving(tmp_path, "") as running:
        assert running.first_line() == {"event": "listening", "url": f"http://127.0.0.1:{running.port}"}
        assert running.port > 0
        assert len(running.out.read_text().splitlines()) == 1
        # The contract's frontend calls `localhost`, which may be either loopback.
        with socket.create_connection(("::1", running.port), timeout=5):
            pass


def test_the_run_time_file_is_for_us_alone_and_gone_afterwards(tmp_path: Path) -> None:
    with serving(tmp_path, "") as running:
        path = running.data_dir / "hamster.run.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        content = json.loads(path.read_text())
        assert (content["url"], content["pid"]) == (running.url, running.process.pid)
        assert len(content["token"]) >= 32
        running.process.terminate()
        assert running.wait() == 0
        assert not path.exists()
        assert content["token"] not in running.log()


def test_a_second_one_on_the_same_data_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with serving(tmp_path, SLEEP) as running:
        second = run("serve", "--port", "0", data_dir=running.data_dir)
        assert (second.returncode, second.stdout) == (1, "")
        who = f"process {running.process.pid} at {running.url}"
        assert second.stderr == (
            f"hamster: the data directory {running.data_dir} is in use by {who}; "
            "stop that WatchHamster or give this one another --data-dir\n"
        )
        assert running.service("steady")["id"] == "steady"


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("serve", "--port", str(port), data_dir=tmp_path / "data")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"hamster: port {port} on 127.0.0.1 is in use by another program; "
        "stop that program or choose another port (0 takes any free one)\n"
    )
    # It gave the data directory back.
    assert run("status", data_dir=tmp_path / "data").returncode == 3


def test_a_broken_configuration_is_refused_with_every_mistake_and_its_line(tmp_path: Path) -> None:
    config = free_config(tmp_path, '[server]\nport = "many"\nhots = "x"\n\n[services.a]\nstop_grace = -1\n')
    for arguments in (("serve", "--config", config), ("config", "check", config)):
        ended = run(*arguments, data_dir=tmp_path / "data")
        assert (ended.returncode, ended.stdout) == (2, "")
        lines = ended.stderr.splitlines()
        for line, words in ((2, "server.port"), (3, "server.hots"), (5, "command"), (6, "stop_grace")):
            assert any(each.startswith(f"{config}:{line}: ") and words in each for each in lines), ended.stderr
        assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data").exists()


def test_a_configuration_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    ended = run("serve", "--config", str(tmp_path / "no.toml"), data_dir=tmp_path / "data")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert "there is no such file" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("--host", "0.0.0.0"), "loopback"), (("--port", "70000"), "70000")],  # noqa: S104
)
def test_an_address_that_cannot_be_is_a_usage_error(tmp_path: Path, arguments: tuple[str, str], word: str) -> None:
    ended = run("serve", *arguments, data_dir=tmp_path / "data")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert word in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_data_directory_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/hamster")):
        ended = run("serve", "--port", "0", data_dir=place)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith(f"hamster: the data directory {place} cannot be ")
        assert len(ended.stderr.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_of_somebody_else_is_one_sentence(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir(mode=0o500)
    ended = run("serve", "--port", "0", data_dir=place)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)


@pytest.mark.slow
def test_the_demo_once_shows_what_runs_and_leaves_nothing(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary), "HAMSTER_DATA_DIR": ""}
    with hamster("demo", "--once", "--port", "0", directory=tmp_path, environment=environment) as once:
        assert once.wait() == 0
        assert once.processes() == []
    assert list(temporary.iterdir()) == []
    assert once.said() == ""
    lines = once.out.read_text("utf-8").splitlines()
    assert json.loads(lines[0])["event"] == "listening"
    rows = {line.split()[0]: line.split()[1] for line in lines[1:]}
    assert rows["ID"] == "STATUS"
    assert (rows["newsroom"], rows["posco_news"], rows["deployment"]) == ("running", "running", "running")
    assert "flaky" in rows


@pytest.mark.slow
def test_the_demo_tells_what_happens(tmp_path: Path) -> None:
    with hamster("demo", "--port", "0", "--data-dir", str(tmp_path / "data"), directory=tmp_path) as demo:
        demo.wait_for("newsroom", status="running")
        until(lambda: "newsroom     started" in demo.out.read_text("utf-8"), "story")
        assert f"curl {demo.url}/api/services/" in demo.out.read_text("utf-8")
        demo.process.terminate()
        assert demo.wait() == 0
        assert demo.said() == ""


def test_two_with_their_own_data_do_not_know_of_each_other(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for directory in (one, two):
        directory.mkdir()
    with serving(one, SLEEP) as first, serving(two, SLEEP) as second:
        first.wait_for("steady", status="running")
        second.wait_for("steady", status="running")
        assert pid(first) != pid(second)
        first.process.terminate()
        assert first.wait() == 0
        assert second.service("steady")["status"] == "running"


def pid(running: Hamster) -> object:
    return running.service("steady")["pid"]
