"""`/api/posco` over HTTP, with a real git and a real site."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import attrs
import httpx
import pytest
import trio
import trio_websocket

from actors.settings import HttpOptions, PoscoSettings, ServiceSettings, SystemSettings, WebhookSettings
from actors.settings.webhooks import WebhookRoute
from hamster.defaults import contract_services
from hamster.product import Hamster, open_product
from hamster.server import bind_sockets
from hamster.server_settings import ServerSettings
from tests.actors.deploy.grounds import Grounds
from tests.actors.deploy.test_deploying import posco, serving
from tests.actors.webhooks.receiver import PATIENCE, a_receiver

DEPLOYMENT = [
    "session_id", "status", "current_branch", "target_branch", "start_time", "end_time", "steps_completed",
    "current_step", "progress_percentage", "error_message",
]  # fmt: skip
GIT = {
    "current_branch": str, "last_commit": str, "commit_hash": str, "commit_message": str, "commit_author": str,
    "commit_date": str, "has_uncommitted_changes": bool, "has_conflicts": bool, "remote_status": str,
    "ahead_count": int, "behind_count": int,
}  # fmt: skip


@attrs.frozen(eq=False)
class Asking:
    """A WatchHamster, and who asks it."""

    hamster: Hamster
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        answer = await self.http.request(method, f"{self.hamster.url}/api/posco/{path}", json=body)
        return answer.status_code, cast("dict[str, object]", answer.json())

    async def got(self, method: str, path: str, body: object = None) -> dict[str, object]:
        status, found = await self.ask(method, path, body)
        assert status == 200, found
        return found

    async def over(self) -> Mapping[str, object]:
        """The last deployment once it is over."""
        with trio.fail_after(PATIENCE):
            while True:
                found = (await self.got("GET", "deployment/status"))["current_deployment"]
                if found is not None:
                    current = cast("Mapping[str, object]", found)
                    if current["status"] in ("success", "failed"):
                        return current
                await trio.sleep(0.01)


@asynccontextmanager
async def asking(
    directory: Path,
    settings: PoscoSettings,
    services: tuple[ServiceSettings, ...] | None = None,
    webhooks: WebhookSettings | None = None,
) -> AsyncGenerator[Asking, None]:
    system = SystemSettings(
        data_dir=directory,
        zone="Asia/Seoul",
        posco=settings,
        services=contract_services() if services is None else services,
        webhooks=webhooks or WebhookSettings(),
    )
    sockets = await bind_sockets("127.0.0.1", 0)
    with trio.fail_after(3 * PATIENCE):
        async with (
            open_product(system, ServerSettings(), sockets=sockets) as hamster,
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
        ):
            yield Asking(hamster, http)


@pytest.fixture
def grounds(tmp_path: Path) -> Grounds:
    return Grounds(tmp_path / "site").make()


async def test_the_status_is_complete_without_a_repository(tmp_path: Path) -> None:
    async with asking(tmp_path / "data", PoscoSettings()) as server:
        status = await server.got("GET", "status")
        assert status["status"] == "running"
        assert status["services"] == {"news_monitor": "stopped", "deployment": "idle"}
        assert (status["branch_switch_status"], status["last_deployment"]) == ("idle", None)
        assert (status["deployment_history"], status["current_deployment"]) == ([], None)
        check_types(status)
        for path in ("deploy", "deployment/start"):
            code, found = await server.ask("POST", path)
            assert (code, found["status_code"]) == (409, 409)
            assert "[posco]" in str(found["detail"])
        assert (await server.got("POST", "deployment/stop"))["message"] == "진행 중인 배포가 없습니다"
        assert await server.got("GET", "deployment/history") == {"deployment_history": []}
        assert await server.got("GET", "branch/current") == {"current_branch": "unknown"}


def check_types(status: Mapping[str, object]) -> None:
    """What a client reads without asking whether it is there."""
    for key in ("branch", "current_branch", "branch_switch_status"):
        assert isinstance(status[key], str)
    git = cast("Mapping[str, object]", status["git_status"])
    assert {key: type(git[key]) for key in GIT} == GIT
    pages = cast("Mapping[str, object]", status["github_pages_status"])
    assert type(pages["is_accessible"]) is bool
    assert type(pages["last_check"]) is str
    assert {"response_time", "status_code", "error_message"} <= set(pages)


async def test_a_deployment_is_told_frame_by_frame_and_to_receivers_and_the_site_is_seen(grounds: Grounds) -> None:
    with serving(grounds.root) as url:
        pages = attrs.evolve(
            next(one for one in contract_services() if one.id == "github_pages"),
            monitor=HttpOptions(url=f"{url}/www/index.html", interval=0.2, retry_interval=0.2),
            autostart=True,
        )
        async with a_receiver() as receiver:
            route = WebhookRoute(url=receiver.url(), events=("deployment",), allow_private=True)
            settings = posco(grounds, publish_dir=str(grounds.www), health_url=f"{url}/www/index.html")
            webhooks = WebhookSettings(routes={"team": route})
            services = (pages, ServiceSettings(id="deployment", name="d", kind="deployment"))
            async with asking(grounds.root / "data", settings, services, webhooks) as server:
                address = server.hamster.url.replace("http", "ws") + "/ws"
                async with trio_websocket.open_websocket_url(address) as socket:
                    before = await server.got("GET", "status")
                    assert cast("Mapping[str, object]", before["github_pages_status"])["is_accessible"] is False
                    begun = await server.got("POST", "deploy", {"target_branch": "work"})
                    assert begun == {
                        "message": "'work' 브랜치의 배포가 시작되었습니다",
                        "deployment_id": "deployment_1",
                    }
                    told = await frames_until(socket, "deployment_succeeded")
                assert [data["event_type"] for data in told][:3] == [
                    "deployment_started", "deployment_step_started", "deployment_step_done",
                ]  # fmt: skip
                done = [data for data in told if data["event_type"] == "deployment_step_done"]
                assert len(done) == 8
                assert all(isinstance(data["duration_seconds"], float | int) for data in done)
                await receiver.until(lambda arrived: len(arrived) == 2)
                titles = [json.loads(one.body)["title"] for one in receiver.arrived]
                assert titles == ["🛫 배포를 시작합니다", "🚀 배포가 완료되었습니다"]
                with trio.fail_after(PATIENCE):
                    while not (await server.got("GET", "github-pages/status"))["is_accessible"]:  # noqa: ASYNC110
                        await trio.sleep(0.05)
                status = await server.got("GET", "status")
                check_types(status)
                current = cast("Mapping[str, object]", status["current_deployment"])
                assert list(current)[:10] == DEPLOYMENT
                assert (current["progress_percentage"], current["current_step"]) == (100.0, "-")
                assert status["deployment_history"] == [current]
                assert status["last_deployment"] == current["end_time"]
                assert str(current["start_time"]).endswith("+09:00")


async def frames_until(socket: trio_websocket.WebSocketConnection, event_type: str) -> list[Mapping[str, object]]:
    """The data of all `posco_event` frames about deployments up to *event_type*."""
    found: list[Mapping[str, object]] = []
    while True:
        frame = json.loads(await socket.get_message())
        if frame["type"] == "posco_event" and frame["data"]["event_type"].startswith("deployment"):
            found.append(frame["data"])
            if frame["data"]["event_type"] == event_type:
                return found


async def test_a_failing_build_is_told_to_receivers_and_shown_as_failed(grounds: Grounds) -> None:
    grounds.advance("main", fail="broken")
    async with a_receiver() as receiver:
        route = WebhookRoute(url=receiver.url(), events=("deployment",), allow_private=True)
        async with asking(
            grounds.root / "data", posco(grounds), webhooks=WebhookSettings(routes={"team": route})
        ) as server:
            await server.got("POST", "deployment/start", {})
            ended = await server.over()
            assert (ended["status"], ended["rolled_back"], ended["current_step"]) == ("failed", True, "build")
            status = await server.got("GET", "status")
            assert cast("Mapping[str, object]", status["services"])["deployment"] == "failed"
            await receiver.until(lambda arrived: len(arrived) == 2)
            assert "배포에 실패했습니다" in json.loads(receiver.arrived[1].body)["title"]
            assert "exit code 3" in receiver.arrived[1].body.decode()


async def test_the_address_for_posco_hears_of_deployments_without_a_route(grounds: Grounds) -> None:
    async with a_receiver() as receiver:
        webhooks = WebhookSettings(allow_private=True, addresses={"posco": receiver.url()})
        async with asking(grounds.root / "data", posco(grounds), webhooks=webhooks) as server:
            await server.got("POST", "deploy", {})
            await server.over()
            await receiver.until(lambda arrived: len(arrived) == 2)
            found = await server.http.get(f"{server.hamster.url}/api/webhooks/enhanced/history")
            kinds = [one["message_type"] for one in found.json()["history"]]
            assert sorted(kinds) == ["deployment_start", "deployment_success"]


async def test_branches_are_switched_or_it_is_said_why_not(grounds: Grounds) -> None:
    async with asking(grounds.root / "data", posco(grounds)) as server:
        found = await server.got("POST", "branch-switch", {"target_branch": "work"})
        assert found == {"message": "'work' 브랜치로 전환되었습니다", "current_branch": "work"}
        assert await server.got("GET", "branch/current") == {"current_branch": "work"}
        assert (await server.got("GET", "status"))["branch_switch_status"] == "completed"
        grounds.write("page.txt", "mine")
        cases: list[tuple[object, int, str]] = [
            ({"branch": "main"}, 409, "page.txt"),
            ({"branch": "nowhere"}, 404, "nowhere"),
            ({"branch": "--force"}, 400, "--force"),
            ({"branch": "a", "target_branch": "b"}, 400, "branch"),
            ({}, 400, "branch"),
            ({"branch": 7}, 400, "branch"),
        ]
        for body, code, named in cases:
            status, found = await server.ask("POST", "branch-switch", body)
            assert (status, found["status_code"]) == (code, code), found
            assert named in json.dumps(found, ensure_ascii=False)
        assert grounds.read("page.txt") == "mine"


async def test_one_deployment_at_a_time_and_none_while_the_service_is_stopped(grounds: Grounds) -> None:
    grounds.hold("build")
    async with asking(grounds.root / "data", posco(grounds)) as server:
        begun = await server.got("POST", "deploy", {"branch": "main", "force": False})
        assert (await server.ask("POST", "deploy", {}))[0] == 409
        status = await server.got("GET", "status")
        assert cast("Mapping[str, object]", status["services"])["deployment"] == "in_progress"
        stopped = await server.got("POST", "deployment/stop")
        assert stopped["deployment_id"] == begun["deployment_id"]
        grounds.let_go("build")
        assert (await server.over())["cancelled"] is True
        await server.http.post(f"{server.hamster.url}/api/services/deployment/stop?wait=5")
        status, found = await server.ask("POST", "deploy", {})
        assert (status, found["detail"]) == (
            409,
            "배포 시스템이 중지되어 있습니다. deployment 서비스를 시작한 뒤 다시 시도해 주세요",
        )
        assert (await server.got("GET", "status"))["status"] == "stopped"


async def test_watching_the_site_and_the_news_is_started_and_stopped_together(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        services = tuple(
            attrs.evolve(one, monitor=HttpOptions(url=f"{url}/", interval=60.0)) if one.id == "github_pages" else one
            for one in contract_services()
        )
        async with asking(tmp_path / "data", PoscoSettings(), services) as server:
            for path, message in (
                ("start", "모니터링이 시작되었습니다"),
                ("start", "모니터링이 이미 실행 중입니다"),
                ("stop", "모니터링이 중지되었습니다"),
                ("stop", "모니터링이 이미 중지되어 있습니다"),
            ):
                assert await server.got("POST", f"monitoring/{path}") == {"message": message}
