"""`/api/webhooks` over HTTP, to a real receiver on loopback."""

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

from actors.settings import SystemSettings, WebhookSettings
from hamster.product import Hamster, open_product
from hamster.server import bind_sockets
from hamster.server_settings import ServerSettings
from tests.actors.webhooks.receiver import PATIENCE, Answer, Receiver, a_receiver

KEYS = ["id", "url", "message", "webhook_type", "status", "response_code", "error_message", "sent_at"]


@attrs.frozen(eq=False)
class Asking:
    """A WatchHamster, and who asks it."""

    hamster: Hamster
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, object]:
        content = None if body is None else json.dumps(body)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            given["content-type"] = "application/json"
        answer = await self.http.request(method, self.hamster.url + path, content=content, headers=given)
        return answer.status_code, answer.json()

    async def got(self, method: str, path: str, body: object = None, **headers: str) -> dict[str, object]:
        status, found = await self.ask(method, path, body, **headers)
        assert status == 200, found
        return cast("dict[str, object]", found)

    async def until(self, webhook_id: object, status: str) -> dict[str, object]:
        with trio.fail_after(PATIENCE):
            while True:
                found = await self.got("GET", f"/api/webhooks/history/{webhook_id}")
                if found["status"] == status:
                    return found
                await trio.sleep(0.01)


@asynccontextmanager
async def asking(
    directory: Path, *, private: bool = True, addresses: Mapping[str, str] | None = None
) -> AsyncGenerator[Asking, None]:
    made = WebhookSettings(allow_private=private, addresses=addresses or {})
    settings = SystemSettings(data_dir=directory, zone="Asia/Seoul", webhooks=made)
    sockets = await bind_sockets("127.0.0.1", 0)
    with trio.fail_after(3 * PATIENCE):
        async with (
            open_product(settings, ServerSettings(), sockets=sockets) as hamster,
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
        ):
            yield Asking(hamster, http)


def body(receiver: Receiver, **more: object) -> Mapping[str, object]:
    return {"url": receiver.url(), "message": "안녕", "webhook_type": "generic", **more}


async def test_what_is_sent_arrives_and_its_history_has_the_contracts_keys(tmp_path: Path) -> None:
    async with a_receiver() as receiver, asking(tmp_path) as server:
        found = await server.got("POST", "/api/webhooks/send", body(receiver))
        assert found == {"message": "웹훅 전송이 시작되었습니다", "webhook_id": "webhook_1"}
        await receiver.until(lambda arrived: len(arrived) == 1)
        assert receiver.arrived[0].text == "안녕"
        one = await server.until("webhook_1", "success")
        assert list(one)[:8] == KEYS
        assert (one["response_code"], one["error_message"], one["attempts"]) == (204, None, 1)
        (attempt,) = cast("list[dict[str, object]]", one["attempt_log"])
        assert (attempt["attempt"], attempt["response_code"]) == (1, 204)
        status, history = await server.ask("GET", "/api/webhooks/history?limit=5")
        assert status == 200
        assert [entry["id"] for entry in cast("list[dict[str, object]]", history)] == ["webhook_1"]


async def test_what_was_accepted_survives_a_restart_and_ids_go_on(tmp_path: Path) -> None:
    async with a_receiver(Answer(status=503)) as receiver:
        async with asking(tmp_path) as server:
            await server.got("POST", "/api/webhooks/send", body(receiver))
        receiver.answers = [Answer()]
        async with asking(tmp_path) as server:
            await server.until("webhook_1", "success")
            assert (await server.got("POST", "/api/webhooks/send", body(receiver)))["webhook_id"] == "webhook_2"


