"""What happened and what is wanted are there again after WatchHamster was killed."""

import json
import os
import signal
from pathlib import Path
from typing import cast

import httpx
import pytest

from tests.end_to_end.hamsters import PATIENCE, Hamster, run, service, serving, until

TOML = service("runs", "exec sleep 1000") + service("waits", "exec sleep 1000", autostart=False)


def command(running: Hamster, service_id: str, action: str) -> None:
    path = f"{running.url}/api/services/{service_id}/{action}?wait=20"
    answer = httpx.post(path, trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text


def get(running: Hamster, path: str) -> httpx.Response:
    return httpx.get(running.url + path, trust_env=False, timeout=PATIENCE)


def story(running: Hamster, service_id: str) -> list[tuple[str, str]]:
    """What became of a service, oldest first."""
    answer = get(running, f"/api/services/{service_id}/events")
    assert answer.status_code == 200, answer.text
    return [(event["what"], event["new"]) for event in reversed(answer.json()["events"])]


@pytest.mark.slow
def test_what_is_wanted_and_what_happened_survive_a_kill_and_an_end_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, TOML) as running:
        running.wait_for("runs", status="running")
        command(running, "runs", "stop")
        command(running, "waits", "start")
        command(running, "webhook_system", "stop")
        os.kill(running.process.pid, signal.SIGKILL)  # at once: what was answered is kept
        running.wait()
    with serving(tmp_path, TOML) as running:
        running.wait_for("waits", status="running", wanted="up")
        assert running.service("runs")["wanted"] == running.service("webhook_system")["wanted"] == "down"
        assert running.service("runs")["status"] == "stopped"
        seam = [("monitored", "end"), ("monitored", "begin")]
        until(lambda: story(running, "webhook_system")[-2:] == seam, "the history of both lives")
        assert ("wanted", "down") in story(running, "webhook_system")
        running.process.terminate()
        assert running.wait() == 0
    with serving(tmp_path, TOML) as running:
        running.wait_for("waits", status="running")
        assert running.service("runs")["wanted"] == "down", "an end in order is no command, either"


@pytest.mark.slow
def test_the_history_is_paged_filtered_and_shown_on_the_command_line(tmp_path: Path) -> None:
    with serving(tmp_path, TOML) as running:
        for action in ("stop", "start", "stop"):
            command(running, "webhook_system", action)
        until(lambda: story(running, "webhook_system")[-1] == ("state", "stopped"), "the history")
        first = get(running, "/api/services/webhook_system/events?limit=2&what=state")
        assert [event["new"] for event in first.json()["events"]] == ["stopped", "running"]
        event = first.json()["events"][0]
        assert list(event) == [
            "id", "service_id", "timestamp", "what", "old", "new", "reason", "detail", "pid", "exit_code", "signal",
        ]  # fmt: skip
        cursor = first.json()["next_before"]
        assert first.headers["x-next-cursor"] == str(cursor)
        second = get(running, f"/api/services/webhook_system/events?limit=2&what=state&before={cursor}")
        assert [event["new"] for event in second.json()["events"]] == ["stopped", "running"]

        uptime = get(running, "/api/services/webhook_system/uptime").json()
        assert {name: uptime[name] for name in ("24h", "7d", "30d")} == {"24h": 100.0, "7d": 100.0, "30d": 100.0}
        assert get(running, "/api/services/waits/uptime").json()["24h"] is None

        for path in ("/api/services/none/events", "/api/services/none/uptime"):
            assert get(running, path).status_code == 404
        bad = get(running, "/api/services/waits/events?limit=0&before=x&what=weather").json()
        assert [problem["field"] for problem in bad["errors"]] == ["limit", "before", "what"]

        ended = run("events", "webhook_system", "--limit", "2", data_dir=running.data_dir)
        assert ended.returncode == 0, ended.stderr
        head, older, newer = ended.stdout.splitlines()
        assert head.split() == ["TIME", "ID", "WHAT", "WAS", "BECAME", "REASON", "DETAIL"]
        assert (older.split()[3:6], newer.split()[3:6]) == (["wanted", "up", "down"], ["state", "running", "stopped"])
        ended = run("events", "--json", "--what", "monitored", data_dir=running.data_dir)
        rows = cast("list[dict[str, object]]", json.loads(ended.stdout))
        assert {"runs", "waits", "webhook_system"} <= {row["service_id"] for row in rows}
        assert run("events", "none", data_dir=running.data_dir).returncode == 1
