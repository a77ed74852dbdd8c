"""Monitors over HTTP: what they show, and looks on command. Real sockets on both sides."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import httpx
import pytest
import trio

from actors import MetricsSettings, ProcessOptions, ServiceSettings, State, SystemSettings, open_system
from actors.metrics.messages import Readings
from actors.services import Health, ServiceEvent
from actors.settings import ExecOptions, HttpOptions, MonitorOptions
from hamster.http import make_app
from hamster.http.frames import FrameMaker
from hamster.http.gate import Gate
from hamster.http.gate_asgi import wire_error
from hamster.http.service_models import service_model
from hamster.http.services import register
from hamster.http.times import stamper
from tests.actors.services.probing.servers import Served, Stream, answer, answering, head_of
from tests.actors.services.probing.servers import serving as target
from tests.hamster.clients import serving
from tests.hamster.http.showcase import SEOUL, shown, view
from tests.hamster.http.test_times import NOON

STAMP = stamper(SEOUL)
SITE = ServiceSettings(id="site", kind="http", monitor=HttpOptions(url="http://h/"))


def of_kind_http(options: MonitorOptions) -> ServiceSettings:
    return ServiceSettings(id="site", kind="http", autostart=False, monitor=options)


@asynccontextmanager
async def api(directory: Path, *services: ServiceSettings) -> AsyncGenerator[httpx.AsyncClient, None]:
    settings = SystemSettings(data_dir=directory / "data", services=services, metrics=MetricsSettings(interval=60.0))
    with trio.fail_after(60):
        async with open_system(settings) as system:
            app = make_app([lambda app: register(app, system, STAMP)], gate=Gate())
            async with (
                serving(app, error_answer=wire_error) as server,
                httpx.AsyncClient(base_url=server.url, timeout=20) as client,
            ):
                yield client


async def test_a_check_answers_what_was_found_with_its_figures(tmp_path: Path) -> None:
    async with target(answering(answer())) as served:
        site = of_kind_http(HttpOptions(url=served.url("/?token=hunter2"), successes=1, interval=600.0))
        async with api(tmp_path, site) as client:
            assert (await client.post("/api/services/site/start?wait=5")).status_code == 200
            for path in ("/api/services/site/check", "/api/services/site/check/"):
                reply = await client.post(path)
                assert reply.status_code == 200, reply.text
                found = reply.json()
                assert list(found) == ["service_id", "ok", "detail", "latency", "figures", "health"]
                assert (found["service_id"], found["ok"], found["health"]) == ("site", True, "healthy")
                assert (found["figures"]["status"], found["figures"]["body_bytes"]) == (200, 5)
                assert found["latency"] > 0
            shown_now = (await client.get("/api/services/site")).json()
            assert (shown_now["status"], shown_now["health"]) == ("running", "healthy")
            assert shown_now["config"]["url"].endswith("/?token=***")


async def test_a_check_that_finds_it_down_is_an_answer_and_no_error(tmp_path: Path) -> None:
    async with target(answering(answer(status="500 Broken"))) as served:
        site = of_kind_http(HttpOptions(url=served.url(), failures=1))
        async with api(tmp_path, site) as client:
            await client.post("/api/services/site/start")
            found = await client.post("/api/services/site/check")
            assert (found.status_code, found.json()["ok"], found.json()["health"]) == (200, False, "unhealthy")
            shown_now = (await client.get("/api/services/site")).json()
    assert (shown_now["status"], shown_now["state"]) == ("error", "running")
    assert shown_now["last_error"] == 'status 500, expected "200-299"' == shown_now["health_detail"]


async def test_what_is_in_the_way_of_a_check_is_409_with_a_sentence(tmp_path: Path) -> None:
    process = ServiceSettings(id="job", autostart=False, process=ProcessOptions(command="true"))
    hang = trio.Event()

    async def hanging(_: Served, stream: Stream) -> None:
        await head_of(stream)
        hang.set()
        await stream.receive_some()

    async with target(hanging) as served:
        site = of_kind_http(HttpOptions(url=served.url(), timeout=600.0))
        async with api(tmp_path, site, process, attrs.evolve(SITE, id="bare", monitor=HttpOptions())) as client:
            cases = {
                "/api/services/site/check": "서비스 'site'이(가) 실행 중이 아닙니다. 먼저 시작해 주세요",
                "/api/services/job/check": "서비스 'job'은(는) 점검할 수 없는 종류입니다: process",
                "/api/services/bare/start": "서비스 'bare'에 감시할 대상이 없습니다. 설정에서 url을(를) 지정해 주세요",
            }
            for path, detail in cases.items():
                reply = await client.post(path)
                assert (reply.status_code, reply.json()["detail"]) == (409, detail)
            assert (await client.post("/api/services/none/check")).status_code == 404
            batch = {"actions": [{"action": "start", "service_id": "bare"}]}
            (result,) = (await client.post("/api/services/batch", json=batch)).json()["results"]
            assert (result["success"], result["message"]) == (False, cases["/api/services/bare/start"])
            await client.post("/api/services/site/start")
            async with trio.open_nursery() as nursery:

                async def check() -> None:
                    reply = await client.post("/api/services/site/check")
                    assert reply.status_code == 409
                    assert "중단되었습니다" in reply.json()["detail"]

                nursery.start_soon(check)
                await hang.wait()
                await client.post("/api/services/site/stop")


@pytest.mark.parametrize(
    ("state", "health", "status"),
    [
        (State.RUNNING, Health.HEALTHY, "running"),
        (State.RUNNING, Health.UNKNOWN, "running"),
        (State.RUNNING, Health.UNHEALTHY, "error"),
        (State.STOPPED, Health.UNKNOWN, "stopped"),
    ],
)
async def test_a_monitor_whose_object_is_down_is_an_error(state: State, health: Health, status: str) -> None:
    found = service_model(
        view(SITE, state=state, health=health, running_since_clock=trio.current_time()), Readings(), STAMP
    )
    assert (found.status, found.health, found.state) == (status, health.value, state.value)


def test_a_service_is_shown_with_what_clients_ask_for_beyond_the_contract() -> None:
    settings = attrs.evolve(SITE, tags=("web",), origin="api")
    values = {
        "health_detail": "asked http://h/?token=hunter2",
        "ready_at": NOON,
        "waits_for": ("db",),
        "next_run_at": NOON,
    }
    found = service_model(view(settings, **values), Readings(), STAMP)
    assert found.health_detail == "asked http://h/?token=***"
    assert found.ready_at == found.next_run_at == "2024-01-01T21:00:00.000+09:00"
    assert (found.waits_for, found.tags, found.origin, found.instance_of) == (("db",), ("web",), "api", None)


def test_the_command_and_the_environment_of_a_monitor_are_masked() -> None:
    options = ExecOptions(command=("check", "--token", "hunter2"), env={"PLAIN": "hunter2"})
    settings = ServiceSettings(id="run", kind="exec", monitor=options)
    found = service_model(view(settings), Readings(), STAMP)
    assert "hunter2" not in str(found.config)
    assert (found.config["command"], found.config["env"]) == (["check", "--token", "***"], {"PLAIN": "***"})
    assert found.config["timeout"] == 10.0


async def test_a_change_of_health_is_a_status_update_and_a_recovery_says_how_long_it_took() -> None:
    frames = FrameMaker(shown(SITE), STAMP)
    up = view(SITE, state=State.RUNNING, health=Health.HEALTHY)
    down = view(SITE, state=State.RUNNING, health=Health.UNHEALTHY)
    update = frames.status_update(down).text
    assert '"status":"error"' in update
    assert '"health":"unhealthy"' in update
    (frame,) = frames.of(ServiceEvent("recovered", up, NOON, None, 12.5))
    assert '"duration":12.5' in frame.text
