"""How it ends, whoever ends it: nothing stays behind, and nobody holds it up."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import httpx
import pytest
import trio

from tests.end_to_end.hamsters import (
    PATIENCE,
    TREE,
    TREE_SIZE,
    Hamster,
    hamster,
    run,
    service,
    serving,
    soon,
    until,
)
from tests.end_to_end.sockets import data_of, deaf_socket, deaf_watcher, masked, watching

TREES = service("tree", TREE) + service("other", TREE)
DEAF = "trap '' TERM; echo up; while :; do sleep 1000; done"
"""Ignores TERM, and so do its children; it prints `up` from when on."""
IN_ORDER_SECONDS = 15.0
"""What an orderly end may take, whatever clients do."""


def grown(running: Hamster, *names: str) -> None:
    """Wait until the whole trees of the services are there."""
    for name in names:
        until(lambda name=name: len(running.of_service(name)) == TREE_SIZE, f"tree of {name}")


async def gone(running: Hamster, seconds: float) -> None:
    """Nothing of it lives, within *seconds*."""
    await soon(lambda: not running.processes(), "end of all processes", seconds=seconds)


async def test_stop_leaves_nothing_of_a_service_alive_and_the_others_as_they_are(tmp_path: Path) -> None:
    with serving(tmp_path, TREES) as running:
        grown(running, "tree", "other")
        before = sorted(running.of_service("other"))
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            answer = await http.post(f"{running.url}/api/services/tree/stop?wait=20")
        assert answer.status_code == 200
        # "Stopped" is said when nothing is left, not before: no waiting here.
        assert running.of_service("tree") == []
        assert sorted(running.of_service("other")) == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_everything_in_order_with_exit_0_though_clients_never_read(
    number: signal.Signals, tmp_path: Path
) -> None:
    with serving(tmp_path, TREES) as running:
        grown(running, "tree", "other")
        runtime = running.data_dir / "hamster.run.json"
        assert runtime.exists()
        async with watching(running) as watcher, never_reading(running):
            begun = time.monotonic()
            running.process.send_signal(number)
            with suppress(Exception):  # whatever trio-websocket makes of the end
                while True:
                    await watcher.next()
            assert await running.ended() == 0
            assert time.monotonic() - begun < IN_ORDER_SECONDS
            assert watcher.connection.closed is not None
            assert watcher.connection.closed.code == 1001
        told = {str(data_of(frame).get("event_type")) for frame in watcher.frames}
        assert "stopped" in told, "a client that reads is told how the services end"
        assert running.processes() == []
        assert not runtime.exists()
        assert running.said() == ""
        assert "hamster.stopped exit_code=0" in running.log().splitlines()[-1]


@asynccontextmanager
async def never_reading(running: Hamster) -> AsyncGenerator[None, None]:
    """Two clients that only ask: one over `/ws`, one over HTTP; entered once the server is stuck in its answers."""
    asked = b"GET /api/services/ HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50
    async with AsyncExitStack() as stack:
        socket = await stack.enter_async_context(deaf_watcher(running))
        download = await stack.enter_async_context(deaf_socket(running, asked))
        nursery = await stack.enter_async_context(trio.open_nursery())
        with trio.fail_after(PATIENCE):
            # Requests are answered one by one, so that they are not even read any more when an answer is stuck.
            await nursery.start(ask_until_stuck, download, asked)
            # Frames are read on and their answers queued: more of them than any pipe holds, 10 MB.
            for _ in range(3_000):
                await socket.send_all(masked(b'{"type":"request_status"}'))
        yield
        nursery.cancel_scope.cancel()


async def ask_until_stuck(stream: trio.SocketStream, request: bytes, *, task_status: trio.TaskStatus[None]) -> None:
    """Send *request* until the server takes no more for a while; then go on with the one that it does not take."""
    begun = trio.current_time()

    async def watch() -> None:
        await soon(lambda: trio.current_time() - begun > 1.0, "standstill")
        task_status.started()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        with suppress(trio.BrokenResourceError):
            while True:
                begun = trio.current_time()
                await stream.send_all(request)


@pytest.mark.slow
async def test_while_a_slow_service_stops_reads_go_on_changes_are_503_and_a_second_signal_kills(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, service("deaf", DEAF, stop_grace=60.0) + service("quick", TREE)) as running:
        until(lambda: (running.data_dir / "logs" / "deaf.log").exists(), "log")
        until(lambda: (running.data_dir / "logs" / "deaf.log").read_bytes() == b"up\n", "a deaf service")
        running.process.send_signal(signal.SIGINT)
        stopping = running.wait_for("deaf", status="stopping")
        assert stopping["pid"] is not None
        running.wait_for("quick", status="stopped")
        async with httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=PATIENCE) as http:
            refused = await http.post("/api/services/quick/start")
            assert refused.status_code == 503
            assert refused.json() == {
                "detail": "서버가 종료되는 중이라 변경 요청을 받을 수 없습니다",
                "status_code": 503,
            }
            assert (await http.get("/api/metrics/")).status_code == 200
        async with watching(running) as watcher:
            await watcher.until("status_update", lambda data: data["service_id"] == "deaf")

        shown = run("status", "deaf", data_dir=running.data_dir)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "stopping" in shown.stdout
        started = run("start", "quick", data_dir=running.data_dir)
        assert (started.returncode, started.stdout) == (1, "")
        assert started.stderr == "hamster: 서버가 종료되는 중이라 변경 요청을 받을 수 없습니다 (503)\n"

        assert running.process.poll() is None
        running.process.send_signal(signal.SIGINT)
        assert await running.ended(5.0) == 0
        assert running.processes() == []


async def test_a_third_signal_ends_it_at_once_and_the_keeper_clears_up(tmp_path: Path) -> None:
    with serving(tmp_path, service("deaf", DEAF, stop_grace=60.0)) as running:
        until(lambda: (running.data_dir / "logs" / "deaf.log").exists(), "log")
        until(lambda: (running.data_dir / "logs" / "deaf.log").read_bytes() == b"up\n", "a deaf service")
        keeper = running.keeper()
        os.kill(keeper, signal.SIGSTOP)  # it cannot kill anything, so the second signal alone would not do
        try:
            for number, said in ((1, "next=shut_down"), (2, "next=kill_services")):
                running.process.send_signal(signal.SIGINT)
                await soon(lambda said=said: said in running.log(), f"signal {number}")
            running.process.send_signal(signal.SIGINT)
            assert await running.ended(5.0) == 128 + signal.SIGINT
        finally:
            os.kill(keeper, signal.SIGCONT)
        await gone(running, 2.0)


@pytest.mark.parametrize("victims", ["hamster", "keeper", "both"])
async def test_nothing_outlives_a_sigkill(victims: str, tmp_path: Path) -> None:
    with serving(tmp_path, TREES) as running:
        grown(running, "tree", "other")
        services = running.of_service("tree") + running.of_service("other")
        keeper = running.keeper()
        if victims != "hamster":
            os.kill(keeper, signal.SIGKILL)
        if victims != "keeper":
            os.kill(running.process.pid, signal.SIGKILL)
        # With the keeper alone gone there is a new one, and the services are started anew.
        dead = [keeper, *services]
        await soon(lambda: not set(dead) & set(running.processes()), "end of its children", seconds=2.0)
        if victims == "keeper":
            running.wait_for("tree", status="running")
            grown(running, "tree", "other")
            assert running.service("tree")["last_error"] == "keeper lost"
        else:
            await gone(running, 2.0)


LOOKS = """
[services.look]
kind = "exec"
command = ["sh", "-c", "echo begun; sleep 1000 & setsid sleep 1001 & wait"]
timeout = 60