async def test_the_same_idempotency_key_sends_once_and_another_message_with_it_is_refused(tmp_path: Path) -> None:
    async with a_receiver() as receiver, asking(tmp_path) as server:
        for _ in range(3):
            found = await server.got("POST", "/api/webhooks/send", body(receiver), Idempotency_Key="a")
            assert found["webhook_id"] == "webhook_1"
        status, refused = await server.ask(
            "POST", "/api/webhooks/send", body(receiver, message="anders"), Idempotency_Key="a"
        )
        assert (status, "Idempotency-Key 'a'" in cast("dict[str, str]", refused)["detail"]) == (409, True)
        await server.until("webhook_1", "success")
        assert len(receiver.arrived) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"url": "ftp://example.com/"}, 400),
        ({"url": "http://me:secret@example.com/"}, 400),
        ({"message": "  "}, 400),
        ({"webhook_type": "pigeon"}, 400),
        ({"template_id": "nobody"}, 404),
        ({"template_id": "posco_news_alert", "variables": {"title": "x"}}, 400),
        ({"variables": {"title": ["a", "list"]}}, 400),
    ],
)
async def test_what_cannot_be_sent_is_refused_by_name(tmp_path: Path, change: dict[str, object], status: int) -> None:
    async with a_receiver() as receiver, asking(tmp_path) as server:
        got, found = await server.ask("POST", "/api/webhooks/send", body(receiver, **change))
        assert got == status, found
        assert "secret" not in json.dumps(found)


async def test_templates_are_made_changed_shown_previewed_and_deleted(tmp_path: Path) -> None:
    async with a_receiver() as receiver, asking(tmp_path) as server:
        seeds = cast("list[dict[str, object]]", (await server.ask("GET", "/api/webhooks/templates"))[1])
        by_id = {seed["id"]: seed for seed in seeds}
        assert list(by_id)[:3] == ["posco_news_alert", "system_error_alert", "deployment_success"]
        assert by_id["posco_news_alert"]["variables"] == ["title", "url", "timestamp"]
        new = {"id": "mine", "name": "Mine", "template": "{who}: {{what}}", "webhook_type": "slack"}
        made = await server.got("POST", "/api/webhooks/templates", new)
        assert (made["variables"], made["description"]) == (["who", "what"], "")
        assert (await server.ask("POST", "/api/webhooks/templates", new))[0] == 409
        values = {"variables": {"who": "{what}", "what": 7}}
        shown = await server.got("POST", "/api/webhooks/templates/mine/preview", values)
        assert shown["message"] == "{what}: 7"
        status, missing = await server.ask("POST", "/api/webhooks/templates/mine/preview", {"variables": {"who": "x"}})
        assert (status, "'what'" in cast("dict[str, str]", missing)["detail"]) == (400, True)
        assert (await server.ask("PUT", "/api/webhooks/templates/mine", {"template": "{a.b}"}))[0] == 400
        changed = await server.got("PUT", "/api/webhooks/templates/mine", {"template": "only {who}"})
        assert (changed["variables"], changed["name"]) == (["who"], "Mine")
        sent = {"url": receiver.url(), "webhook_type": "slack", "template_id": "mine", "variables": {"who": "<b>"}}
        await server.got("POST", "/api/webhooks/send?wait=true", sent)
        assert receiver.arrived[-1].json["text"] == "only &lt;b&gt;"
        assert "삭제" in cast("str", (await server.got("DELETE", "/api/webhooks/templates/mine"))["message"])
        assert (await server.ask("GET", "/api/webhooks/templates/mine"))[0] == 404


async def test_a_message_that_was_given_up_can_be_sent_again_and_one_that_waits_cancelled(tmp_path: Path) -> None:
    async with a_receiver(Answer(status=400, body=b"no")) as receiver, asking(tmp_path) as server:
        await server.got("POST", "/api/webhooks/send", body(receiver))
        failed = await server.until("webhook_1", "failed")
        assert failed["error_message"] == "answered 400: no"
        receiver.answers = [Answer(status=200, body=b"yes")]
        await server.got("POST", "/api/webhooks/history/webhook_1/retry")
        again = await server.until("webhook_1", "success")
        log = cast("list[dict[str, object]]", again["attempt_log"])
        assert [(one["attempt"], one["response_code"], one["answer"]) for one in log] == [
            (1, 400, "no"),
            (2, 200, "yes"),
        ]
        assert (await server.ask("POST", "/api/webhooks/history/webhook_1/retry"))[0] == 409
        assert (await server.ask("POST", "/api/webhooks/history/webhook_9/cancel"))[0] == 404
        receiver.answers = [Answer(status=503)]
        await server.got("POST", "/api/webhooks/send", body(receiver))
        await receiver.until(lambda arrived: len(arrived) == 3)
        await server.got("POST", "/api/webhooks/history/webhook_2/cancel")
        assert (await server.until("webhook_2", "failed"))["error_message"] == "cancelled"


