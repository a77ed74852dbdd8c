"""Services that read their configuration again, by signal, by command, and because a file changed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors import ServiceSettings, State, System, open_system
from actors.runtime import Subscription
from actors.services import CannotReload, Happened, ReloadEnded, ServiceNotRunning
from actors.settings import FileWatchOptions
from tests.actors.metrics.children import until
from tests.actors.services.yard import DEAF, PATIENCE, Story, Yard

HUPPED = "trap 'echo again' HUP; echo up; while :; do sleep 0.01; done"


@asynccontextmanager
async def running(yard: Yard, service: ServiceSettings) -> AsyncGenerator[System, None]:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start(service.id)
            await system.services.wait_for(service.id, State.RUNNING)
            yield system


async def ended(events: "Subscription[ReloadEnded]") -> ReloadEnded:
    event = await events.receive()
    assert isinstance(event, ReloadEnded)
    return event


async def test_a_signal_reaches_the_main_process_which_runs_on(yard: Yard) -> None:
    async with running(yard, yard.shell("a", HUPPED, reload_signal="SIGHUP")) as system:
        await until(lambda: yard.log("a") == b"up\n")
        story, events = Story.of(system.bus), system.bus.subscribe(ReloadEnded)
        pid = system.services.view("a").pid
        taken = await system.services.reload("a")
        assert taken.ended
        assert await ended(events) == ReloadEnded("a", taken.number, None)
        await until(lambda: yard.log("a") == b"up\nagain\n")
        assert system.services.view("a").pid == pid
        assert story.so_far("a") == ["config_changed"]


async def test_a_command_has_the_services_surroundings_and_its_pid(yard: Yard) -> None:
    (yard.directory / ".env").write_text("SECRET=s3\n")
    service = yard.service(
        "a",
        reload_command=("sh", "-c", "echo $HAMSTER_PID $HAMSTER_SERVICE $SECRET $PWD"),
        cwd=str(yard.directory),
        env_files=(str(yard.directory / ".env"),),
    )
    async with running(yard, service) as system:
        events = system.bus.subscribe(ReloadEnded)
        taken = await system.services.reload("a")
        assert not taken.ended
        assert (await ended(events)).problem is None
        pid = system.services.view("a").pid
        assert yard.log("a.reload") == f"{pid} a s3 {yard.directory}\n".encode()
        assert yard.log("a") == b""


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("exit 3", "its command failed: exit code 3; see a.reload.log"),
        ("kill -9 $$", "its command failed: killed by SIGKILL; see a.reload.log"),
        ("sleep 1000", "its command did not end within 0.1 s and was killed; see a.reload.log"),
    ],
)
async def test_a_command_that_fails_is_told_and_the_service_runs_on(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, command: str, problem: str
) -> None:
    if "sleep" in command:
        monkeypatch.setattr("actors.services.reloading.RELOAD_SECONDS", 0.1)
    async with running(yard, yard.service("a", reload_command=("sh", "-c", command))) as system:
        story, events = Story.of(system.bus), system.bus.subscribe(ReloadEnded)
        happened = system.bus.subscribe(Happened)
        pid = system.services.view("a").pid
        await system.services.reload("a")
        assert (await ended(events)).problem == problem
        event = await story.until("error")
        assert event.failure is not None
        assert (event.failure.reason, event.failure.detail) == ("reload", f"not told to reload: {problem}")
        told = await happened.receive()
        assert isinstance(told, Happened)
        assert (told.what, told.new, told.reason, told.detail) == ("configured", "not told", "reload", problem)
        assert system.services.view("a").state is State.RUNNING
        await until(lambda: yard.processes("a") == [pid])


async def test_a_command_that_is_not_there_is_told(yard: Yard) -> None:
    async with running(yard, yard.service("a", reload_command=("./no-such-program",))) as system:
        events = system.bus.subscribe(ReloadEnded)
        await system.services.reload("a")
        assert "No such file" in ((await ended(events)).problem or "")


async def test_reloads_that_are_asked_for_meanwhile_become_one_more(yard: Yard) -> None:
    command = ("sh", "-c", "echo run; while [ ! -e go ]; do sleep 0.01; done")
    async with running(yard, yard.service("a", reload_command=command, cwd=str(yard.directory))) as system:
        events = system.bus.subscribe(ReloadEnded)
        numbers = [(await system.services.reload("a")).number for _ in range(5)]
        assert numbers == [1, 2, 2, 2, 2]
        await until(lambda: yard.log("a.reload") == b"run\n")
        await trio.Path(yard.directory / "go").touch()
        assert [(await ended(events)).number for _ in range(2)] == [1, 2]
        assert yard.log("a.reload") == b"run\nrun\n"


async def test_a_stop_takes_effect_at_once_and_ends_the_command(yard: Yard) -> None:
    service = yard.service("a", reload_command=("sh", "-c", DEAF))
    async with running(yard, service) as system:
        events = system.bus.subscribe(ReloadEnded)
        await system.services.reload("a")
        await until(lambda: yard.log("a.reload") == b"up\n")
        await system.services.stop("a")
        await system.services.wait_for("a", State.STOPPED)
        assert (await ended(events)).problem == "the service ended meanwhile"
        await until(lambda: yard.processes() == [])


async def test_who_cannot_reload_or_does_not_run_says_so(yard: Yard) -> None:
    services = yard.service("a"), yard.service("b", reload_signal="SIGHUP")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            with pytest.raises(CannotReload, match="has neither reload_signal nor reload_command"):
                await system.services.reload("a")
            with pytest.raises(ServiceNotRunning, match="service 'b' is stopped; expected it to run"):
                await system.services.reload("b")


# --- because a file changed ---


@pytest.fixture
def watched(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("actors.services.file_watch.BEAT_SECONDS", 0.02)
    path = yard.directory / "src"
    path.mkdir()
    return path


async def changed(path: Path, effect: "Subscription[Happened]", reason: str) -> Happened:
    """Change a file until it has its effect: when the watch begins nobody tells."""
    count = 0
    while True:
        count += 1
        await trio.Path(path).write_text(str(count))
        with trio.move_on_after(0.5):
            while True:
                event = await effect.receive()
                if isinstance(event, Happened) and (event.reason == reason or reason in event.detail):
                    return event


@pytest.mark.slow
async def test_a_changed_file_restarts_a_service_that_is_up_and_is_named(yard: Yard, watched: Path) -> None:
    watch = FileWatchOptions(paths=(str(watched),), settle=0.1)
    async with running(yard, yard.service("a", watch=watch)) as system:
        happened, old = system.bus.subscribe(Happened), system.services.view("a").pid
        event = await changed(watched / "app.py", happened, "watch")
        assert (event.old, event.new, event.detail) == ("running", "stopping", "app.py")
        await system.services.wait_until(
            lambda board: board["a"].state is State.RUNNING and board["a"].pid not in (None, old)
        )
        assert system.services.view("a").restarts == 0
        await system.services.stop("a")
        await system.services.wait_for("a", State.STOPPED)
        (watched / "app.py").write_text("while it is stopped")
        await trio.sleep(0.4)  # four times what it takes to settle: nothing may come of it
        assert system.services.view("a").state is State.STOPPED


@pytest.mark.slow
async def test_a_changed_file_can_have_it_reload_instead(yard: Yard, watched: Path) -> None:
    watch = FileWatchOptions(paths=(str(watched / "app.toml"),), settle=0.1, action="reload")
    service = yard.shell("a", HUPPED, watch=watch, reload_signal="SIGHUP")
    async with running(yard, service) as system:
        happened, pid = system.bus.subscribe(Happened), system.services.view("a").pid
        event = await changed(watched / "app.toml", happened, "reload")
        assert event.detail == "told by SIGHUP (watch: app.toml)"
        await until(lambda: b"again" in yard.log("a"))
        assert system.services.view("a").pid == pid
