"""Jobs: real processes by a schedule whose time of day is put by the test."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
import trio
import trio.testing

from actors import ServiceSettings, State, System, open_system
from actors.runtime import Subscription
from actors.services import Happened, Wanted
from actors.services.process import ProcessService
from actors.settings import ScheduleOptions
from actors.settings.process import Overlap
from tests.actors.metrics.children import until
from tests.actors.services.yard import PATIENCE, Yard

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
HELD = "echo up; while [ ! -e go ]; do sleep 0.01; done; rm go; echo done"
"""A run that lasts until the test lets it end."""


@attrs.define
class Wall:
    """A time of day that goes on only when it is told to."""

    now: datetime = NOON - timedelta(seconds=30)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is put is noticed at once."""
    monkeypatch.setattr("actors.services.schedule.LOOK_SECONDS", 0.02)


def job(
    yard: Yard,
    script: str,
    *,
    overlap: Overlap = "skip",
    autostart: bool = True,
    catch_up: bool = False,
    **options: object,
) -> ServiceSettings:
    schedule = ScheduleOptions(cron="* * * * *", zone="UTC", overlap=overlap, catch_up=catch_up)
    given = {"restart": "never", "cwd": str(yard.directory), **options}
    return yard.shell("job", script, autostart=autostart, schedule=schedule, **given)


def turns(events: "Subscription[Happened]") -> list[str]:
    """What was told of the schedule so far."""
    told: list[str] = []
    while True:
        try:
            event = events.receive_nowait()
        except trio.WouldBlock:
            return told
        if isinstance(event, Happened) and event.reason == "schedule":
            told.append(event.detail)


async def test_a_job_waits_for_its_time_and_runs_each_time_once(yard: Yard) -> None:
    wall = Wall()
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(job(yard, "echo ran")), clock=wall) as system:
            view = (await system.services.wait_until(lambda board: board["job"].next_run_at is not None))["job"]
            assert (view.state, view.wanted, view.next_run_at) == (State.STOPPED, Wanted.UP, NOON)
            for count in (1, 2):
                wall.now = NOON + timedelta(minutes=count - 1)
                await ran(system, yard, count)
                assert system.services.view("job").next_run_at == wall.now + timedelta(minutes=1)
                assert system.services.view("job").restarts == 0


async def ran(system: System, yard: Yard, count: int) -> None:
    """The job has run that often, and to its end."""
    await until(lambda: yard.log("job") == b"ran\n" * count)
    await system.services.wait_for("job", State.EXITED)


async def test_a_start_runs_it_now_and_a_stop_turns_the_schedule_off(yard: Yard) -> None:
    wall = Wall()
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(job(yard, "echo ran", autostart=False)), clock=wall) as system:
            wall.now = NOON
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert system.services.view("job").next_run_at is None
            assert yard.log("job") == b""
            await system.services.start("job")
            await system.services.wait_for("job", State.EXITED)
            assert system.services.view("job").next_run_at == NOON + timedelta(minutes=1)
            await system.services.stop("job")
            view = await system.services.wait_for("job", State.STOPPED)
            assert (view.wanted, view.next_run_at) == (Wanted.DOWN, None)
            wall.now = NOON + timedelta(minutes=5)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert yard.log("job") == b"ran\n"


@pytest.mark.parametrize(
    ("overlap", "told", "printed"),
    [
        ("skip", "left out: the run before has not ended", b"up\ndone\n"),
        ("queue", "queued: the run before has not ended", b"up\ndone\nup\n"),
        ("kill", "its time has come, and the run before is ended for it", b"up\nup\n"),
    ],
)
async def test_what_becomes_of_a_time_while_the_run_before_goes_on(
    yard: Yard, overlap: Overlap, told: str, printed: bytes
) -> None:
    wall = Wall()
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(job(yard, HELD, overlap=overlap)), clock=wall) as system:
            events = system.bus.subscribe(Happened)
            wall.now = NOON
            await until(lambda: yard.log("job") == b"up\n")
            await system.services.wait_for("job", State.RUNNING)
            wall.now = NOON + timedelta(minutes=1)
            await system.services.wait_until(lambda board: board["job"].next_run_at == NOON + timedelta(minutes=2))
            if overlap != "kill":
                await trio.Path(yard.directory / "go").touch()
            await until(lambda: yard.log("job") == printed)
            if overlap == "skip":
                await system.services.wait_for("job", State.EXITED)
            else:
                await system.services.wait_for("job", State.RUNNING)
            assert told in turns(events)
            assert len(yard.processes("job")) in ((0,) if overlap == "skip" else (1, 2))


async def test_a_run_that_failed_shows_until_the_next_one_and_does_not_end_the_schedule(yard: Yard) -> None:
    wall = Wall()
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(job(yard, "[ -e well ] && echo well")), clock=wall) as system:
            wall.now = NOON
            view = await system.services.wait_for("job", State.FATAL)
            assert view.last_failure is not None
            await trio.Path(yard.directory / "well").touch()
            wall.now = NOON + timedelta(minutes=1)
            await system.services.wait_for("job", State.EXITED)
            assert yard.log("job") == b"well\n"


async def test_a_job_that_catches_up_runs_once_for_all_that_passed_while_we_were_away(yard: Yard) -> None:
    wall = Wall()
    with trio.fail_after(PATIENCE):
        for catch_up, printed in ((True, b""), (True, b"ran\n"), (False, b"ran\n")):
            settings = yard.settings(job(yard, "echo ran", catch_up=catch_up))
            async with open_system(settings, clock=wall) as system:
                board = await system.services.wait_until(lambda board: board["job"].next_run_at is not None)
                await system.services.wait_until(lambda board: board["job"].state in (State.STOPPED, State.EXITED))
                assert board["job"].next_run_at is not None
                assert board["job"].next_run_at > wall.now
                if yard.log("job") != printed:
                    await system.services.wait_for("job", State.EXITED)
            assert yard.log("job") == printed
            wall.now += timedelta(minutes=5)


async def test_a_crash_of_its_actor_loses_neither_the_schedule_nor_the_run_that_waits(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = Wall()
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(job(yard, HELD, overlap="queue")), clock=wall) as system:
            wall.now = NOON
            await system.services.wait_for("job", State.RUNNING)
            wall.now = NOON + timedelta(minutes=1)
            await system.services.wait_until(lambda board: board["job"].next_run_at == NOON + timedelta(minutes=2))
            crashes = 1

            def crash(self: ProcessService) -> None:
                nonlocal crashes
                crashes -= 1
                monkeypatch.undo()
                raise RuntimeError("crash")

            monkeypatch.setattr(ProcessService, "_attend", crash)
            await until(lambda: crashes == 0)
            monkeypatch.setattr("actors.services.schedule.LOOK_SECONDS", 0.02)
            await trio.Path(yard.directory / "go").touch()
            await until(lambda: yard.log("job") == b"up\ndone\nup\n")
            assert system.services.view("job").next_run_at == NOON + timedelta(minutes=2)
