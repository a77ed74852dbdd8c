import ast
import importlib.util
import sys
from pathlib import Path

import pytest

from bench import actors
from bench.counting import Add, AddLater
from bench.daemon import Plan, Service
from bench.peers import asyncio_peer, circus, pm2, pykka_peer, trio_peer
from bench.peers.supervisord import configuration, supervisord
from bench.question import Absent, Measure

ROOT = Path(__file__).parent.parent.parent


def test_asyncio_is_imported_by_its_peer_alone() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "bench").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "asyncio" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "asyncio")
    }
    assert found == {"bench/peers/asyncio_peer.py"}


def test_pykka_is_absent_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pykka", None)
    with pytest.raises(Absent, match="pykka is not installed"):
        pykka_peer.ask(1)


def test_supervisord_is_absent_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(Absent, match="supervisor is not installed"), supervisord(Plan(tmp_path, ())):
        pass


def test_a_percent_sign_reaches_the_command_of_supervisord_as_it_is(tmp_path: Path) -> None:
    text = configuration(Plan(tmp_path, (Service("date", ("date", "+%s and more")),)))
    assert "command=date '+%%s and more'" in text


def test_circus_is_absent_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(Absent, match="circus is not installed"), circus.circus(Plan(tmp_path, ())):
        pass


def test_circus_is_told_each_service_with_its_log(tmp_path: Path) -> None:
    text = circus.configuration(Plan(tmp_path, (Service("once", ("sh", "-c", "echo $$"), restart=False),)))
    assert "[watcher:once]\ncmd = sh -c 'echo $$'\n" in text
    assert "respawn = False" in text
    assert f"stdout_stream.filename = {tmp_path}/once.log" in text


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory that is the whole PATH, and a cache of its own."""
    found = tmp_path / "tools"
    found.mkdir()
    monkeypatch.setenv("PATH", str(found))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return found


def tool(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_pm2_is_absent_where_there_is_no_node(tools: Path) -> None:
    tool(tools, "npm", "exit 0")
    with pytest.raises(Absent, match=r"there is no node$"):
        pm2.install()


def test_pm2_is_absent_where_npm_cannot_install_it(tools: Path) -> None:
    tool(tools, "node", "exit 0")
    tool(tools, "npm", "echo 'no network' >&2; exit 1")
    with pytest.raises(Absent, match=rf"could not install pm2@{pm2.VERSION}: no network"):
        pm2.install()


def test_pm2_is_installed_once_and_in_its_exact_version(tools: Path) -> None:
    package = pm2.home() / "node_modules" / "pm2"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "0.0.1"}')
    tool(tools, "node", "exit 1")
    tool(
        tools,
        "npm",
        f'for word; do last=$word; done; echo "{{\\"version\\": \\"${{last#pm2@}}\\"}}" > {package}/package.json',
    )
    assert pm2.install() == package
    tool(tools, "npm", "exit 1")
    assert pm2.install() == package


def test_pm2_is_told_to_restart_what_crashes_at_once_and_without_end(tmp_path: Path) -> None:
    (told,) = pm2.applications(Plan(tmp_path, (Service("one", ("sh", "-c", "exit")),)))
    assert (told["script"], told["args"], told["interpreter"]) == ("sh", ["-c", "exit"], "none")
    assert (told["autorestart"], told["restart_delay"]) == (True, 0)


@pytest.mark.parametrize(
    "run",
    [
        actors.ask_of(Add()),
        actors.ask_of(AddLater()),
        actors.tell,
        actors.fan_out(3, 2),
        actors.start_and_stop,
        actors.memory_of_actors,
        actors.memory_of_tasks,
        asyncio_peer.ask,
        asyncio_peer.ask_with_timeout,
        asyncio_peer.fan_out(3, 2, drained=True),
        asyncio_peer.fan_out(3, 2, drained=False),
        trio_peer.ping_pong,
        trio_peer.channel_send,
        trio_peer.channel_bursts(10),
        trio_peer.tasks_with_channels,
    ],
)
def test_every_side_of_the_actors_gives_one_figure_above_nothing(run: Measure) -> None:
    (value,) = run(30).values()
    assert value > 0


@pytest.mark.parametrize("run", [actors.crash_to_reply, trio_peer.restarts])
def test_half_of_the_crashes_are_answered_in_less_than_the_99th_part(run: Measure) -> None:
    found = run(20)
    assert 0 < found["p50"] <= found["p99"]


def test_percentiles_are_in_milliseconds() -> None:
    assert trio_peer.percentiles([n / 1000 for n in range(1, 101)]) == {"p50": 51.0, "p99": 100.0}
