"""The WebSocket's commands and limits, over real sockets."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import cast

import attrs
import pytest
import trio
import trio.lowlevel
import trio_websocket
from hypothesis import given
from hypothesis import strategies as st

from actors.services import State
from actors.settings import WebhookSettings
from hamster.http.pacing import BURST, FRAMES, HELD_SECONDS, PAGES, FrameBudget, HandshakePacer
from hamster.server_settings import ServerSettings
from tests.actors.conftest import yard as yard  # a fixture
from tests.actors.services.yard import Yard
from tests.actors.webhooks.receiver import PATIENCE, a_receiver
from tests.hamster.http.asking import Asking, asking

Frame = Mapping[str, object]


@attrs.frozen(eq=False)
class Socket:
    """A client of `/ws`."""

    connection: trio_websocket.WebSocketConnection

    async def say(self, kind: str, **data: object) -> None:
        await self.connection.send_message(json.dumps({"type": kind, "data": data}))

    async def hears(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The next frame that is wanted."""
        with trio.fail_after(PATIENCE):
            while True:
                frame = cast("Frame", json.loads(await self.connection.get_message()))
                if wanted(frame):
                    return frame

    async def data_of(self, kind: str) -> Frame:
        """The data of the next frame of a type."""
        return cast("Frame", (await self.hears(lambda frame: frame["type"] == kind))["data"])


@asynccontextmanager
async def connected(server: Asking, **headers: str) -> AsyncGenerator[Socket, None]:
    """A client of `/ws`. trio-websocket leaves its socket open when the server closes first; not so here."""
    port = server.hamster.server.ports[0]
    extra = [(name.encode(), value.encode()) for name, value in headers.items()]
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream, trio.open_nursery() as nursery:
        connection = await trio_websocket.wrap_client_stream(
            nursery, stream, f"localhost:{port}", "/ws", extra_headers=extra
        )
        try:
            yield Socket(connection)
        finally:
            with trio.move_on_after(1.0, shield=True):
                await connection.aclose()
            nursery.cancel_scope.cancel()