async def test_the_seven_kinds_have_a_shape_for_each_receiver_and_their_own_history(tmp_path: Path) -> None:
    async with a_receiver() as receiver, asking(tmp_path) as server:
        for kind in ("discord", "slack", "dooray", "generic"):
            sent = {
                "message_type": "deployment_success",
                "data": {"branch": "main", "commit_hash": "abc123", "timestamp": "2024-01-01 12:00:00"},
                "webhook_url": receiver.url(f"/{kind}"),
                "webhook_type": kind,
            }
            found = await server.got("POST", "/api/webhooks/enhanced/send?wait=true", sent)
            assert found["success"] is True
        discord, slack, dooray, generic = (arrival.json for arrival in receiver.arrived)
        (embed,) = cast("list[dict[str, object]]", discord["embeds"])
        assert embed["color"] == 0x2ECC71
        fields = {f["name"]: f["value"] for f in cast("list[dict[str, str]]", embed["fields"])}
        assert (fields["브랜치"], fields["커밋"], fields["소요 시간"]) == ("main", "abc123", "\\-") or fields[
            "소요 시간"
        ] == "-"
        assert discord["allowed_mentions"] == {"parse": []}
        assert cast("list[dict[str, object]]", slack["blocks"])[0]["type"] == "header"
        assert cast("list[dict[str, object]]", dooray["attachments"])[0]["color"] == "#2ecc71"
        assert (generic["message_type"], generic["priority"]) == ("deployment_success", "normal")
        history = cast(
            "list[dict[str, object]]", (await server.got("GET", "/api/webhooks/enhanced/history"))["history"]
        )
        assert len(history) == 4
        assert set(history[0]) >= {
            "id", "message_type", "priority", "title", "body", "timestamp", "color", "webhook_url", "sent", "sent_at",
            "response_status", "error_message",
        }  # fmt: skip
        statistics = await server.got("GET", "/api/webhooks/enhanced/statistics")
        assert (statistics["total_sent"], statistics["successful_sent"], statistics["success_rate"]) == (4, 4, 100.0)
        assert cast("float", statistics["response_time_p95_ms"]) > 0


async def test_shortcuts_take_the_data_itself_and_the_configured_address(tmp_path: Path) -> None:
    async with a_receiver() as receiver, asking(tmp_path, addresses={"alerts": receiver.url("/alerts")}) as server:
        data = {"service_name": "web", "error_message": "kaputt"}
        await server.got("POST", "/api/webhooks/enhanced/error/alert?wait=true", data)
        assert receiver.arrived[0].path == "/alerts"
        status, refused = await server.ask("POST", "/api/webhooks/enhanced/system/status", {"status": "ok"})
        assert (status, "webhook_url" in cast("dict[str, str]", refused)["detail"]) == (400, True)
        await server.got(
            "PUT", f"/api/webhooks/enhanced/config?webhook_type=default&webhook_url={receiver.url('/all')}"
        )
        await server.got("POST", "/api/webhooks/enhanced/system/status?wait=true", {"status": "ok"})
        assert receiver.arrived[1].path == "/all"
        query = f"webhook_url={receiver.url('/query')}&wait=true"
        await server.got("POST", f"/api/webhooks/enhanced/deployment/failure?{query}", {"branch": "main"})
        assert receiver.arrived[2].path == "/query"


