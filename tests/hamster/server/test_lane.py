"""Plain HTTP/1 on the fast lane, over real sockets."""

from contextvars import ContextVar

import pytest
import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from hamster.server import ServerLimits
from tests.hamster.clients import answer, connected, serving, until, with_lifespan

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SEEN: ContextVar[str] = ContextVar("SEEN", default="nothing")


@with_lifespan
async def echo(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answers with the path and the body; some paths are special."""
    assert scope["type"] == "http"
    match scope["path"]:
        case "/unread":
            await answer(send)
        case "/context":
            before = SEEN.get()
            SEEN.set("the request before")
            await answer(send, before.encode())
        case "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for number in range(3):
                await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        case "/split":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nSet-Cookie: b")]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        case "/short":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            await send({"type": "http.response.body", "body": b"123", "more_body": False})
        case _:
            body = b""
            while (message := await receive())["type"] == "http.request":
                body += message["body"]
                if not message["more_body"]:
                    break
            await answer(send, f"{scope['method']} {scope['path']} ".encode() + body)


async def raw(data: bytes, **options: object) -> bytes:
    """What *echo* answers to *data*, until it closes."""
    with trio.fail_after(10):
        async with serving(echo, **options) as server, connected(server) as client:
            return await client.raw(data)


async def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    got = await raw(GET % b"/1" + b"POST /2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc" + LAST % b"/3")
    assert [part.rpartition(b"\r\n\r\n")[2] for part in got.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"GET /1 ",
        b"POST /2 abc",
        b"GET /3 ",
    ]


async def test_what_follows_a_request_to_close_is_not_looked_at() -> None:
    assert (await raw(LAST % b"/1" + b"nonsense\n")).endswith(b"GET /1 ")


async def test_a_body_in_chunks_however_it_is_cut_is_followed_by_the_next_request() -> None:
    data = (
        b"POST /1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: z\r\n\r\n" + LAST % b"/2"
    )
    with trio.fail_after(20):
        async with serving(echo) as server:
            for cut in range(0, len(data), 3):
                async with connected(server) as client:
                    await client.stream.send_all(data[:cut])
                    for _ in range(5):
                        await trio.lowlevel.checkpoint()
                    got = await client.raw(data[cut:])
                    assert b"POST /1 abcde" in got
                    assert got.endswith(b"GET /2 ")


async def test_a_broken_chunk_is_answered_and_ends_the_connection() -> None:
    got = await raw(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + GET % b"/smuggled"
    )
    assert got.count(b"HTTP/1.1") == 1
    assert b"smuggled" not in got


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"X: a\r\n b\r\n",
        b"X: a\n",
        b"Content-Length : 3\r\n",
        b"X: a\0b\r\n",
    ],
)
async def test_what_could_smuggle_a_request_is_400_and_the_end(lines: bytes) -> None:
    got = await raw(b"POST /1 HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n" + GET % b"/smuggled")
    assert got.startswith(b"HTTP/1.1 400 ")
    assert got.count(b"HTTP/1.1") == 1
    assert b"connection: close" in got


async def test_a_client_that_waits_for_our_word_gets_it_when_the_body_is_read() -> None:
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    with trio.fail_after(10):
        async with serving(echo) as server:
            async with connected(server) as client:
                await client.stream.send_all(head % b"/1")
                assert await client.stream.receive_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
                await client.stream.send_all(b"abc")
                assert (await client.stream.receive_some()).endswith(b"POST /1 abc")
            async with connected(server) as client:
                got = await client.raw(head % b"/unread")
                assert got.startswith(b"HTTP/1.1 200 ")
                assert b"connection: close" in got or got.endswith(b"ok")


async def test_a_body_that_nobody_reads_does_not_spoil_the_next_request() -> None:
    head = b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    got = await raw(head + b"x" * 100_000 + LAST % b"/2")
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert got.endswith(b"GET /2 ")


async def test_each_request_has_a_context_of_its_own() -> None:
    got = await raw(GET % b"/context" + LAST % b"/context")
    assert got.count(b"nothing") == 2


async def test_head_has_the_length_and_no_body() -> None:
    got = await raw(b"HEAD /1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"content-length: 8" in got
    assert got.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("connection", [b"", b"Connection: keep-alive\r\n"])
async def test_http_1_0_is_answered_without_chunks(connection: bytes) -> None:
    got = await raw(b"GET /stream HTTP/1.0\r\nHost: localhost\r\n" + connection + b"\r\n")
    assert got.endswith(b"\r\n\r\n012")
    assert b"chunked" not in got


async def test_a_stream_comes_in_chunks() -> None:
    assert (await raw(LAST % b"/stream")).endswith(b"1\r\n0\r\n1\r\n1\r\n1\r\n2\r\n0\r\n\r\n")


@pytest.mark.parametrize("path", [b"/split", b"/short"])
async def test_an_answer_that_would_break_what_follows_is_not_sent(
    path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    got = await raw(GET % path + GET % b"/1")
    assert b"Set-Cookie" not in got
    assert got.count(b"HTTP/1.1") == 1
    assert got.startswith(b"HTTP/1.1 500 ")
    assert "application.failed" in caplog.text


async def test_a_head_that_trickles_in_is_not_waited_for() -> None:
    with trio.fail_after(20):
        limits = ServerLimits(head_seconds=0.2)
        async with serving(echo, limits=limits) as server, connected(server) as client:
            await client.stream.send_all(b"GET / HTTP/1.1\r\n")
            assert await client.rest() == b""
            assert server.statistics().crashed == 0


async def test_a_handler_that_waits_hears_that_its_client_left() -> None:
    heard: list[str] = []

    @with_lifespan
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        heard.append((await receive())["type"])

    with trio.fail_after(10):
        async with serving(app) as server:
            async with connected(server) as client:
                await client.stream.send_all(GET % b"/")
                await until(lambda: server.statistics().open_connections == 1, "connected")
            await until(lambda: server.statistics().open_connections == 0, "gone")
    assert heard == ["http.disconnect"]


async def test_nine_hundred_that_never_finish_their_head_delay_nobody_and_are_gone_in_time() -> None:
    with trio.fail_after(60):
        limits = ServerLimits(max_connections=1_000, head_seconds=1.0)
        async with serving(echo, limits=limits) as server:
            slow: list[trio.SocketStream] = []
            for _ in range(900):
                stream = await trio.open_tcp_stream("127.0.0.1", server.ports[0])
                slow.append(stream)
                await stream.send_all(b"GET / HTTP/1.1\r\nHost: local")
            async with connected(server) as client:
                assert (await client.ask("GET", "/1")).body == b"GET /1 "
            await until(lambda: server.statistics().open_connections == 0, "gone", seconds=20)
            for stream in slow:
                await stream.aclose()
