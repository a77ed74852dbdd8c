"""Services over the API: added, changed and removed, by whom and with what; against a server that runs."""

from pathlib import Path

import pytest
import trio

from actors import State
from hamster.http.problems import InvalidRequest
from hamster.http.service_changes import service_of
from tests.hamster.running import PATIENCE, running, service

EXTRA: dict[str, object] = {"id": "extra", "command": ["sleep", "1000"], "start_seconds": 0.05}


async def test_a_service_is_added_changed_and_removed_over_the_api(tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, "") as asking:
            services = asking.hamster.system.services
            status, said = await asking.ask("POST", "/api/services/", EXTRA | {"name": "더", "tags": ["x"]})
            assert (status, said["message"], said["service_id"]) == (
                200,
                "서비스 'extra'이(가) 추가되었습니다",
                "extra",
            )
            first = await services.wait_for("extra", State.RUNNING)
            status, said = await asking.ask("PUT", "/api/services/extra", EXTRA | {"stop_grace": 2})
            assert (status, said["message"]) == (200, "서비스 'extra'의 설정이 변경되었습니다")
            view = services.view("extra")
            assert (view.pid, view.settings.name, view.settings.tags) == (first.pid, "extra", ()), "PUT is the whole"
            status, said = await asking.ask("DELETE", "/api/services/extra", token=None)
            assert (status, said["message"]) == (200, "서비스 'extra'이(가) 삭제되었습니다")
            status, said = await asking.ask("GET", "/api/services/extra")
            assert (status, said["detail"]) == (404, "서비스를 찾을 수 없습니다: extra")


async def test_what_was_added_is_there_after_a_restart_and_says_who_owns_it(tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, service("filed")) as asking:
            assert (await asking.ask("POST", "/api/services", EXTRA))[0] == 200
        async with running(tmp_path, service("filed")) as asking:
            await asking.hamster.system.services.wait_for("extra", State.RUNNING)
            origins = {view.id: view.settings.origin for view in asking.hamster.system.services.board.value.values()}
            assert (origins["posco_news"], origins["filed"], origins["extra"]) == ("built-in", "file", "api")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/services/", EXTRA),
        ("POST", "/api/services/", {"id": "looks", "kind": "exec", "command": "true"}),
        ("PUT", "/api/services/given", {"kind": "http", "url": "http://127.0.0.1:1/"}),  # it has one
        ("POST", "/api/system/reload", None),
    ],
)
@pytest.mark.parametrize("token", [None, "wrong"])
async def test_nobody_without_the_local_token_can_have_a_command_run(
    tmp_path: Path, method: str, path: str, body: object, token: str | None
) -> None:
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, "") as asking:
            await asking.ask("POST", "/api/services/", EXTRA | {"id": "given", "autostart": False})
            before = asking.hamster.system.services.board.value
            status, said = await asking.ask(method, path, body, token=token)
            detail = said["detail"]
            if token is None:
                assert status == 401
                assert "로컬 토큰이 필요합니다" in str(detail)
            else:
                assert (status, detail) == (403, "로컬 토큰이 올바르지 않습니다")
            assert asking.hamster.system.services.board.value == before


async def test_the_token_may_come_as_an_api_key_and_a_monitor_needs_none(tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, "") as asking:
            answer = await asking.http.post(
                f"{asking.hamster.url}/api/services/", json=EXTRA, headers={"X-API-Key": asking.hamster.token.value}
            )
            assert answer.status_code == 200
            answer = await asking.http.post(
                f"{asking.hamster.url}/api/services/", json=EXTRA, headers={b"X-API-Key": "틀린".encode()}
            )
            assert answer.status_code == 403
            site = {"id": "site", "kind": "http", "url": "http://127.0.0.1:1/", "autostart": False}
            assert (await asking.ask("POST", "/api/services/", site, token=None))[0] == 200
            assert (await asking.ask("PUT", "/api/services/site", site | {"interval": 5}, token=None))[0] == 200


async def test_every_wrong_key_is_named_with_its_field(tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, service("there")) as asking:
            body = EXTRA | {"stop_grace": -5, "comand": "x", "ready": {"tcp": "nowhere"}, "depends_on": ["extra"]}
            status, said = await asking.ask("POST", "/api/services/", body)
            assert status == 400
            assert {error["field"] for error in said["errors"]} >= {"stop_grace", "comand", "ready.tcp"}
            assert (await asking.ask("POST", "/api/services/", {"command": "x"}))[1]["errors"] == [
                {"field": "id", "message": "필수 값입니다"}
            ]
            status, said = await asking.ask("POST", "/api/services/", EXTRA | {"depends_on": ["nobody"]})
            assert status == 400
            assert "depends_on" in str(said["errors"])
            status, said = await asking.ask("PUT", "/api/services/there", EXTRA)
            assert (status, said["errors"]) == (
                400,
                [{"field": "id", "message": "주소의 서비스 ID와 같아야 합니다: there"}],
            )
            assert "extra" not in asking.hamster.system.services.board.value


