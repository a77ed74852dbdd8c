"""The machine or the store fails: no service that runs is touched, and what could not start is not blamed for it."""

import os
import resource
import sqlite3

import attrs
import pytest
import trio

from actors import ServiceSettings, State, System, open_system
from tests.actors.metrics.children import until
from tests.actors.services.keeper.test_faults import launch_forkless, lowest_free, open_files
from tests.actors.services.yard import PATIENCE, Yard, seeded


def late(yard: Yard) -> ServiceSettings:
    """One failure of its own, and it would be given up."""
    return yard.service("late", fatal_failures=1, backoff_initial=0.01, backoff_max=0.01)


async def runs(system: System, service: str) -> int:
    """The pid of *service*, once it runs."""
    pid = (await system.services.wait_for(service, State.RUNNING)).pid
    assert pid is not None
    return pid


@pytest.mark.slow
@pytest.mark.parametrize("who", ["keeper", "holder"])
async def test_when_forks_fail_what_runs_runs_on_and_what_starts_is_tried_until_it_can(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    fault = yard.directory / "fault"
    launch_forkless(monkeypatch, fault)
    settings = yard.settings(yard.service("steady"), late(yard))
    with trio.fail_after(PATIENCE):
        async with open_system(settings, random=seeded()) as system:
            await system.services.start("steady")
            pid = await runs(system, "steady")
            fault.write_text(f"hamster-{who}")
            await system.services.start("late")
            await until(lambda: system.services.view("late").restarts >= 5)
            assert system.services.view("late").state is not State.FATAL
            assert system.services.view("steady").pid == pid
            fault.unlink()
            await runs(system, "late")
            assert yard.processes("steady") == [pid]


@pytest.mark.slow
async def test_without_a_free_descriptor_of_ours_what_runs_runs_on_and_what_starts_is_tried_until_it_can(
    yard: Yard,
) -> None:
    settings = yard.settings(yard.service("steady"), late(yard))
    with trio.fail_after(PATIENCE):
        async with open_system(settings, random=seeded()) as system:
            await system.services.start("steady")
            pid = await runs(system, "steady")
            with open_files(os.getpid(), lowest_free(os.getpid())):
                await system.services.start("late")
                await until(lambda: system.services.view("late").restarts >= 3)
            await runs(system, "late")
            assert system.services.view("steady").pid == pid
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 100


@pytest.mark.slow
async def test_a_store_that_refuses_everything_touches_no_service_and_refuses_no_command(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"), yard.service("b")), random=seeded()) as system:
            await system.services.start("a")
            pid = await runs(system, "a")
            # Another program holds the write lock: every transaction of ours fails after its time.
            other = sqlite3.connect(system.settings.database, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            try:
                await system.services.start("b")
                await runs(system, "b")
                await system.services.restart("b")
                await system.services.stop("b")
                await system.services.wait_for("b", State.STOPPED)
                assert system.services.view("a").pid == pid
            finally:
                other.execute("ROLLBACK")
                other.close()


async def test_a_log_that_cannot_be_written_stops_nothing_and_is_an_alert(yard: Yard) -> None:
    script = yard.shell("a", "while :; do echo line; sleep 0.01; done")
    settings = yard.settings(attrs.evolve(script, autostart=False))
    with trio.fail_after(PATIENCE):
        async with open_system(settings, random=seeded()) as system:
            # A directory where the log should be: a failure that also root meets.
            (settings.logs_dir / "a.log").mkdir(parents=True)
            await system.services.start("a")
            pid = await runs(system, "a")
            await until(lambda: system.services.view("a").lost_output_bytes > 0)
            await until(lambda: any("log_lost" in alert.key for alert in system.alerts.board.value.active))
            assert pid in yard.processes("a")