async def test_a_test_answers_after_its_only_attempt(tmp_path: Path) -> None:
    async with a_receiver(Answer(status=500, body=b"busy"), Answer(status=204)) as receiver, asking(tmp_path) as server:
        found = await server.got("POST", f"/api/webhooks/enhanced/test?webhook_url={receiver.url()}")
        assert (found["success"], found["response_status"]) == (False, 500)
        assert found["message"] == "웹훅 연결 테스트에 실패했습니다"
        found = await server.got("POST", "/api/webhooks/enhanced/test", {"webhook_url": receiver.url()})
        assert (found["success"], found["response_status"]) == (True, 204)
        assert len(receiver.arrived) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/", "http://2130706433:1/", "http://0x7f.1:1/",
        "http://127.1:1/", "http://[::ffff:127.0.0.1]:1/", "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1:1/", "http://0.0.0.0:1/",
    ],
)  # fmt: skip
async def test_unless_it_is_allowed_nothing_goes_to_an_address_that_is_not_public(tmp_path: Path, url: str) -> None:
    async with asking(tmp_path, private=False) as server:
        sent = {"url": url, "message": "x", "webhook_type": "generic"}
        found = await server.got("POST", "/api/webhooks/send?wait=true", sent)
        webhook = cast("dict[str, object]", found["webhook"])
        assert webhook["status"] == "failed"
        assert "not a public address" in cast("str", webhook["error_message"])


async def test_an_address_that_is_gone_is_disabled_with_an_alert_until_it_is_enabled(tmp_path: Path) -> None:
    async with a_receiver(Answer(status=404)) as receiver, asking(tmp_path) as server:
        await server.got("POST", "/api/webhooks/send", body(receiver))
        await server.until("webhook_1", "failed")
        status, refused = await server.ask("POST", "/api/webhooks/send", body(receiver))
        assert (status, "answered 404" in cast("dict[str, str]", refused)["detail"]) == (409, True)
        with trio.fail_after(PATIENCE):
            while True:
                alerts = json.dumps(await server.got("GET", "/api/alerts"), ensure_ascii=False)
                if "웹훅 주소 중지" in alerts:
                    break
                await trio.sleep(0.01)
        receiver.answers = [Answer()]
        await server.got("POST", "/api/webhooks/addresses/enable", {"url": receiver.url()})
        await server.got("POST", "/api/webhooks/send?wait=true", body(receiver))
        assert len(receiver.arrived) == 2


async def test_receivers_are_kept_signed_switched_rotated_tested_and_replayed(tmp_path: Path) -> None:
    async with a_receiver() as receiver, asking(tmp_path, private=False) as server:
        new = {
            "name": "ops",
            "url": receiver.url("/ops?token=hunter2"),
            "webhook_type": "generic",
            "allow_private": True,
        }
        made = await server.got("POST", "/api/webhooks/receivers", new)
        place, secret = f"/api/webhooks/receivers/{made['id']}", cast("str", made["secret"])
        assert secret.startswith("whsec_")
        shown = await server.got("GET", place)
        assert (shown["secret"], "hunter2" in json.dumps(shown)) == ("whsec_***", False)
        assert (await server.got("POST", f"{place}/test"))["success"] is True
        first = receiver.arrived[0].headers["webhook-signature"].split()
        rotated = await server.got("POST", f"{place}/rotate-secret")
        assert rotated["secret"] != secret
        await server.got("POST", f"{place}/test")
        both = receiver.arrived[1].headers["webhook-signature"].split()
        assert (len(first), len(both)) == (1, 2)
        assert (await server.got("POST", f"{place}/disable"))["enabled"] is False
        assert (await server.got("POST", f"{place}/enable"))["enabled"] is True
        replayed = await server.got("POST", f"{place}/replay?since=2020-01-01")
        assert replayed["count"] == 2
        arrived = await receiver.until(lambda arrived: len(arrived) == 4)
        assert {one.headers["webhook-id"] for one in arrived[:2]} == {one.headers["webhook-id"] for one in arrived[2:]}
        assert (await server.ask("POST", f"{place}/replay"))[0] == 400
        await server.got("DELETE", place)
        assert (await server.ask("GET", place))[0] == 404


