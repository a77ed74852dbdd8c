"""PM2 ecosystems, key by key."""

import json
import os
from pathlib import Path

import pytest

from actors import ProcessOptions
from hamster.importing import Imported, ImportRefused, import_file
from tests.hamster.importing.files import imported, notes, services


def of_app(directory: Path, **app: object) -> tuple[ProcessOptions, Imported]:
    """One app and what is noted."""
    found = imported(directory, "ecosystem.json", json.dumps({"apps": [{"name": "api", "script": "api.js", **app}]}))
    made = services(found)
    one = made.get("api") or made["api-1"]
    assert one.process is not None
    return one.process, found


def test_an_app_has_everything_that_has_a_meaning_here(tmp_path: Path) -> None:
    process, found = of_app(
        tmp_path,
        script="dist/server.js",
        cwd="srv",
        args="--port 3000 --title 'a b'",
        node_args=["--max-old-space-size=512"],
        env={"NODE_ENV": "production", "PORT": 3000, "DEBUG": True, "NONE": None},
        max_memory_restart="300M",
        min_uptime="10s",
        max_restarts=5,
        exp_backoff_restart_delay=100,
        kill_timeout=3000,
        watch=["src", "conf"],
        ignore_watch=["node_modules", "./logs", "**/*.tmp"],
        watch_delay=1500,
        uid="www-data",
        gid=33,
        namespace="front",
        merge_logs=True,
    )
    assert process.command == ("node", "--max-old-space-size=512", "dist/server.js", "--port", "3000", "--title", "a b")
    assert process.cwd == str(tmp_path / "srv")
    assert process.env == {"NODE_ENV": "production", "PORT": "3000", "DEBUG": "true", "NONE": ""}
    assert process.memory_max == 300 * 1024**2
    assert (process.start_seconds, process.fatal_failures) == (10, 5)
    assert process.fatal_window >= 5 * 10
    assert (process.backoff_initial, process.backoff_max) == (0.1, 15)
    assert (process.restart, process.stop_signal, process.stop_grace) == ("always", "SIGINT", 3)
    assert process.watch is not None
    assert process.watch.paths == (str(tmp_path / "srv" / "src"), str(tmp_path / "srv" / "conf"))
    assert process.watch.ignore == ("node_modules", "logs", "*.tmp")
    assert process.watch.settle == 1.5
    assert (process.user, process.group) == ("www-data", "33")
    assert services(found)["api"].tags == ("front",)
    assert notes(found) == []


@pytest.mark.parametrize(
    ("app", "command"),
    [
        ({"script": "a.py"}, ("python3", "a.py")),
        ({"script": "a.sh", "args": ["x y"]}, ("bash", "a.sh", "x y")),
        ({"script": "a.js", "interpreter": "/opt/node"}, ("/opt/node", "a.js")),
        ({"script": "./bin/server", "interpreter": "none"}, ("./bin/server",)),
        ({"script": "npm", "args": "run start"}, ("npm", "run", "start")),
        ({"script": "npm run start"}, ("npm", "run", "start")),
        ({"script": "my app.js"}, ("node", "my app.js")),
    ],
)
def test_a_script_is_run_by_what_pm2_runs_it(tmp_path: Path, app: dict[str, object], command: tuple[str, ...]) -> None:
    (tmp_path / "my app.js").touch()
    assert of_app(tmp_path, **app)[0].command == command


def test_when_an_app_is_run_again(tmp_path: Path) -> None:
    assert of_app(tmp_path, autorestart=False)[0].restart == "never"
    process, _ = of_app(tmp_path, stop_exit_codes=[0, 3])
    assert (process.restart, process.expected_exit_codes) == ("on-failure", (0, 3))
    process, _ = of_app(tmp_path, restart_delay=4000)
    assert (process.backoff_initial, process.backoff_max) == (4, 4)


