"""`POST /api/services/{target}/reload`, answered in Korean."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
import trio

from actors import ServiceSettings, State, open_system
from hamster.http import service_reloads
from hamster.http.app import make_app
from hamster.http.gate import Gate, GateSettings
from hamster.http.gate_asgi import StoppingSwitch
from tests.actors.services.yard import PATIENCE, Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@asynccontextmanager
async def asking(yard: Yard, *services: ServiceSettings) -> AsyncGenerator[httpx.AsyncClient, None]:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            app = make_app(
                [lambda app: service_reloads.register(app, system)],
                gate=Gate(GateSettings()),
                stopping=StoppingSwitch(),
            )
            for service in services:
                if service.autostart:
                    await system.services.wait_for(service.id, State.RUNNING)
            transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] - two libraries' words for one thing
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=PATIENCE) as client:
                yield client


async def post(client: httpx.AsyncClient, path: str) -> tuple[int, dict[str, object]]:
    answer = await client.post(f"/api/services/{path}")
    return answer.status_code, msgspec.json.decode(answer.content, type=dict[str, object])


async def test_one_service_is_answered_as_the_other_commands_are(yard: Yard) -> None:
    a = yard.service("a", reload_command=("true",), autostart=True)
    b = yard.service("b", reload_command=("false",), autostart=True)
    async with asking(
        yard, a, b, yard.service("c", reload_signal="SIGHUP"), yard.service("d", autostart=True)
    ) as client:
        assert await post(client, "a/reload") == (
            200, {"message": "서비스 'a' 설정을 다시 읽는 중...", "service_id": "a"},
        )  # fmt: skip
        assert await post(client, "a/reload?wait=10") == (
            200, {"message": "서비스 'a'이(가) 설정을 다시 읽었습니다", "service_id": "a"},
        )  # fmt: skip
        status, body = await post(client, "b/reload?wait=10")
        assert status == 409
        assert body["detail"] == (
            "서비스 'b'이(가) 설정을 다시 읽지 못했습니다: its command failed: exit code 1; see b.reload.log"
        )
        status, body = await post(client, "c/reload")
        assert (status, body["detail"]) == (409, "서비스 'c'이(가) 실행 중이 아닙니다 (현재: stopped)")
        status, body = await post(client, "d/reload")
        assert status == 409
        assert str(body["detail"]).startswith("서비스 'd'에는 설정을 다시 읽게 하는 방법이 없습니다")
        assert (await post(client, "x/reload"))[0] == 404


async def test_several_services_have_a_result_each(yard: Yard) -> None:
    services = [
        yard.service("a-1", reload_signal="SIGCONT", autostart=True),
        yard.service("a-2", reload_signal="SIGCONT"),
        yard.service("a-3", autostart=True),
    ]
    async with asking(yard, *services) as client:
        status, body = await post(client, "a-*/reload?wait=10")
        assert (status, body["service_id"]) == (200, "a-*")
        assert body["message"] == "서비스 3개 중 2개의 요청이 실패했습니다 (a-*)"
        results = msgspec.convert(body["results"], list[dict[str, object]])
        assert [(result["service_id"], result["success"]) for result in results] == [
            ("a-1", True), ("a-2", False), ("a-3", False),
        ]  # fmt: skip
