"""Answers that are kept: the same as the handler's, never old, and behind the same gate."""

from pathlib import Path

import pytest

from actors.services import State
from hamster.server_settings import ServerSettings
from tests.actors.conftest import yard as yard  # a fixture
from tests.actors.services.yard import Yard
from tests.hamster.http.asking import Asking, asking
from tests.hamster.security.secured import secured

PATHS = ("/api/services/", "/api/metrics", "/api/posco/status", "/api/posco/deployment/status")
LANES = pytest.mark.parametrize("fast_lane", [True, False], ids=["fast lane", "stock"])


Answer = tuple[int, dict[str, str], bytes]


async def get(server: Asking, path: str, **headers: str) -> Answer:
    answer = await server.http.get(server.hamster.url + path, headers=headers)
    return answer.status_code, dict(answer.headers), answer.content


async def thrice(server: Asking, path: str) -> tuple[Answer, Answer, Answer]:
    """Made, kept, and asked for by one who has it."""
    made = await get(server, path)
    kept = await get(server, path, origin="http://localhost:1420")
    return made, kept, await get(server, path, **{"if-none-match": made[1]["etag"]})


@LANES
async def test_what_is_kept_is_what_was_made_and_a_client_that_has_it_gets_304(yard: Yard, fast_lane: bool) -> None:
    async with asking(
        yard.settings(yard.service("one", "sleep", "3600", autostart=True)), ServerSettings(fast_lane=fast_lane)
    ) as server:
        await server.hamster.system.services.wait_for("one", State.RUNNING)
        await get(server, "/api/metrics")
        for path in PATHS:
            # A sample or a second may come between: then all three are other ones than before.
            made, kept, same = await thrice(server, path)
            while same[0] != 304:
                made, kept, same = await thrice(server, path)
            assert made[0] == kept[0] == 200
            assert made[2] == kept[2]
            assert same == (304, {**same[1], "etag": made[1]["etag"], "cache-control": "no-cache"}, b"")
            assert kept[1]["access-control-allow-origin"] == "http://localhost:1420"
            assert "access-control-allow-origin" not in made[1]
            assert set(kept[1]) - set(made[1]) == {"access-control-allow-origin", "access-control-expose-headers"}
            assert made[1]["x-request-id"] != kept[1]["x-request-id"]
            named = await get(server, path, **{"x-request-id": "mine"})
            assert named[1]["x-request-id"] == "mine"


@LANES
async def test_after_a_commands_answer_everybody_reads_what_it_did(yard: Yard, fast_lane: bool) -> None:
    async with asking(
        yard.settings(yard.service("one", "sleep", "3600", autostart=True)), ServerSettings(fast_lane=fast_lane)
    ) as server:
        services = server.hamster.system.services
        await services.wait_for("one", State.RUNNING)
        for _ in range(10):
            for command, before in (("stop", "running"), ("start", "stopped")):
                for _ in range(3):
                    assert b'"status":"%s"' % before.encode() in (await get(server, "/api/services/"))[2]
                answer = await server.http.post(f"{server.hamster.url}/api/services/one/{command}")
                assert answer.status_code == 200
                assert b'"status":"%s"' % before.encode() not in (await get(server, "/api/services/"))[2]
                await services.wait_for("one", State.RUNNING, State.STOPPED)


@LANES
async def test_what_is_kept_is_behind_the_gate(yard: Yard, fast_lane: bool) -> None:
    async with asking(yard.settings(), ServerSettings(fast_lane=fast_lane)) as server:
        for _ in range(2):
            assert (await get(server, "/api/services/"))[0] == 200
            assert (await get(server, "/api/services/", host="evil.example"))[0] == 403
            status, headers, _ = await get(server, "/api/services/", origin="http://evil.example")
            assert (status, "access-control-allow-origin" in headers) == (200, False)


async def test_what_is_kept_is_for_those_alone_who_may_read(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        token = (await asking.log_in())["access_token"]
        for _ in range(3):
            answer = await asking.http.get(
                asking.hamster.url + "/api/services/", headers={"Authorization": f"Bearer {token}"}
            )
            assert answer.status_code == 200
            assert (await asking.ask("GET", "/api/services/"))[0] == 401
        assert (await asking.ask("POST", "/api/auth/logout", {}, token=token))[0] == 200
        assert (await asking.ask("GET", "/api/services/", token=token))[0] == 401
