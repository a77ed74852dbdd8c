"""`hamster status`, `start`, `stop`, `restart` and `watch` as a user runs them, against a server that runs."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest

from tests.end_to_end.hamsters import HAMSTER, PATIENCE, Hamster, run, service, serving, until

pytestmark = pytest.mark.slow  # each command is a process of half a second
QUICK = {"start_seconds": 0.05, "backoff_initial": 0.02, "backoff_max": 0.1}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamster]:
    """A server of two services that run, and one whose failure names a secret."""
    broken = service("broken", "", command=["/nowhere/hidden", "--token", "hunter2"], autostart=True, **QUICK)
    toml = service("web_a", "exec sleep 1000", **QUICK) + service("web_b", "exec sleep 1000", **QUICK) + broken
    with serving(tmp_path_factory.mktemp("server"), toml) as running:
        for name in ("web_a", "web_b"):
            running.wait_for(name, status="running")
        running.wait_for("broken", status="error")
        yield running


def told(ended: subprocess.CompletedProcess[str]) -> str:
    """What a command that worked printed."""
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_status_is_a_table_of_all_services(server: Hamster) -> None:
    rows = [line.split() for line in told(run("status", data_dir=server.data_dir)).splitlines()]
    assert rows[0] == ["ID", "STATUS", "PID", "UPTIME", "RESTARTS", "CPU", "%", "MEMORY", "LAST", "ERROR"]
    by_id = {row[0]: row[1:] for row in rows[1:]}
    assert list(by_id)[:2] == ["posco_news", "github_pages"]
    assert by_id["web_a"][:2] == ["running", str(server.service("web_a")["pid"])]
    assert by_id["posco_news"][0] == "stopped"
    assert by_id["broken"][:2] == ["error", "(fatal)"]
    assert "/nowhere/hidden" in " ".join(by_id["broken"])


def test_status_as_json_is_the_servers_with_every_key_and_without_secrets(server: Hamster) -> None:
    shown = cast("list[dict[str, object]]", json.loads(told(run("status", "--json", data_dir=server.data_dir))))
    served = cast(
        "list[dict[str, object]]", httpx.get(f"{server.url}/api/services/", trust_env=False, timeout=PATIENCE).json()
    )
    assert [list(each) for each in shown] == [list(each) for each in served]
    assert [each["id"] for each in shown] == [each["id"] for each in served]
    assert "hunter2" not in json.dumps(shown)


@pytest.mark.parametrize(
    ("patterns", "ids"),
    [
        (["web_a"], ["web_a"]),
        (["web_*"], ["web_a", "web_b"]),
        (["web_b", "web_?"], ["web_a", "web_b"]),
        (["[pw]*news", "web_a"], ["posco_news", "web_a"]),
    ],
)
def test_status_of_some_services(server: Hamster, patterns: list[str], ids: list[str]) -> None:
    table = told(run("status", *patterns, data_dir=server.data_dir))
    assert [line.split()[0] for line in table.splitlines()[1:]] == ids
    shown = json.loads(told(run("status", "--json", *patterns, data_dir=server.data_dir)))
    assert [each["id"] for each in shown] == ids


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("start",), ("stop",), ("restart",)])
def test_an_unknown_id_names_those_that_are_there_and_nothing_is_done(
    server: Hamster, arguments: tuple[str, ...]
) -> None:
    before = server.service("web_a")["pid"]
    ended = run(*arguments, "web_a", "nope*", data_dir=server.data_dir)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("hamster: 서비스를 찾을 수 없습니다: nope*; the services are: posco_news, ")
    assert len(ended.stderr.splitlines()) == 1
    assert server.service("web_a")["pid"] == before


def test_stop_start_and_restart_end_when_it_is_done(server: Hamster) -> None:
    before = server.service("web_b")["pid"]
    assert told(run("restart", "web_b", data_dir=server.data_dir)) == "서비스 'web_b'이(가) 재시작되었습니다\n"
    after = server.service("web_b")
    assert after["status"] == "running"
    assert after["pid"] != before
    assert told(run("stop", "web_b", data_dir=server.data_dir)) == "서비스 'web_b'이(가) 중지되었습니다\n"
    assert server.service("web_b")["status"] == "stopped"
    said = told(run("stop", "web_b", data_dir=server.data_dir))
    assert said == "서비스 'web_b'은(는) 이미 중지되어 있습니다\n"
    assert told(run("start", "web_b", data_dir=server.data_dir)) == "서비스 'web_b'이(가) 시작되었습니다\n"
    assert server.service("web_b")["status"] == "running"


def test_a_command_for_several_services_is_given_to_all(server: Hamster) -> None:
    before = [server.service(name)["pid"] for name in ("web_a", "web_b")]
    lines = told(run("restart", "web_*", data_dir=server.data_dir)).splitlines()
    assert sorted(lines) == [f"서비스 'web_{name}'이(가) 재시작되었습니다" for name in "ab"]
    assert not set(before) & {server.service(name)["pid"] for name in ("web_a", "web_b")}


def test_not_waiting_answers_at_once(server: Hamster) -> None:
    said = told(run("restart", "web_a", "--wait", "0", data_dir=server.data_dir))
    assert said == "서비스 'web_a' 재시작 중...\n"
    server.wait_for("web_a", status="running")


def test_what_does_not_work_is_said_and_what_works_is_done(server: Hamster) -> None:
    ended = run("start", "posco_news", "web_a", data_dir=server.data_dir)
    assert ended.returncode == 1
    assert ended.stdout == "서비스 'web_a'은(는) 이미 실행 중입니다\n"
    assert ended.stderr == (
        "hamster: 서비스 'posco_news'에 감시할 대상이 없습니다. 설정에서 url을(를) 지정해 주세요 (409)\n"
    )


def test_a_start_that_fails_says_where_it_stands(server: Hamster) -> None:
    ended = run("start", "broken", data_dir=server.data_dir)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "running 상태가 되지 않았습니다 (현재: fatal) (409)" in ended.stderr


def test_the_server_is_found_by_its_data_directory_by_option_or_by_address(server: Hamster, tmp_path: Path) -> None:
    elsewhere = tmp_path / "empty"
    by_option = told(run("status", "--data-dir", str(server.data_dir), data_dir=elsewhere))
    by_url = told(run("status", "--url", server.url, data_dir=elsewhere))
    by_environment = told(run("status", data_dir=elsewhere, environment={"HAMSTER_URL": f"{server.url}/"}))
    for table in (by_option, by_url, by_environment):
        assert "web_a" in table


@pytest.mark.parametrize("arguments", [("status",), ("start", "x"), ("stop",), ("restart",), ("watch",)])
def test_without_a_server_every_command_says_so_with_exit_code_3(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments, data_dir=tmp_path)
    assert (ended.returncode, ended.stdout) == (3, "")
    expected = f"no WatchHamster is running for the data directory {tmp_path} (it has no run-time file)"
    assert ended.stderr == f"hamster: {expected}\n"


@pytest.mark.parametrize("arguments", [("status",), ("stop", "web_a"), ("watch",)])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense"])
def test_an_address_without_a_server_is_exit_code_3(tmp_path: Path, arguments: tuple[str, ...], url: str) -> None:
    ended = run(*arguments, "--url", url, data_dir=tmp_path)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith(f"hamster: WatchHamster does not answer at {url}: ")
    assert len(ended.stderr.splitlines()) == 1


def watching(server: Hamster, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*HAMSTER, "watch", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HAMSTER_DATA_DIR": str(server.data_dir)},
    )


def lines_until(process: "subprocess.Popen[str]", words: str) -> list[str]:
    """Its lines up to the first with *words*."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"no line with {words!r}: {lines}")


