"""Whether a process is ready and whether it still works, apart from whether it runs; and how much memory it takes."""

import os
import signal
import socket
import sys
from collections.abc import Mapping

import attrs
import pytest
import trio

import actors.services.attendance
from actors import State, System, open_system
from actors.services import Health, ServiceChanged
from actors.settings import AliveOptions, LogOptions, ReadyOptions
from tests.actors.metrics.children import until
from tests.actors.services.test_robustness import crash
from tests.actors.services.yard import PATIENCE, Longest, Story, Yard

QUICKLY: Mapping[str, float] = {"interval": 0.05, "timeout": 5.0}


def ready_by(yard: Yard, name: str = "ready", **options: object) -> ReadyOptions:
    """Ready once there is a file of this name."""
    return ReadyOptions(exec=("test", "-e", str(yard.directory / name)), **{**QUICKLY, **options})  # type: ignore[arg-type]  # the rules check them


def alive_by(yard: Yard, name: str = "lives", **options: object) -> AliveOptions:
    """Alive while there is a file of this name."""
    return AliveOptions(exec=("test", "-e", str(yard.directory / name)), **{**QUICKLY, **options})  # type: ignore[arg-type]  # the rules check them


# --- ready ---


async def test_a_service_runs_only_once_it_is_ready(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", ready=ready_by(yard)))) as system:
            await system.services.start("a")
            # It has been asked, and has lived for longer than start_seconds.
            view = (await system.services.wait_until(lambda board: board["a"].health_detail is not None))["a"]
            assert (view.state, view.health, view.ready_at) == (State.STARTING, Health.UNKNOWN, None)
            (yard.directory / "ready").touch()
            view = await system.services.wait_for("a", State.RUNNING)
            assert view.health is Health.HEALTHY
            assert view.ready_at is not None
            assert view.running_since is not None
            assert view.ready_at > view.running_since
            assert [view.pid] == yard.processes("a")


async def test_a_service_that_is_ready_at_once_must_live_for_start_seconds_all_the_same(yard: Yard) -> None:
    (yard.directory / "ready").touch()
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", ready=ready_by(yard), start_seconds=60.0))) as system:
            await system.services.start("a")
            view = (await system.services.wait_until(lambda board: board["a"].ready_at is not None))["a"]
            assert (view.state, view.health) == (State.STARTING, Health.HEALTHY)


async def test_without_a_probe_it_is_ready_when_it_runs_and_nobody_says_that_it_is_healthy(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            await system.services.start("a")
            view = await system.services.wait_for("a", State.RUNNING)
            assert view.ready_at is not None
            assert (view.health, view.health_detail) == (Health.UNKNOWN, None)


@pytest.mark.slow
async def test_who_is_not_ready_in_time_is_stopped_and_that_counts_as_a_failure(yard: Yard) -> None:
    """It ends with 0 when it is told to, which is no excuse."""
    script = "trap 'exit 0' TERM; while :; do sleep 0.01; done"
    service = yard.shell("a", script, ready=ready_by(yard, deadline=0.3), fatal_failures=2)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "not_ready"
            assert view.last_failure.detail.startswith("not ready within 0.3 s: ")
            assert (view.restarts, view.pid, view.health) == (1, None, Health.UNKNOWN)
            assert story.so_far() == ["error", "error"]
            assert yard.processes() == []


async def test_being_not_ready_any_more_is_told_and_restarts_nothing(yard: Yard) -> None:
    flag = yard.directory / "ready"
    flag.touch()
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", ready=ready_by(yard, failures=2)))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            pid = (await story.until("started")).view.pid
            flag.unlink()
            error = await story.until("error")
            assert error.failure is not None
            assert error.failure.reason == "not_ready"
            assert (error.view.state, error.view.health, error.view.pid) == (State.RUNNING, Health.UNHEALTHY, pid)
            flag.touch()
            recovered = await story.until("recovered")
            assert recovered.failure == error.failure
            assert (recovered.view.health, recovered.view.pid) == (Health.HEALTHY, pid)
            assert recovered.view.restarts == 0


async def test_a_port_that_accepts_connections_is_ready(yard: Yard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(1000)"
    service = yard.service(
        "a",
        sys.executable,
        "-IS",
        "-c",
        code,
        ready=ReadyOptions(tcp=f"127.0.0.1:{port}", **QUICKLY),  # type: ignore[arg-type]  # the rules check them
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            assert (await system.services.wait_for("a", State.RUNNING)).health is Health.HEALTHY


@pytest.mark.slow
async def test_a_page_that_answers_is_ready_and_one_that_says_503_is_not(yard: Yard) -> None:
    flag = yard.directory / "works"
    code = f"""if True:
        import http.server, os
        class Pages(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if os.path.exists({str(flag)!r}) else 503)
                self.end_headers()
        server = http.server.HTTPServer(("127.0.0.1", 0), Pages)
        print(server.server_port, flush=True)
        server.serve_forever()"""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = code.replace('("127.0.0.1", 0)', f'("127.0.0.1", {port})')
    ready = ReadyOptions(http=f"http://127.0.0.1:{port}/", **QUICKLY)  # type: ignore[arg-type]  # the rules check them
    service = yard.service("a", sys.executable, "-IS", "-c", code, ready=ready)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            board = await system.services.wait_until(lambda board: "503" in (board["a"].health_detail or ""))
            assert board["a"].state is State.STARTING
            flag.touch()
            assert (await system.services.wait_for("a", State.RUNNING)).health is Health.HEALTHY


async def test_a_probes_command_has_the_environment_of_its_service(yard: Yard) -> None:
    ready = ReadyOptions(exec=("sh", "-c", f'test "$HAMSTER_SERVICE $HAMSTER_MARK" = "a {yard.mark}"'), **QUICKLY)  # type: ignore[arg-type]  # the rules check them
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", ready=ready))) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.RUNNING)


# --- ready by a line of its output ---


@pytest.mark.slow
async def test_a_line_of_this_runs_output_makes_it_ready_and_none_of_an_earlier_run(yard: Yard) -> None:
    flag = yard.directory / "works"
    script = f"echo begins; while ! test -e {flag}; do sleep 0.01; done; echo listening on port 80; exec sleep 1000"
    service = yard.shell("a", script, ready=ReadyOptions(log=r"^listening on port \d+$"))
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"begins\n")
            assert system.services.view("a").state is State.STARTING
            flag.touch()
            view = await system.services.wait_for("a", State.RUNNING)
            assert view.health is Health.HEALTHY
            assert view.health_detail == "its output says 'listening on port 80'"
            flag.unlink()
            await system.services.restart("a")
            await until(lambda: yard.log("a").count(b"begins\n") == 2)
            await crash(system, "a")  # nor does a new actor read what is older
            view = system.services.view("a")
            assert (view.state, view.health) == (State.STARTING, Health.UNKNOWN)
            flag.touch()
            await system.services.wait_for("a", State.RUNNING)


@pytest.mark.slow
async def test_the_line_is_found_though_the_log_is_rotated_before_and_after_it(yard: Yard) -> None:
    flag = yard.directory / "works"
    noise = "i=0; while test $i -lt 400; do echo noise of some length $i; i=$((i+1)); done"
    script = f"{noise}; while ! test -e {flag}; do sleep 0.01; done; {noise}; echo ready; {noise}; exec sleep 1000"
    service = yard.shell("a", script, ready=ReadyOptions(log="^ready$"))
    service = attrs.evolve(service, log=LogOptions(max_bytes=4096, keep=50, compress=False))
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            await until(lambda: len(list((yard.directory / "data" / "logs").glob("a.log.*"))) >= 2)
            flag.touch()
            await system.services.wait_for("a", State.RUNNING)


@pytest.mark.slow
async def test_an_expression_that_never_ends_only_makes_its_own_service_fail(yard: Yard) -> None:
    bad = yard.shell(
        "bad",
        "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!; exec sleep 1000",
        ready=ReadyOptions(log="^(a+)+$", deadline=1.0),
        fatal_failures=1,
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(bad, yard.service("good"))) as system:
            await system.services.start("bad")
            await until(lambda: b"!" in yard.log("bad"))
            asked = trio.current_time()
            await system.services.start("good")
            await system.services.wait_for("good", State.RUNNING)
            assert trio.current_time() - asked < 0.9
            view = await system.services.wait_for("bad", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "not_ready"


# --- ready and alive by systemd's socket ---

NOTIFY = r"""if True:
    import os, signal, socket, sys, time
    to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    to.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
    print("up", flush=True)
    def wait_for(path):
        while not os.path.exists(path):
            time.sleep(0.01)
    wait_for(sys.argv[1])
    to.send(b"READY=1\nSTATUS=serving")
    while not os.path.exists(sys.argv[2]):
        to.send(b"WATCHDOG=1")
        time.sleep(0.02)
    time.sleep(1000)
"""
"""Ready once there is a file, silent once there is another."""


@pytest.mark.slow
async def test_a_service_that_says_it_is_ready_is_and_one_that_falls_silent_is_not_alive(yard: Yard) -> None:
    ready, silent = yard.directory / "ready", yard.directory / "silent"
    service = yard.service(
        "a",
        *(sys.executable, "-IS", "-c", NOTIFY, str(ready), str(silent)),
        ready=ReadyOptions(notify=True),
        alive=AliveOptions(notify=True, interval=0.3, failures=2),
        restart="never",
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"up\n")
            assert system.services.view("a").state is State.STARTING
            ready.touch()
            view = await system.services.wait_for("a", State.RUNNING)
            assert (view.health, view.health_detail) == (Health.HEALTHY, "serving")
            assert view.ready_at is not None
            silent.touch()
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "not_alive"
            assert "no WATCHDOG=1 for" in view.last_failure.detail


# --- alive ---


@pytest.mark.slow
async def test_who_is_not_alive_any_more_is_restarted_which_counts_as_a_failure(yard: Yard) -> None:
    flag = yard.directory / "lives"
    flag.touch()
    service = yard.service("a", alive=alive_by(yard, failures=2))
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            old = (await story.until("started")).view.pid
            await system.services.wait_until(lambda board: board["a"].health is Health.HEALTHY)
            flag.unlink()
            error = await story.until("error")
            assert error.failure is not None
            assert error.failure.reason == "not_alive"
            assert error.view.state is State.BACKOFF
            flag.touch()
            recovered = await story.until("recovered")
            assert recovered.failure == error.failure
            assert recovered.view.restarts == 1
            assert recovered.view.pid != old
            assert yard.processes() == [recovered.view.pid]


@pytest.mark.slow
async def test_who_is_not_alive_and_deaf_is_killed_after_its_grace(yard: Yard) -> None:
    script = "trap '' TERM; echo up; while :; do sleep 1000; done"
    service = yard.shell("a", script, alive=alive_by(yard, failures=1), stop_grace=0.3, restart="never")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            view = (await system.services.wait_until(lambda board: board["a"].health is Health.UNHEALTHY))["a"]
            assert view.state is State.RUNNING, "its process is there as long as it is there"
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "not_alive"
            await until(lambda: yard.processes() == [])


async def test_a_stop_of_who_is_being_ended_for_not_living_is_obeyed(yard: Yard) -> None:
    script = "trap '' TERM; echo up; while :; do sleep 1000; done"
    service = yard.shell("a", script, alive=alive_by(yard, failures=1), stop_grace=0.3)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await system.services.wait_until(lambda board: board["a"].health is Health.UNHEALTHY)
            assert (await system.services.stop("a")).view.state is State.STOPPING
            await system.services.wait_for("a", State.STOPPED)
            assert story.so_far()[-1] == "stopped"
            assert yard.processes() == []


async def test_answers_about_an_earlier_run_say_nothing_about_the_next(yard: Yard) -> None:
    flag = yard.directory / "ready"
    flag.touch()
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", ready=ready_by(yard)))) as system:
            changes = system.bus.subscribe(ServiceChanged)
            await system.services.start("a")
            old = (await system.services.wait_for("a", State.RUNNING)).pid
            flag.unlink()
            await system.services.restart("a")
            board = await system.services.wait_until(lambda board: board["a"].pid not in (None, old))
            assert (board["a"].health, board["a"].ready_at) == (Health.UNKNOWN, None)
            flag.touch()
            await system.services.wait_for("a", State.RUNNING)
            while (change := await changes.receive()) and isinstance(change, ServiceChanged):
                if change.new.pid is None:
                    assert (change.new.health, change.new.ready_at) == (Health.UNKNOWN, None)
                if change.new.pid not in (None, old) and change.new.state is State.RUNNING:
                    break


# --- over a crash of its actor ---


async def probed(system: System, yard: Yard) -> None:
    """Probes of `a` work: it becomes unhealthy without its file, and healthy with it."""
    (yard.directory / "ready").unlink()
    await system.services.wait_until(lambda board: board["a"].health is Health.UNHEALTHY)
    (yard.directory / "ready").touch()
    await system.services.wait_until(lambda board: board["a"].health is Health.HEALTHY)


async def test_probes_go_on_when_the_actor_is_restarted_and_what_they_said_is_known(yard: Yard) -> None:
    (yard.directory / "ready").touch()
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", ready=ready_by(yard, failures=1)))) as system:
            await system.services.start("a")
            before = await system.services.wait_for("a", State.RUNNING)
            await probed(system, yard)
            await crash(system, "a")
            after = system.services.view("a")
            assert (after.pid, after.ready_at, after.health) == (before.pid, before.ready_at, Health.HEALTHY)
            await probed(system, yard)


@pytest.mark.slow
async def test_an_actor_that_is_restarted_during_the_start_still_minds_the_deadline(yard: Yard) -> None:
    service = yard.service("a", ready=ready_by(yard, deadline=0.8), restart="never")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service), random=Longest()) as system:
            await system.services.start("a")
            await system.services.wait_until(lambda board: board["a"].pid is not None)
            await crash(system, "a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "not_ready"


# --- other settings ---


async def test_new_probes_count_at_once_and_hold_nothing_past_against_a_service_that_runs(yard: Yard) -> None:
    """It has long lived for longer than the deadline of the new `ready`: it is not ended, only asked."""
    flag = yard.directory / "ready"
    plain = yard.service("a")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(plain)) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            before = await system.services.wait_for("a", State.RUNNING)
            assert plain.process is not None
            asked = attrs.evolve(plain.process, ready=ready_by(yard, deadline=0.1, failures=1))
            assert (await system.services.reconfigure([attrs.evolve(plain, process=asked)])).changed == ("a",)
            error = await story.until("error")
            assert (error.view.pid, error.view.state) == (before.pid, State.RUNNING)
            assert error.view.health is Health.UNHEALTHY
            flag.touch()
            assert (await story.until("recovered")).view.pid == before.pid
            await system.services.reconfigure([plain])
            board = await system.services.wait_until(lambda board: board["a"].health is Health.UNKNOWN)
            assert (board["a"].pid, board["a"].restarts) == (before.pid, 0)


# --- memory ---

HOG = """if True:
    import subprocess, sys, time
    taken = bytearray(b"x") * 40_000_000
    print("up", flush=True)
    time.sleep(1000)
"""


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [False, True])
async def test_who_takes_too_much_memory_with_all_it_started_is_restarted(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, hidden: bool
) -> None:
    """Also when it is taken by a daemon in a session of its own, whose parent is gone."""
    monkeypatch.setattr(actors.services.attendance, "MEMORY_SECONDS", 0.05)
    hog = f"{sys.executable} -IS -c '{HOG}'"
    script = f"( setsid {hog} & ); exec sleep 1000" if hidden else f"{hog} & wait"
    service = yard.shell("a", script, memory_max=32 * 1024 * 1024, restart="never")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "memory"
            assert "33554432 allowed" in view.last_failure.detail
            await until(lambda: yard.processes() == [])


@pytest.mark.slow
async def test_who_stays_below_its_memory_is_left_alone(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    whole = actors.services.attendance.tree_memory

    def counted(pid: int) -> int | None:
        used = whole(pid)
        assert used is not None
        looks.append(used)
        return used

    monkeypatch.setattr(actors.services.attendance, "MEMORY_SECONDS", 0.02)
    monkeypatch.setattr(actors.services.attendance, "tree_memory", counted)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", memory_max=64 * 1024 * 1024))) as system:
            await system.services.start("a")
            view = await system.services.wait_for("a", State.RUNNING)
            await until(lambda: len(looks) > 5)
            assert system.services.view("a").pid == view.pid
            assert view.pid is not None
            os.kill(view.pid, signal.SIGSTOP)  # it is seen, whatever it does
            os.kill(view.pid, signal.SIGCONT)
    assert all(0 < used < 64 * 1024 * 1024 for used in looks)
