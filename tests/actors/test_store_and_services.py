"""A store that hangs or has no room is no matter of the services that run."""

import sqlite3
import threading

import pytest
import trio

from actors import GetHistory, State, SystemSettings, open_system
from actors import store as stores
from tests.actors.services.yard import PATIENCE, Yard


@pytest.mark.slow
async def test_services_are_started_stopped_and_repaired_while_the_store_hangs(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WRITE_SECONDS", "CLOSE_SECONDS", "SETTLE_SECONDS"):
        monkeypatch.setattr(stores, name, 0.2)
    flows, hangs = threading.Event(), trio.Event()

    def hang(_: sqlite3.Connection) -> None:
        trio.from_thread.run_sync(hangs.set)
        flows.wait(PATIENCE)

    try:
        with trio.fail_after(PATIENCE):
            async with open_system(yard.settings(yard.service("a"), yard.service("b"))) as system:
                await system.services.start("a")
                before = await system.services.wait_for("a", State.RUNNING)
                system.store.write_later(hang)
                await hangs.wait()
                await system.services.start("b")
                await system.services.wait_for("b", State.RUNNING)
                await system.services.stop("b")
                await system.services.wait_for("b", State.STOPPED)
                assert system.services.view("a") == before, "nobody touched it"
                assert (await system.metrics.ref.ask(GetHistory(1))).total >= 0
    finally:
        flows.set()


@pytest.fixture
def unusable(yard: Yard) -> SystemSettings:
    """A system whose database is none and cannot be made."""
    settings = yard.settings(yard.service("a"))
    settings.database.mkdir(parents=True)
    return settings


@pytest.mark.slow
async def test_a_system_opens_over_a_database_that_cannot_be_opened(unusable: SystemSettings) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(unusable) as system:
            assert system.store.failing
            await system.services.start("a")
            await system.services.wait_for("a", State.RUNNING)