def test_watch_tells_what_happens_until_ctrl_c(server: Hamster) -> None:
    with watching(server) as process:
        lines = lines_until(process, "status_update    broken: fatal")
        assert "connection_established" in lines[0]
        run("restart", "web_a", data_dir=server.data_dir)
        lines = lines_until(process, "service_event    web_a: restarted")
        assert any(f"web_a: running, pid {server.service('web_a')['pid']}" in line for line in lines)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, "")


def test_watch_can_be_of_some_types_and_json(server: Hamster) -> None:
    with watching(server, "--json", "--type", "service_event") as process:
        lines_until(process, '"broken"')
        run("restart", "web_b", data_dir=server.data_dir)
        frames = [json.loads(line) for line in lines_until(process, '"restarted"')]
        process.kill()
        process.communicate(timeout=PATIENCE)
    assert {frame["type"] for frame in frames if frame["type"] != "status_update"} == {"service_event"}
    assert {"type", "data", "timestamp", "id", "seq"} == set(frames[-1])


def test_watch_into_a_reader_that_has_enough_ends_without_a_word(server: Hamster) -> None:
    with watching(server) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (1, "")


def test_watch_ends_with_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, service("steady", "exec sleep 1000", **QUICK)) as running, watching(running) as process:
        lines_until(process, "steady: ")
        running.process.terminate()
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "the server has closed the connection\n")
        assert "steady: stopped" in out
        assert running.wait() == 0


def test_config_check_says_what_it_found(tmp_path: Path) -> None:
    path = tmp_path / "hamster.toml"
    path.write_text('[services.a]\ncommand = ["no-such-program"]\n')
    ended = run("config", "check", str(path), data_dir=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, f"{path}: ok, 7 services\n")
    assert ended.stderr.startswith(f"warning: {path}:2: ")
    path.write_text("[server\n")
    ended = run("config", "check", str(path), data_dir=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == f"{path}: 1 mistake"
    empty = run("config", "check", data_dir=tmp_path, environment={"XDG_CONFIG_HOME": str(tmp_path / "none")})
    assert told(empty) == "no hamster.toml: the defaults are used\n"


def test_a_server_that_dies_while_a_command_waits_is_one_sentence(tmp_path: Path) -> None:
    toml = service("a", "trap '' TERM; while :; do sleep 1000; done", stop_grace=60.0) + service("b", "sleep 1000")
    with serving(tmp_path, toml) as running:
        running.wait_for("a", status="running")
        with subprocess.Popen(
            [*HAMSTER, "stop", "a", "--data-dir", str(running.data_dir)], stderr=subprocess.PIPE, text=True
        ) as command:
            until(lambda: running.service("a")["status"] == "stopping", "stop")
            running.process.kill()
            _, err = command.communicate(timeout=PATIENCE)
    assert command.returncode == 3
    assert err.startswith("hamster: a: WatchHamster does not answer at ")
    assert len(err.splitlines()) == 1