async def test_what_the_file_owns_exists_or_is_needed_is_refused_with_whose_it_is(tmp_path: Path) -> None:
    toml = tmp_path / "hamster.toml"
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, service("filed", "instances = 2", "autostart = false")) as asking:
            expected = f"서비스 'filed'은(는) 설정 파일에서 관리됩니다. {toml}에서 변경해 주세요"
            status, said = await asking.ask("PUT", "/api/services/filed", {"command": "true"})
            assert (status, said["detail"]) == (409, expected)
            assert await asking.ask("DELETE", "/api/services/filed") == (409, {"detail": expected, "status_code": 409})
            status, said = await asking.ask("DELETE", "/api/services/posco_news")
            assert status == 409
            assert str(said["detail"]).startswith("서비스 'posco_news'은(는) 기본 제공 서비스입니다.")
            for taken in ("filed", "filed-1", "posco_news"):
                status, said = await asking.ask("POST", "/api/services/", EXTRA | {"id": taken})
                assert (status, said["detail"]) == (409, f"같은 ID의 서비스가 이미 있습니다: {taken}")
            assert (await asking.ask("PUT", "/api/services/nobody", {"command": "true"}))[0] == 404
            await asking.ask("POST", "/api/services/", EXTRA | {"id": "db", "autostart": False})
            await asking.ask("POST", "/api/services/", EXTRA | {"depends_on": ["db"], "autostart": False})
            status, said = await asking.ask("DELETE", "/api/services/db")
            assert (status, said["detail"]) == (409, "서비스 'db'에 의존하는 서비스가 있어 삭제할 수 없습니다: extra")


async def test_a_command_to_a_group_a_tag_or_a_pattern_says_what_became_of_each(tmp_path: Path) -> None:
    site = "[services.site]\nkind = 'http'\nurl = 'http://127.0.0.1:1/'\ntags = ['front']\nautostart = false\n"
    toml = service("web", "instances = 2", "tags = ['front']", "autostart = false") + site
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, toml) as asking:
            for target in ("web", "web-[12]", "web-*"):
                status, said = await asking.ask("POST", f"/api/services/{target}/start?wait=20")
                assert (status, said["service_id"]) == (200, target)
                assert said["message"] == f"서비스 2개가 시작되었습니다 ({target})"
                assert [(one["service_id"], one["success"]) for one in said["results"]] == [
                    ("web-1", True),
                    ("web-2", True),
                ]
            status, said = await asking.ask("POST", "/api/services/web-1/stop?wait=20")
            assert said == {"message": "서비스 'web-1'이(가) 중지되었습니다", "service_id": "web-1"}, (
                "as the contract says"
            )
            status, said = await asking.ask("POST", "/api/services/*_news/start")
            assert said["message"] == "서비스 1개 중 1개의 요청이 실패했습니다 (*_news)"
            status, said = await asking.ask("POST", "/api/services/tag:nobody/start")
            assert (status, said["detail"]) == (404, "서비스를 찾을 수 없습니다: tag:nobody")
            status, said = await asking.ask("GET", "/api/services/web")
            assert (status, said["detail"]) == (
                404,
                "서비스를 찾을 수 없습니다: web (인스턴스로 실행됩니다: web-1, web-2)",
            )
            answer = await asking.http.get(f"{asking.hamster.url}/api/services/?target=web&target=posco_news")
            assert [one["id"] for one in answer.json()] == ["posco_news", "web-1", "web-2"]
            assert (await asking.ask("POST", "/api/services/site/start"))[0] == 200
            status, said = await asking.ask("POST", "/api/services/tag:front/check")
            assert status == 200
            by_id = {one["service_id"]: (one["success"], one["message"]) for one in said["results"]}
            assert by_id["site"][0] is False
            assert by_id["site"][1] != by_id["web-1"][1] == "서비스 'web-1'은(는) 점검할 수 없는 종류입니다: process"
            await asking.ask("POST", "/api/services/site/stop")
            batch = {"actions": [{"action": "stop", "service_id": "tag:front"}]}
            status, said = await asking.ask("POST", "/api/services/batch", batch)
            assert [one["service_id"] for one in said["results"]] == ["web-1", "web-2", "site"]


async def test_a_rolling_restart_is_answered_at_its_end_or_at_once_and_a_second_one_is_refused(tmp_path: Path) -> None:
    toml = service("web", "instances = 2") + service("stuck").replace("start_seconds = 0.05", "start_seconds = 1000")
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, toml) as asking:
            services = asking.hamster.system.services
            before = [(await services.wait_for(one, State.RUNNING)).pid for one in ("web-1", "web-2")]
            status, said = await asking.ask("POST", "/api/services/web/restart?rolling=true&wait=20")
            assert (status, said["message"]) == (200, "서비스 2개의 순차 재시작이 완료되었습니다 (web)")
            assert not set(before) & {services.view(one).pid for one in ("web-1", "web-2")}
            status, said = await asking.ask("GET", "/api/services/web/rolling")
            assert (said["state"], said["done"]) == ("done", ["web-1", "web-2"])
            assert (await asking.ask("GET", "/api/services/nobody/rolling"))[0] == 404
            status, said = await asking.ask("POST", "/api/services/stuck/restart?rolling=true")
            assert (status, said["message"]) == (200, "서비스 1개 순차 재시작 중... (stuck)")
            status, said = await asking.ask("POST", "/api/services/s*/restart?rolling=1")
            assert (status, said["detail"]) == (409, "이미 순차 재시작 중인 서비스가 있습니다: stuck")
            assert (await asking.ask("POST", "/api/services/web/restart?rolling=1&parallel=0"))[0] == 400
            await services.stop("stuck")
            assert (await services.rolled("stuck")).state == "failed"


def test_a_path_over_the_api_must_be_whole() -> None:
    body = EXTRA | {"cwd": "here", "env_files": ["/etc/env", ".env"], "watch": {"paths": ["app"]}}
    with pytest.raises(InvalidRequest) as refused:
        service_of(body)
    assert [problem.field for problem in refused.value.problems] == ["cwd", "env_files", "watch.paths"]
    assert service_of(EXTRA | {"cwd": "/"}).origin == "api"
