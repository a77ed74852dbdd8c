"""`/api/system`, `/api/ping` and `/api/info` over HTTP, with real processes."""

from pathlib import Path
from typing import cast

import attrs
import pytest
import trio

from actors.services import ServiceEvent, State
from actors.services.history_rows import wanted
from actors.services.messages import Wanted
from actors.settings import ScheduleOptions, ServiceSettings, SystemSettings
from hamster.defaults import contract_services
from tests.actors.conftest import yard as yard  # a fixture
from tests.actors.services.yard import Yard
from tests.actors.webhooks.receiver import PATIENCE
from tests.hamster.http.asking import Asking, asking


async def test_a_ping_is_answered_and_the_product_says_what_it_is(tmp_path: Path) -> None:
    async with asking(SystemSettings(data_dir=tmp_path)) as server:
        assert await server.got("GET", "/api/ping") == {"status": "ok", "version": "1.0.0"}
        info = await server.got("GET", "/api/info")
        assert list(info)[:4] == ["version", "uptime", "environment", "features"]
        assert "websocket" in cast("list[str]", info["features"])
        assert isinstance(info["uptime"], int)


async def test_the_status_of_the_system_has_every_domain_and_the_newest_figures(tmp_path: Path) -> None:
    async with asking(SystemSettings(data_dir=tmp_path, services=contract_services())) as server:
        with trio.fail_after(PATIENCE):
            while not (await server.got("GET", "/api/system/status"))["metrics"]:  # noqa: ASYNC110 - from outside
                await trio.sleep(0.02)
        found = await server.got("GET", "/api/system/status")
    assert (found["services_running"], found["services_total"]) == (2, 6)
    assert found["overall_status"] in ("healthy", "warning", "critical")
    components = cast("dict[str, dict[str, object]]", found["components"])
    assert {"services", "metrics", "webhooks", "logs", "alerts", "deployer", "history"} == set(components)
    assert {one["status"] for one in components.values()} == {"running"}
    assert "cpu_percent" in cast("dict[str, object]", found["metrics"])


def states(server: Asking) -> dict[str, State]:
    return {name: view.state for name, view in server.hamster.system.services.board.value.items()}


async def until(server: Asking, state: State, *names: str) -> None:
    await server.hamster.system.services.wait_until(lambda board: all(board[name].state is state for name in names))


async def test_everything_is_stopped_against_and_started_along_what_it_depends_on(yard: Yard) -> None:
    order: list[str] = []
    part = ServiceSettings(id="webhook_system", kind="webhooks")
    settings = yard.settings(
        yard.service("base", autostart=True),
        attrs.evolve(yard.service("middle", autostart=True), depends_on={"base": "started"}),
        attrs.evolve(yard.service("top"), depends_on={"middle": "started"}),
        part,
    )
    async with asking(settings) as server:
        await until(server, State.RUNNING, "base", "middle")
        found = await server.got("POST", "/api/system/start")
        assert found == {"message": "모든 서비스를 시작합니다", "status": "starting"}
        await until(server, State.RUNNING, "base", "middle", "top", "webhook_system")
        with server.hamster.system.bus.subscribe(ServiceEvent) as events:
            assert (await server.got("POST", "/api/system/stop"))["status"] == "stopping"
            await until(server, State.STOPPED, "base", "middle", "top", "webhook_system")
            while len(order) < 3:
                event = await events.receive()
                assert isinstance(event, ServiceEvent)
                if event.view.id != "webhook_system" and event.event_type == "stopped":
                    order.append(event.view.id)
        assert order == ["top", "middle", "base"]
        await server.got("POST", "/api/system/start")
        await until(server, State.RUNNING, "base", "middle", "top")
        pids = {name: view.pid for name, view in server.hamster.system.services.board.value.items()}
        await server.got("POST", "/api/services/top/stop?wait=10")
        assert (await server.got("POST", "/api/system/restart"))["status"] == "restarting"
        await server.hamster.system.services.wait_until(
            lambda board: all(board[name].pid not in (None, pids[name]) for name in ("base", "middle"))
        )
        assert states(server)["top"] is State.STOPPED, "what was not to run is not started"


@pytest.mark.slow
async def test_a_stop_takes_the_place_of_a_start_that_is_not_through(yard: Yard) -> None:
    never = attrs.evolve(yard.service("never"), depends_on={"job": "completed"})
    job = yard.service("job", restart="never")  # it runs for ever and so is never completed
    async with asking(yard.settings(job, never)) as server:
        await server.got("POST", "/api/system/start")
        await until(server, State.STARTING, "never")
        await server.got("POST", "/api/system/stop")
        await until(server, State.STOPPED, "never", "job")


async def test_a_restart_in_the_middle_of_another_leaves_nothing_stopped(yard: Yard) -> None:
    base = yard.service("base", autostart=True)
    top = attrs.evolve(yard.service("top", autostart=True), depends_on={"base": "started"})
    async with asking(yard.settings(base, top)) as server:
        await until(server, State.RUNNING, "base", "top")
        before = pids_of(server)
        await server.got("POST", "/api/system/restart")
        await server.hamster.system.services.wait_until(lambda board: board["top"].wanted is Wanted.DOWN)
        await server.got("POST", "/api/system/restart")
        with trio.fail_after(PATIENCE):
            await server.hamster.system.services.wait_until(
                lambda board: all(
                    board[name].state is State.RUNNING and board[name].pid != before[name] for name in before
                )
            )


def pids_of(server: Asking) -> dict[str, int | None]:
    return {name: view.pid for name, view in server.hamster.system.services.board.value.items()}


async def test_a_start_of_everything_leaves_jobs_to_their_schedule_and_a_restart_is_remembered_as_none(
    yard: Yard,
) -> None:
    job = yard.service("job", restart="never", schedule=ScheduleOptions(cron="0 0 1 1 *"))
    stubborn = yard.shell("stubborn", "trap '' TERM; while :; do sleep 0.05; done", autostart=True, stop_grace=0.5)
    async with asking(yard.settings(job, stubborn)) as server:
        await until(server, State.RUNNING, "stubborn")
        await server.got("POST", "/api/system/start")
        services = server.hamster.system.services
        await services.wait_until(lambda board: board["job"].next_run_at is not None)
        assert states(server)["job"] is State.STOPPED, "it waits for its time"
        await server.got("POST", "/api/system/restart")
        await until(server, State.STOPPING, "stubborn")
        kept = await server.hamster.system.store.read(wanted)
        assert kept.get("stubborn", "up") == "up", "a kill now finds it to be started"
        await until(server, State.RUNNING, "stubborn")