def test_a_cron_restart_of_a_job_is_its_schedule_and_of_a_service_a_job_of_its_own(tmp_path: Path) -> None:
    process, found = of_app(tmp_path, autorestart=False, cron_restart="30 2 * * *")
    assert process.schedule is not None
    assert (process.schedule.cron, process.schedule.overlap, process.restart) == ("30 2 * * *", "kill", "never")
    assert len(notes(found)) == 1
    process, found = of_app(tmp_path, cron_restart="30 2 * * *")
    assert process.schedule is None
    job = services(found)["api-restart"].process
    assert job is not None
    assert job.schedule is not None
    assert (job.command, job.schedule.cron) == (("hamster", "restart", "api"), "30 2 * * *")
    _, found = of_app(tmp_path, cron_restart="at night")
    assert notes(found) == ['api: cron_restart: "at night" is no cron expression of five fields; left out']


def test_instances_are_counted_as_pm2_does(tmp_path: Path) -> None:
    assert of_app(tmp_path, instances=3)[0].instances == 3
    assert of_app(tmp_path, instances="2", exec_mode="fork")[0].instances == 2
    assert of_app(tmp_path, instances="max")[0].instances == (os.cpu_count() or 1)
    assert of_app(tmp_path, instances=-1000)[0].instances == 1
    _, found = of_app(tmp_path, instances=2, exec_mode="cluster")
    (note,) = notes(found)
    assert "they share no port here" in note


@pytest.mark.parametrize(
    ("key", "value", "note"),
    [
        ("env_production", {"A": "hunter2"}, "api: env_production: left out; write what is needed of it to env"),
        ("out_file", "/x.log", "api: out_file: is not written any more"),
        ("wait_ready", True, "api: wait_ready: left out"),
        ("ignore_watch", ["a/b"], 'api: ignore_watch: "a/b" is left out'),
        ("max_memory_restart", "much", 'api: max_memory_restart: "much" is no size; left out'),
        ("max_memory_restart", "1K", "api: memory_max is 1024; expected bytes, 1,048,576 or more"),
        ("min_uptime", "a while", 'api: min_uptime: "a while" is no time; 1 s is taken'),
        ("max_restarts", "5", 'api: max_restarts: "5" is no whole number; left out'),
        ("colour", "red", "api: colour: left out, it has no meaning here"),
        ("kill_signal", "SIGFOO", 'api: stop_signal is "SIGFOO"'),
    ],
)
def test_what_cannot_be_carried_over_is_said(tmp_path: Path, key: str, value: object, note: str) -> None:
    _, found = of_app(tmp_path, **{"watch": True, key: value})
    (said,) = notes(found)
    assert said.startswith(note)
    assert "hunter2" not in said


def test_a_list_of_apps_and_a_single_one_are_read_too(tmp_path: Path) -> None:
    assert list(services(imported(tmp_path, "a.json", '[{"script": "a.js"}, {"script": "b.js"}]'))) == ["a", "b"]
    assert list(services(imported(tmp_path, "a.json", '{"script": "c.js"}'))) == ["c"]
    found = imported(tmp_path, "a.json", '{"apps": [1, {"name": "x"}, {"script": "d.js"}], "deploy": {}}')
    assert list(services(found)) == ["d"]
    assert len(notes(found)) == 3


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", '{\n"apps": [,]}', r"a.json:2: is no JSON: "),
        ("a.json", "[" * 100_000, "is nested too deeply"),
        ("a.json", '{"name": "site"}', "is no PM2 ecosystem"),
        ("a.json", '{"apps": []}', "holds no service"),
        ("ecosystem.config.js", "module.exports = {}", r"is a program, which is not run here[\s\S]*node -p"),
        ("ecosystem.config.yml", "apps:", "is YAML"),
    ],
)
def test_what_is_no_ecosystem_is_refused(tmp_path: Path, name: str, text: str, why: str) -> None:
    with pytest.raises(ImportRefused, match=why):
        imported(tmp_path, name, text)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="cannot be read: No such file"):
        import_file(tmp_path / "none.json")