[services.asked]
command = ["sleep", "1004"]
start_seconds = 0.05
ready = { exec = ["sh", "-c", "setsid sleep 1002 & sleep 1003"], timeout = 60, deadline = 90 }
"""


def sleepers(running: Hamster) -> set[bytes]:
    """How long those sleep that came of it."""
    found: set[bytes] = set()
    for pid in running.processes():
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            found |= set(words[1:] if words[0] == b"sleep" else ())
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there are children guarded")
async def test_no_command_that_only_answers_outlives_a_sigkill(tmp_path: Path) -> None:
    with serving(tmp_path, LOOKS) as running:
        await soon(lambda: sleepers(running) == {b"1000", b"1001", b"1002", b"1003", b"1004"}, "a look and a probe")
        running.process.kill()
        running.wait()
        await gone(running, 5.0)


async def test_what_a_sigkill_left_behind_is_no_obstacle_for_the_next(tmp_path: Path) -> None:
    with serving(tmp_path, TREES) as first:
        grown(first, "tree", "other")
        first.process.kill()
        first.wait()
        assert (first.data_dir / "hamster.run.json").exists()
        assert run("status", data_dir=first.data_dir).returncode == 3
        with serving(tmp_path, TREES) as second:
            grown(second, "tree", "other")
            assert run("status", data_dir=second.data_dir).returncode == 0


async def test_the_end_of_stdin_ends_a_sidecar(tmp_path: Path) -> None:
    with serving(tmp_path, TREES, "--exit-with-parent", stdin=subprocess.PIPE) as running:
        grown(running, "tree", "other")
        stdin = running.process.stdin
        assert stdin is not None
        stdin.write(b"whatever a parent writes\n")
        stdin.flush()
        assert (await http_get(running, "/health")).status_code == 200
        stdin.close()
        assert await running.ended() == 0
        assert running.processes() == []


async def test_without_that_option_the_end_of_stdin_means_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, "", stdin=subprocess.DEVNULL) as running:
        assert (await http_get(running, "/health")).status_code == 200
        running.process.terminate()
        assert await running.ended() == 0


async def http_get(running: Hamster, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        return await http.get(f"{running.url}{path}")


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["never reads", "has gone", "closed it from the start"])
async def test_it_works_and_ends_well_though_its_parent_takes_no_output(reader: str, tmp_path: Path) -> None:
    """The demo tells a line for everything that happens; the log goes to stderr with `--verbose`."""
    impatient = {"backoff_initial": 0.001, "backoff_max": 0.001, "fatal_failures": 10_000}
    crashers = [service(f"crasher{number}", "exit 3", **impatient) for number in range(8)]
    config = tmp_path / "hamster.toml"
    config.write_text("".join([*crashers, service("steady", "exec sleep 1000")]))
    options = ("serve", "--verbose", "--config", str(config), "--port", "0")
    closed = ("sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh") if reader.startswith("closed") else ()
    pipe = subprocess.DEVNULL if closed else subprocess.PIPE
    with hamster(*options, directory=tmp_path, stdout=pipe, stderr=pipe, prefix=closed) as running:
        process, runtime = running.process, running.data_dir / "hamster.run.json"
        if reader == "has gone":
            for stream in (process.stdout, process.stderr):
                assert stream is not None
                stream.close()
        until(runtime.exists, "run-time file")
        # Of that a pipe holds 64 KiB.
        await soon(lambda: len(running.log()) > 100_000, "much to say")
        await soon(lambda: "service.running service=steady" in running.log(), "a steady service")
        shown = run("status", "steady", data_dir=running.data_dir)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "running" in shown.stdout
        process.terminate()
        assert await running.ended() == 0
        assert running.processes() == []
        assert "hamster.stopped" in running.log().splitlines()[-1]
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.mark.slow
async def test_a_service_runs_on_as_the_same_process(tmp_path: Path) -> None:
    """20 seconds: a parent-death signal that belongs to a thread has ended healthy services after 10."""
    with serving(tmp_path, TREES) as running:
        grown(running, "tree", "other")
        before = {name: (running.service(name)["pid"], sorted(running.of_service(name))) for name in ("tree", "other")}
        await trio.sleep(20.0)  # the time itself is what is tested
        after = {name: (running.service(name)["pid"], sorted(running.of_service(name))) for name in ("tree", "other")}
        assert after == before
        assert cast("int", running.service("tree")["uptime"]) >= 19


async def test_a_signal_in_the_middle_of_the_start_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary), "HAMSTER_DATA_DIR": ""}
    with hamster("demo", "--port", "0", directory=tmp_path, environment=environment) as running:
        until(lambda: any(temporary.glob("*/hamster.lock")), "lock")
        running.process.terminate()
        assert await running.ended() == 0
        assert running.processes() == []
    assert list(temporary.iterdir()) == []
