"""Another configuration as a user brings it about: by command, by signal, and services added by command."""

import json
import os
import pty
import signal
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.hamsters import Hamster, hamster, run, service, serving, until

pytestmark = pytest.mark.slow  # each command is a process of half a second
UNWATCHED = "[server]\nwatch_config = false\n"


def runs(running: Hamster, service_id: str) -> object:
    """Its pid, once it runs."""
    return running.wait_for(service_id, status="running")["pid"]


def test_reload_and_sighup_apply_the_file_and_refuse_a_broken_one_with_its_places(tmp_path: Path) -> None:
    config = tmp_path / "hamster.toml"
    with serving(tmp_path, UNWATCHED + service("a", "exec sleep 1000") + service("b", "exec sleep 1000")) as running:
        before = runs(running, "a")
        config.write_text(UNWATCHED + service("a", "exec sleep 1000") + service("c", "exec sleep 1000"))
        ended = run("reload", data_dir=running.data_dir)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.splitlines() == [f"{config}: read again", "added: c", "removed: b"], (
            "the port of the command line is no difference"
        )
        assert (runs(running, "a"), running.of_service("b")) == (before, [])
        runs(running, "c")
        config.write_text("[services.a]\ncommand = 7\n")
        ended = run("reload", data_dir=running.data_dir)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.splitlines()[1].startswith("  services.a.command: 2번째 줄: services.a.command is 7")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: running.log().count("config.refused source=") == 2, "refusal of the signal's reload")
        config.write_text(UNWATCHED + service("a", "exec sleep 1000"))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: not running.of_service("c"), "end of c")
        assert runs(running, "a") == before
        running.process.terminate()
        assert running.wait() == 0


def test_a_service_that_is_added_by_command_outlives_a_restart_until_it_is_removed(tmp_path: Path) -> None:
    with serving(tmp_path, UNWATCHED) as running:
        added = run(
            *("add", "extra", "--cwd", str(tmp_path), "--tag", "mine", "--set", "start_seconds=0.05"),
            *("--env", "HAMSTER_WORD=a=b", "--", "sh", "-c", "pwd; echo $HAMSTER_WORD; exec sleep 1000"),
            data_dir=running.data_dir,
        )
        assert (added.returncode, added.stdout, added.stderr) == (0, "서비스 'extra'이(가) 추가되었습니다\n", "")
        runs(running, "extra")
        log = running.data_dir / "logs" / "extra.log"
        until(lambda: log.exists() and log.read_text().splitlines() == [str(tmp_path), "a=b"], "its output")
        again = run("add", "extra", "--", "true", data_dir=running.data_dir)
        assert (again.returncode, again.stdout) == (1, "")
        stopped = run("stop", "tag:mine", data_dir=running.data_dir)
        assert stopped.stdout == "서비스 'extra'이(가) 중지되었습니다\n"
        elsewhere = run("remove", "extra", "--url", "http://127.0.0.1:1", data_dir=running.data_dir)
        assert elsewhere.returncode == 3
        running.process.kill()
    with serving(tmp_path, UNWATCHED) as running:
        running.wait_for("extra", status="stopped")  # as it was commanded last
        assert run("start", "extra", data_dir=running.data_dir).returncode == 0
        runs(running, "extra")
        removed = run("remove", "extra", data_dir=running.data_dir)
        assert (removed.returncode, removed.stdout) == (0, "서비스 'extra'이(가) 삭제되었습니다\n")
        assert running.of_service("extra") == []
        assert json.loads(run("status", "--json", data_dir=running.data_dir).stdout)[-1]["id"] == "webhook_system"


def test_a_rolling_restart_by_command_ends_with_what_did_not_come_back(tmp_path: Path) -> None:
    script = 'test -e "$0.$HAMSTER_INSTANCE" && exit 7; exec sleep 1000'
    table = service("web", "", command=["sh", "-c", script, str(tmp_path / "mark")], instances=3, restart="never")
    with serving(tmp_path, UNWATCHED + table) as running:
        before = [runs(running, f"web-{number}") for number in (1, 2, 3)]
        done = run("restart", "--rolling", "--parallel", "2", "web", data_dir=running.data_dir)
        assert (done.returncode, done.stdout) == (0, "서비스 3개의 순차 재시작이 완료되었습니다 (web)\n")
        after = [runs(running, f"web-{number}") for number in (1, 2, 3)]
        assert not set(before) & set(after)
        (tmp_path / "mark.2").touch()
        failed = run("restart", "--rolling", "web", data_dir=running.data_dir)
        assert failed.returncode == 1
        assert failed.stderr == "hamster: 'web' 순차 재시작이 'web-2'에서 중단되었습니다: exit code 7 (409)\n"
        assert runs(running, "web-3") == after[2]


def test_killed_in_the_middle_of_a_rolling_restart_every_instance_is_back_once_and_it_can_be_done_again(
    tmp_path: Path,
) -> None:
    ready = {"exec": ["test", "-e", str(tmp_path / "ready")], "interval": 0.05}
    script = 'echo $$ >> "$0"; exec sleep 1000'
    table = service("web", "", command=["sh", "-c", script, str(tmp_path / "pids")], instances=3)
    table += "\n[services.web.ready]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in ready.items())
    (tmp_path / "ready").touch()
    with serving(tmp_path, UNWATCHED + table) as running:
        before = [runs(running, f"web-{number}") for number in (1, 2, 3)]
        (tmp_path / "ready").unlink()
        answer = httpx.post(f"{running.url}/api/services/web/restart?rolling=true", trust_env=False)
        assert answer.status_code == 200, answer.text
        until(lambda: (running.service("web-1")["pid"] or before[0]) != before[0], "the first is another process")
        running.process.kill()
        running.wait()
    (tmp_path / "ready").touch()
    with serving(tmp_path, UNWATCHED + table) as running:
        after = [runs(running, f"web-{number}") for number in (1, 2, 3)]
        started = {int(pid) for pid in (tmp_path / "pids").read_text().split()}
        assert {pid for pid in started if Path(f"/proc/{pid}").exists()} == set(after)
        done = run("restart", "--rolling", "web", data_dir=running.data_dir)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_hangup_of_the_terminal_ends_it_and_one_of_the_demo_does_too(tmp_path: Path) -> None:
    (tmp_path / "hamster.toml").write_text(UNWATCHED)
    arguments = ("serve", "--port", "0", "--config", str(tmp_path / "hamster.toml"))
    with ExitStack() as terminal:
        master, slave = pty.openpty()
        for descriptor in (master, slave):
            terminal.callback(os.close, descriptor)
        with hamster(*arguments, directory=tmp_path, stdin=slave) as running:
            assert running.url
            terminal.close()  # stdin is a terminal no more
            running.process.send_signal(signal.SIGHUP)
            assert running.wait() == 0
    with hamster("demo", "--port", "0", directory=tmp_path, data_dir=tmp_path / "demo") as running:
        assert running.url
        running.process.send_signal(signal.SIGHUP)
        assert running.wait() == 0