async def test_the_websocket_tells_of_each_step(tmp_path: Path) -> None:
    async with a_receiver(Answer(status=503), Answer()) as receiver, asking(tmp_path) as server:
        url = server.hamster.url.replace("http", "ws") + "/ws"
        async with trio_websocket.open_websocket_url(url) as socket:
            wanted = {"type": "subscribe", "data": {"event_types": ["webhook_event"]}}
            await socket.send_message(json.dumps(wanted))
            await server.got("POST", "/api/webhooks/send", body(receiver))
            told: list[dict[str, object]] = []
            while len(told) < 3:
                frame = json.loads(await socket.get_message())
                if frame["type"] == "webhook_event":
                    told.append(frame["data"])
        assert [one["event"] for one in told] == ["queued", "retry", "sent"]
        assert {one["webhook_id"] for one in told} == {"webhook_1"}


async def test_the_singular_path_is_the_same_for_every_call_and_tests_an_address(tmp_path: Path) -> None:
    async with a_receiver() as receiver, asking(tmp_path) as server:
        found = await server.got("POST", "/api/webhook/send", body(receiver))
        assert found["webhook_id"] == "webhook_1"
        await server.until("webhook_1", "success")
        for path in (
            "history",
            "history/webhook_1",
            "templates",
            "templates/posco_news_alert",
            "statistics",
            "receivers",
        ):
            assert await server.ask("GET", f"/api/webhook/{path}") == await server.ask("GET", f"/api/webhooks/{path}")
        tested = await server.got("POST", "/api/webhook/test", {"url": receiver.url(), "message": "들립니까"})
        assert (tested["success"], tested["response_status"]) == (True, 204)
        assert receiver.arrived[-1].text == "들립니까"
        receiver.answers[:] = [Answer(500)]
        failed = await server.got("POST", "/api/webhook/test", {"url": receiver.url(), "message": "x"})
        assert (failed["success"], failed["response_status"]) == (False, 500)
        status, _ = await server.ask("POST", "/api/webhook/test", {"message": "x"})
        assert status == 400


async def test_what_waits_for_a_receiver_that_is_switched_off_waits_until_it_is_on_again(tmp_path: Path) -> None:
    async with a_receiver() as receiver, asking(tmp_path) as server:
        made = await server.got(
            "POST", "/api/webhooks/receivers", {"name": "a", "url": receiver.url(), "event_types": ["alert"]}
        )
        place = f"/api/webhooks/receivers/{made['id']}"
        await server.got("POST", f"{place}/disable")
        webhooks = server.hamster.system.webhooks
        accepted = await webhooks.send_to(await webhooks.receiver(str(made["id"])), "wartet")
        other = await server.got("POST", "/api/webhooks/send?wait=true", body(receiver, message="geht"))
        assert cast("dict[str, object]", other["webhook"])["status"] == "success", "the address itself is not off"
        assert (await server.got("GET", f"/api/webhooks/history/{accepted.id}"))["status"] == "pending"
        await server.got("POST", f"{place}/enable")
        await server.until(accepted.id, "success")
        assert [one.text for one in receiver.arrived] == ["geht", "wartet"]


async def test_an_idempotency_key_of_one_kind_of_card_is_refused_for_another(tmp_path: Path) -> None:
    async with a_receiver() as receiver, asking(tmp_path) as server:
        path, card = "/api/webhooks/enhanced/send", {"data": {"branch": "main"}, "webhook_url": receiver.url()}
        first = {"message_type": "deployment_start", **card}
        found = [await server.got("POST", path, first, Idempotency_Key="k") for _ in range(2)]
        assert found[0]["message_id"] == found[1]["message_id"]
        status, refused = await server.ask(
            "POST", path, {"message_type": "deployment_failure", **card}, Idempotency_Key="k"
        )
        assert (status, "Idempotency-Key 'k'" in cast("dict[str, str]", refused)["detail"]) == (409, True)
