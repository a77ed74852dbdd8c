"""The client against servers that answer well, badly, slowly and not at all."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from quart import Response, websocket
from quart_trio import QuartTrio

from hamster.client import HamsterClient, RequestRefused, ServerUnreachable, UnexpectedAnswer, open_client
from hamster.http import make_app
from tests.hamster.clients import serving

SERVICE = (
    '{"id":"a/b","name":"n","description":"","status":"running","uptime":1,"last_error":null,"config":{"new":[1]},'
    '"state":"running","kind":"process","available":true,"pid":7,"restarts":0,"health":"unknown","wanted":"up",'
    '"next_restart_at":null,"cpu_percent":1,"memory_bytes":2,"a_key_of_tomorrow":{}}'
)


def register(app: QuartTrio) -> None:
    """Answers of all kinds in the places where the client looks."""
    asked: list[str] = []

    async def services() -> Response:
        return Response(f"[{SERVICE}]", content_type="application/json")

    async def one(name: str) -> Response:
        asked.append(name)
        return Response(SERVICE if name == "a%2Fb" or name == "a/b" else "[]", content_type="application/json")

    async def nonsense() -> Response:
        return Response("<h1>Something else</h1>", content_type="text/html")

    async def failing() -> Response:
        return Response("<h1>Bad gateway</h1>", 502, content_type="text/html")

    async def frames() -> None:
        for text in (
            '{"type":"t","data":{"n":1},"timestamp":"2024-01-01T12:00:00+09:00","id":"1-1","seq":1,"later":true}',
            "no frame",
        ):
            await websocket.send(text)
        await websocket.receive()

    app.add_url_rule("/api/services/", "services", services, methods=["GET"])
    app.add_url_rule("/api/services/<path:name>", "one", one, methods=["GET"])
    app.add_url_rule("/api/services/batch", "batch", nonsense, methods=["POST"])
    app.add_url_rule("/api/metrics/", "metrics", failing, methods=["GET"])
    app.add_websocket("/ws", "ws", frames)


@asynccontextmanager
async def client_of_a_server() -> AsyncGenerator[HamsterClient, None]:
    async with serving(make_app([register])) as server, open_client(f"{server.url}/") as client:
        yield client


async def test_keys_of_a_later_version_are_no_obstacle_and_are_passed_on_as_they_are() -> None:
    async with client_of_a_server() as client:
        (service,) = await client.services()
        assert (service.id, service.config) == ("a/b", {"new": [1]})
        (raw,) = await client.services_json()
        assert raw["a_key_of_tomorrow"] == {}


async def test_an_id_is_one_part_of_the_path_whatever_is_in_it() -> None:
    async with client_of_a_server() as client:
        assert (await client.service("a/b")).id == "a/b"
        with pytest.raises(UnexpectedAnswer):
            await client.service("../metrics/?x#y")


async def test_an_answer_of_something_else_is_said_to_be_one() -> None:
    async with client_of_a_server() as client:
        with pytest.raises(UnexpectedAnswer, match="is no WatchHamster, or one of another version"):
            await client.batch("start", "*")
        with pytest.raises(UnexpectedAnswer):
            await client.metrics()


async def test_an_error_has_its_status_and_its_sentence() -> None:
    async with client_of_a_server() as client:
        with pytest.raises(RequestRefused) as refused:
            await client.command("start", "nobody")
    assert (refused.value.status, refused.value.detail) == (405, "허용되지 않는 메서드입니다")


async def test_frames_come_in_order_and_one_that_is_none_is_an_error() -> None:
    async with client_of_a_server() as client:
        with trio.fail_after(10):
            async with client.events() as events:
                frame = await anext(events)
                assert (frame.type, frame.data, frame.seq) == ("t", {"n": 1}, 1)
                with pytest.raises(UnexpectedAnswer):
                    await anext(events)


async def test_an_error_of_the_block_is_not_taken_for_the_connections() -> None:
    async with client_of_a_server() as client:
        with pytest.raises(BrokenPipeError):
            async with client.events():
                raise BrokenPipeError


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("url", ["foo", "http://[", ":::", "ftp://localhost", "http://127.0.0.1:{port}"])
async def test_an_address_where_nothing_answers_is_said(url: str) -> None:
    address = url.format(port=unused_port())
    async with open_client(address) as client:
        with pytest.raises(ServerUnreachable) as asked:
            await client.services()
        assert asked.value.url == address
        with pytest.raises(ServerUnreachable):
            async with client.events():
                pass


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hamster.client.ANSWER_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with open_client(f"http://127.0.0.1:{silent.getsockname()[1]}") as client:
            with trio.fail_after(10), pytest.raises(ServerUnreachable, match="no answer in time"):
                await client.services()
            with trio.fail_after(10), pytest.raises(ServerUnreachable):
                async with client.events():
                    pass


async def test_a_server_without_a_websocket_is_said() -> None:
    async with serving(make_app([])) as server, open_client(server.url) as client:
        with pytest.raises(ServerUnreachable, match="no WebSocket there, status 404"):
            async with client.events():
                pass


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{unused_port()}")
    async with client_of_a_server() as client:
        assert await client.services()
