"""WatchHamster is killed in the middle of a deployment, and the next start puts everything back."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import httpx
import pytest

from tests.actors.deploy.grounds import Grounds
from tests.end_to_end.hamsters import PATIENCE, Hamster, run, serving, until

STEP_OF = {
    "fetch": "fetch",
    "backup": "backup",
    "checkout": "switch",
    "forward": "fast_forward",
    "build": "build",
    "publish": "publish",
    "verify": "verify",
}
"""In which step each point is."""


def ask(running: Hamster, method: str, path: str, body: object = None) -> dict[str, object]:
    answer = httpx.request(method, f"{running.url}/api/posco/{path}", json=body, trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return cast("dict[str, object]", answer.json())


def current(running: Hamster) -> Mapping[str, object]:
    return cast("Mapping[str, object]", ask(running, "GET", "deployment/status")["current_deployment"] or {})


@pytest.mark.slow
@pytest.mark.parametrize("point", STEP_OF)
def test_killed_in_the_middle_of_a_step_the_next_start_puts_everything_back(tmp_path: Path, point: str) -> None:
    grounds = Grounds(tmp_path / "site").make()
    options: dict[str, object] = {"publish_branch": "pages"}
    target = "work"
    if point == "forward":
        grounds.advance("main", page__txt="three", other__txt="more")
        target = "main"
    if point == "verify":
        options |= {"health_url": "http://127.0.0.1:9/", "verify_timeout": 60}
    toml = grounds.toml(**options)
    with serving(tmp_path, grounds.toml(publish_branch="pages")) as running:
        ask(running, "POST", "deploy", {})
        until(lambda: current(running).get("status") == "success", "the first deployment")
        ask(running, "POST", "branch-switch", {"branch": "main"})
    if point == "forward":
        grounds.git("reset", "--quiet", "--hard", "HEAD~1")
    grounds.hold_points()
    grounds.write("notes.txt", "mine, not committed")
    before, published = grounds.snapshot(), grounds.published()
    held = "checkout" if point == "forward" else point
    grounds.hold(held)
    with serving(tmp_path, toml) as running:
        begun = ask(running, "POST", "deploy", {"branch": target, "force": True})["deployment_id"]
        if point == "verify":
            until(lambda: current(running)["current_step"] == "verify", "the last step")
        else:
            until(lambda: grounds.is_at(held), f"the point {point}")
        os.kill(running.process.pid, signal.SIGKILL)
        running.wait()
        until(lambda: not running.processes(), "the end of all that it ran")
    grounds.let_go(held)
    with serving(tmp_path, toml) as running:
        until(lambda: current(running).get("status") == "failed", "the rollback")
        found = current(running)
        assert found["session_id"] == begun
        assert (found["interrupted"], found["rollback_error"]) == (True, None)
        assert found["rolled_back"] is (None if point == "fetch" else True)
        assert found["current_step"] == STEP_OF[point]
        assert f"in the middle of step {STEP_OF[point]}" in str(found["error_message"])
        assert grounds.snapshot() == before
        assert grounds.published() == published
        assert "deployment.rolled_back" in grounds_log(running) or point == "fetch"
        if point == "verify":
            return
        ask(running, "POST", "deploy", {"branch": target, "force": True})
        until(lambda: current(running).get("status") == "success", "a deployment after it")


def grounds_log(running: Hamster) -> str:
    return (running.data_dir / "logs/deployment.log").read_text("utf-8")


@pytest.mark.slow
def test_the_command_line_deploys_follows_and_lists(tmp_path: Path) -> None:
    grounds = Grounds(tmp_path / "site").make()
    with serving(tmp_path, grounds.toml(publish_dir=str(grounds.www))) as running:
        done = run("deploy", "work", data_dir=running.data_dir)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        steps = ["fetch", "check", "backup", "switch", "fast_forward", "build", "publish", "verify"]
        assert [line.split()[0] for line in lines[1:-1]] == steps
        assert lines[-1] == f"deployed {grounds.git('rev-parse', 'work')[:10]} of work"
        grounds.write("page.txt", "mine")
        forced = run("deploy", "main", "--force", data_dir=running.data_dir)
        assert forced.returncode == 0
        assert "git stash apply refs/hamster/saved/deployment_2/before" in forced.stdout
        grounds.advance("main", fail="no paper")
        failed = run("deploy", data_dir=running.data_dir)
        assert failed.returncode == 1
        assert "failed in step build" in failed.stderr
        assert "everything is as it was" in failed.stderr
        listed = run("deploy", "--history", data_dir=running.data_dir).stdout.splitlines()
        assert [line.split()[:3] for line in listed[1:]] == [
            ["deployment_3", "failed", "main"],
            ["deployment_2", "success", "main"],
            ["deployment_1", "success", "work"],
        ]
        assert "진행 중인 배포가 없습니다" in run("deploy", "--cancel", data_dir=running.data_dir).stdout
        assert run("deploy", "a..b", data_dir=running.data_dir).returncode == 1