async def refused(server: Asking) -> tuple[int, bytes]:
    """Status and body of a handshake that is turned away."""
    request = (
        f"GET /ws HTTP/1.1\r\nHost: localhost:{server.hamster.server.ports[0]}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    async with await trio.open_tcp_stream("127.0.0.1", server.hamster.server.ports[0]) as stream:
        await stream.send_all(request.encode())
        data = b""
        with trio.fail_after(PATIENCE):
            async for part in stream:
                data += part
                if b"}" in data:
                    break
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_services_are_controlled_and_what_is_wrong_is_said_by_a_code(yard: Yard) -> None:
    async with asking(yard.settings(yard.service("one"), yard.service("two"))) as server, connected(server) as socket:
        await socket.say("service_control", service_id="one", action="start", request_id=7)
        told = await socket.data_of("service_control")
        assert told == {
            "service_id": "one", "action": "start", "success": True, "message": "서비스 'one' 시작 중...",
            "request_id": 7,
        }  # fmt: skip
        await server.hamster.system.services.wait_for("one", State.RUNNING)
        await socket.say("service_control", service_id="*", action="stop")
        several = await socket.data_of("service_control")
        assert [one["service_id"] for one in cast("list[Frame]", several["results"])] == ["one", "two"]
        over_http = await server.got("POST", "/api/services/*/stop")
        assert several["message"] == over_http["message"] == "서비스 2개 중지 중... (*)"
        cases: list[tuple[Mapping[str, object], str, str]] = [
            ({"service_id": "none", "action": "start"}, "SERVICE_NOT_FOUND", "서비스를 찾을 수 없습니다: none"),
            ({"service_id": "one", "action": "explode"}, "INVALID_DATA", "explode"),
            ({"action": "start"}, "INVALID_DATA", "필수"),
        ]
        for data, code, text in cases:
            await socket.say("service_control", **data)
            error = await socket.data_of("error")
            assert error["error_code"] == code
            assert text in str(error["error_message"])


async def test_webhooks_are_sent_and_the_address_guard_holds(yard: Yard) -> None:
    settings = attrs.evolve(yard.settings(), webhooks=WebhookSettings(allow_private=True))
    async with a_receiver() as receiver, asking(settings) as server, connected(server) as socket:
        await socket.connection.send_message(
            json.dumps(
                {"type": "send_webhook", "id": "a", "url": receiver.url(), "message": "안녕", "webhook_type": "generic"}
            )
        )
        await socket.say("send_webhook", url=receiver.url(), message="안녕", webhook_type="generic")
        told = await socket.data_of("send_webhook")
        assert (told["success"], told["webhook_id"]) == (True, "webhook_1")
        await receiver.until(lambda arrived: len(arrived) == 2)
        await socket.say("send_webhook", url="ftp://x", message="x")
        assert (await socket.data_of("error"))["error_code"] == "INVALID_NOTICE"
        await socket.say("send_webhook", message="x")
        assert (await socket.data_of("error"))["error_code"] == "INVALID_DATA"
        await socket.say("send_webhook", url=receiver.url(), template_id="none")
        assert (await socket.data_of("error"))["error_code"] == "UNKNOWN_TEMPLATE"


async def test_a_client_that_sends_too_fast_is_told_and_held_back_and_lives(yard: Yard) -> None:
    async with asking(yard.settings(yard.service("one"))) as server, connected(server) as fast:
        for _ in range(int(BURST) + 3):
            await fast.say("ping")
        error = await fast.data_of("error")
        assert error["error_code"] == "RATE_LIMITED"
        assert cast("Frame", error["details"])["limit_per_second"] == FRAMES
        async with connected(server) as other:  # nobody else is held
            await other.say("service_control", service_id="one", action="start")
            await other.data_of("service_control")
        await trio.lowlevel.checkpoint()
        await fast.say("ping", nonce="later")
        while (await fast.data_of("pong")).get("nonce") != "later":
            pass  # those within the budget come first


async def test_as_many_sockets_as_configured_and_no_more(yard: Yard) -> None:
    async with asking(yard.settings(), ServerSettings(max_websockets=2)) as server:
        async with connected(server), connected(server):
            status, body = await refused(server)
            assert status == 503
            assert "동시 연결이 너무 많습니다" in body.decode()
        with trio.fail_after(PATIENCE):
            while server.hamster.server.statistics().open_websockets:  # noqa: ASYNC110 - looked at from outside
                await trio.sleep(0.01)
        async with connected(server) as again:
            await again.data_of("connection_established")


async def test_sockets_that_are_opened_at_the_same_time_are_counted_too(yard: Yard) -> None:
    async with asking(yard.settings(), ServerSettings(max_websockets=2)) as server:
        let_in: list[bool] = []

        async def come() -> None:
            try:
                async with connected(server) as socket:
                    await socket.data_of("connection_established")
                    let_in.append(True)
                    with trio.fail_after(PATIENCE):
                        while len(let_in) < 30:  # noqa: ASYNC110 - all of them are answered while this one is there
                            await trio.sleep(0.01)
            except* trio_websocket.ConnectionRejected:
                let_in.append(False)

        async with trio.open_nursery() as nursery:
            for _ in range(30):
                nursery.start_soon(come)
        assert sum(let_in) == 2


async def test_while_we_stop_every_command_is_refused_and_the_rest_goes_on(yard: Yard) -> None:
    async with asking(yard.settings(yard.service("one"))) as server, connected(server) as socket:
        await server.hamster.stop_services()
        await socket.say("service_control", service_id="one", action="start")
        error = await socket.data_of("error")
        assert (error["error_code"], error["error_message"]) == (
            "SERVICE_UNAVAILABLE",
            "서버가 종료되는 중이라 변경 요청을 받을 수 없습니다",
        )
        await socket.say("ping")
        await socket.data_of("pong")


async def test_what_a_client_sends_does_not_come_back_at_length(yard: Yard) -> None:
    """It would be kept for a client that reads nothing, thousands of times."""
    long = "x" * 900_000
    cases: list[tuple[str, Mapping[str, object], str]] = [
        ("service_control", {"service_id": "one", "action": "stop", "id": long}, "service_control"),
        ("service_control", {"service_id": long, "action": "stop"}, "error"),
        ("service_control", {"service_id": "[" * 900_000, "action": "stop"}, "error"),
        ("send_webhook", {"url": "http://localhost/", "template_id": long}, "error"),
        ("ping", {"id": long, "nonce": 7}, "pong"),
        (long, {}, "error"),
    ]
    async with asking(yard.settings(yard.service("one"))) as server, connected(server) as socket:
        for kind, data, answered in cases:
            await socket.say(kind, **data)
            frame = await socket.hears(lambda frame, answered=answered: frame["type"] == answered)
            assert len(json.dumps(frame, ensure_ascii=False)) < 1_000


async def test_the_frontend_subscribes_to_all_and_to_nothing_else_by_that_word(yard: Yard) -> None:
    async with asking(yard.settings()) as server, connected(server) as socket:
        await socket.say("unsubscribe")
        await socket.connection.send_message('{"subscription": "all"}')
        await socket.say("ping")
        await socket.data_of("pong")
        _, (one,) = cast("tuple[int, list[Frame]]", await server.ask("GET", "/api/websocket/clients"))
        assert {"status_update", "alert"} <= set(cast("list[str]", one["event_types"]))
        await socket.connection.send_message('{"subscription": "services"}')
        assert (await socket.data_of("error"))["error_code"] == "INVALID_DATA"


async def test_a_page_that_reopens_its_socket_is_slowed_and_every_handshake_completes(yard: Yard) -> None:
    async with asking(yard.settings()) as server:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(_visit, server)
        assert trio.current_time() - began >= HELD_SECONDS, "those after the first five were held"
        assert server.hamster.server.statistics().crashed == 0


async def _visit(server: Asking) -> None:
    async with connected(server, origin="http://localhost:1420") as socket:
        await socket.data_of("connection_established")


async def test_who_is_connected_is_listed_with_what_it_says_of_itself(yard: Yard) -> None:
    async with asking(yard.settings()) as server, connected(server) as socket:
        await socket.say("client_info", app="tauri", version="2.1", nested={"no": 1}, long="x" * 500)
        await socket.say("ping")
        await socket.data_of("pong")
        status, found = await server.ask("GET", "/api/websocket/clients")
        assert status == 200
        (one,) = cast("list[Frame]", found)
        info = cast("Frame", one["info"])
        assert (info["app"], info["version"], len(str(info["long"]))) == ("tauri", "2.1", 200)
        assert "nested" not in info
        for number in range(5):
            await socket.say("client_info", **{f"{number}-{place}": "x" for place in range(20)}, app="web")
        await socket.say("ping")
        await socket.data_of("pong")
        _, (one,) = cast("tuple[int, list[Frame]]", await server.ask("GET", "/api/websocket/clients"))
        info = cast("Frame", one["info"])
        assert (len(info), info["app"]) == (20, "web"), "what it said before can change, and no more than that comes"


async def test_a_broken_frame_is_an_error_with_a_code_and_the_connection_lives(yard: Yard) -> None:
    cases = {
        "{": "INVALID_JSON",
        "[]": "INVALID_FRAME",
        '{"type": "dance"}': "UNKNOWN_TYPE",
        '{"type": "subscribe", "data": []}': "INVALID_DATA",
        '{"type": "subscribe", "data": {"event_types": ["dance"]}}': "INVALID_DATA",
    }
    async with asking(yard.settings()) as server, connected(server) as socket:
        for text, code in cases.items():
            await socket.connection.send_message(text)
            assert (await socket.data_of("error"))["error_code"] == code, text
        await socket.connection.send_message(b"\x00\x01")
        assert (await socket.data_of("error"))["error_code"] == "INVALID_FRAME"
        await socket.say("ping")
        await socket.data_of("pong")


async def test_a_frame_over_a_mebibyte_closes_the_connection_as_too_big(yard: Yard) -> None:
    async with asking(yard.settings()) as server, connected(server) as socket:
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await socket.connection.send_message("x" * (1024 * 1024 + 1))
            await socket.hears(lambda _: False)
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1009


# -- the rules


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=300))
def test_no_client_gets_more_than_the_burst_and_its_rate(gaps: list[float]) -> None:
    budget, now, taken = FrameBudget(), 1.0, 0
    for gap in gaps:
        now += gap
        taken += budget.take(now) == 0
    assert taken <= BURST + (now - 1.0) * FRAMES + 1


@given(st.lists(st.floats(0, 1), max_size=100))
def test_only_what_comes_after_five_within_a_second_is_held(gaps: list[float]) -> None:
    pacer, now = HandshakePacer(), 1.0
    times: list[float] = []
    for gap in gaps:
        now += gap
        recent = [at for at in times if now - at < 1.0]
        assert (pacer.hold("page", now) > 0) is (len(recent) >= 5)
        times.append(now)


def test_the_memory_of_pages_is_bounded() -> None:
    pacer = HandshakePacer()
    for number in range(3 * PAGES):
        assert pacer.hold(number, 1.0) == 0.0
    assert len(pacer._recent) == PAGES  # pyright: ignore[reportPrivateUsage] - that is the promise
