"""`hamster import`, and what it made as it runs."""

import json
import sys
from pathlib import Path

import pytest

from tests.end_to_end.hamsters import Hamster, hamster, run, until

SUPERVISORD = """
[supervisord]
environment=SHARED="of all"

[program:Site]
command=sh -c 'echo "$SHARED $OWN $PWD"; exec sleep 1000'
directory=%(here)s/site
environment=OWN="a, b"
stopsignal=INT
startsecs=0

[program:once]
command=sh -c 'echo "done"; exit 3'
exitcodes=3
autorestart=unexpected
"""

ECOSYSTEM = {
    "apps": [
        {
            "name": "api",
            "script": "api.py",
            "interpreter": sys.executable,
            "args": ["--port", 3000],
            "env": {"MODE": "test"},
            "min_uptime": 50,
        },
        {"name": "job", "script": "./job.sh", "autorestart": False, "min_uptime": 0},
    ]
}
API = "import os, sys, time; print(sys.argv[1:], os.environ['MODE'], flush=True); time.sleep(1000)"

PROCFILE = """\
web: echo "port $PORT, $GREETING" && exec sleep 1000
worker: sleep 1000
"""


def logged(running: Hamster, service: str, expected: str) -> None:
    path = running.data_dir / "logs" / f"{service}.log"
    until(lambda: path.exists() and expected in path.read_text(), f"{expected!r} in the log of {service}")


def written(directory: Path, name: str, content: str) -> Path:
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def made(directory: Path, source: Path) -> Path:
    """The hamster.toml that is made of *source*, in a directory of its own."""
    (directory / "made").mkdir()
    toml = directory / "made" / "hamster.toml"
    ended = run("import", str(source), "-o", str(toml), data_dir=directory / "data")
    assert ended.returncode == 0, ended.stderr
    assert f"start it: hamster serve --config {toml}" in ended.stdout
    return toml


@pytest.mark.slow
def test_a_supervisord_configuration_runs(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    toml = made(tmp_path, written(tmp_path, "supervisord.conf", SUPERVISORD))
    with hamster("serve", "--config", str(toml), "--port", "0", directory=tmp_path) as running:
        running.wait_for("site", status="running", name="Site")
        logged(running, "site", f"of all a, b {tmp_path}/site\n")
        logged(running, "once", "done\n")
        running.wait_for("once", state="exited")


@pytest.mark.slow
def test_a_pm2_ecosystem_runs(tmp_path: Path) -> None:
    written(tmp_path, "api.py", API)
    written(tmp_path, "job.sh", "echo job\n")
    toml = made(tmp_path, written(tmp_path, "ecosystem.json", json.dumps(ECOSYSTEM)))
    with hamster("serve", "--config", str(toml), "--port", "0", directory=tmp_path) as running:
        running.wait_for("api", status="running")
        logged(running, "api", "['--port', '3000'] test\n")
        logged(running, "job", "job\n")
        running.wait_for("job", state="exited")


@pytest.mark.slow
def test_a_procfile_runs_with_its_ports_and_its_env_file(tmp_path: Path) -> None:
    written(tmp_path, ".env", "GREETING='hello you'\n")
    toml = made(tmp_path, written(tmp_path, "Procfile", PROCFILE))
    with hamster("serve", "--config", str(toml), "--port", "0", directory=tmp_path) as running:
        running.wait_for("web", status="running")
        running.wait_for("worker", status="running")
        logged(running, "web", "port 5000, hello you\n")
