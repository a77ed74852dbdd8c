"""A server in a Trio program: what it serves, what it survives, how it leaves."""

import logging
import math

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import trio
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

from hamster.server import ServerLimits, StartupFailed, bind_sockets, open_server
from tests.hamster.clients import UPGRADE, answer, connected, serving, until, with_lifespan

pytestmark = pytest.mark.usefixtures("both_protocols")


@with_lifespan
async def plain_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """`ok` to every request; WebSockets echo."""
    if scope["type"] == "http":
        await answer(send)
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": message["bytes"], "text": message["text"]})


async def test_both_loopbacks_answer():
    with trio.fail_after(10):
        async with serving(plain_app) as server, httpx.AsyncClient() as client:
            for url in server.urls:
                assert (await client.get(url)).text == "ok"
            assert server.statistics().accepted == 2


async def test_two_servers_run_in_one_process():
    with trio.fail_after(10):
        async with serving(plain_app) as one, serving(plain_app) as two, httpx.AsyncClient() as client:
            assert one.ports != two.ports
            assert (await client.get(one.url)).text == (await client.get(two.url)).text == "ok"
            await one.drain(0)
            assert (await client.get(two.url)).text == "ok"


async def test_the_application_starts_before_the_first_request_and_ends_after_the_last():
    said: list[str] = []

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            said.append("request")
            await answer(send)
            return
        await receive()
        said.append("startup")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        said.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})

    with trio.fail_after(10):
        async with serving(app) as server, connected(server) as client:
            await client.ask("GET", "/")
        assert said == ["startup", "request", "shutdown"]


async def test_an_application_that_refuses_to_start_is_one_error_and_frees_the_port():
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with trio.fail_after(10):
        sockets = await bind_sockets()
        port = int(sockets[0].getsockname()[1])
        with pytest.raises(StartupFailed, match="no database"):
            async with open_server(app, sockets=sockets):
                pytest.fail("the block ran")
        for sock in await bind_sockets("localhost", port):
            sock.close()


async def test_an_application_that_never_starts_is_given_up():
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await trio.sleep_forever()

    with trio.fail_after(10), pytest.raises(StartupFailed, match=r"no answer to its startup within 0\.05 s"):
        async with serving(app, limits=ServerLimits(startup_seconds=0.05)):
            pytest.fail("the block ran")


async def test_an_application_that_never_shuts_down_is_left_behind():
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await trio.sleep_forever()

    with trio.fail_after(10):
        async with serving(app, limits=ServerLimits(shutdown_seconds=0.05)) as server:
            assert not server.draining


async def test_what_the_block_raises_leaves_it_as_it_was():
    with trio.fail_after(10), pytest.raises(KeyError, match="mine"):
        async with serving(plain_app):
            raise KeyError("mine")


async def test_a_cancelled_host_program_still_lets_a_request_finish():
    handling, finish = trio.Event(), trio.Event()

    @with_lifespan
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        handling.set()
        await finish.wait()
        await answer(send, b"finished")

    async def ask(port: int) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await handling.wait()
            host.cancel()
            finish.set()
            got = b""
            while chunk := await stream.receive_some():
                got += chunk
            assert got.endswith(b"finished")

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as host:
                async with serving(app, grace=5) as server:
                    nursery.start_soon(ask, server.ports[0])
                    await trio.sleep_forever()
        assert host.cancelled_caught


async def test_requests_pipelined_after_connection_close_are_ignored():
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
    with trio.fail_after(20):
        async with serving(plain_app) as server:
            for _ in range(30):
                async with connected(server) as client:
                    got = await client.raw(request % b"Connection: close\r\n" + request % b"" + request % b"")
                    assert got.count(b"HTTP/1.1 200") == 1
                    assert got.endswith(b"ok")
            async with connected(server) as client:
                assert (await client.ask("GET", "/")).body == b"ok"
            assert server.statistics().crashed == 0


@with_lifespan
async def hesitant_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Accepts no WebSocket before its client has left."""
    if scope["type"] == "http":
        await answer(send)
        return
    while (await receive())["type"] != "websocket.disconnect":
        pass


@pytest.mark.parametrize("app", [plain_app, hesitant_app])
async def test_bytes_behind_a_websocket_handshake_end_that_connection_alone(app: ASGIFramework):
    with trio.fail_after(20):
        async with serving(app) as server:
            for _ in range(30):
                async with connected(server) as client:
                    got = await client.raw(UPGRADE % (b"/", b"") + b"x")
                    assert got.startswith(b"HTTP/1.1 400")
            async with connected(server) as client:
                assert (await client.ask("GET", "/")).body == b"ok"
            assert server.statistics().crashed == 0


async def test_an_error_of_the_protocol_library_ends_that_connection_alone(caplog: pytest.LogCaptureFixture):
    async def provoke(stream: trio.SocketStream) -> None:
        """HTTP/2: a body for a request that is answered already, whose stream Hypercorn has forgotten."""
        http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        http2.initiate_connection()
        head = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "localhost")]
        http2.send_headers(1, head)
        await stream.send_all(http2.data_to_send())
        answered = False
        while not answered:
            events = http2.receive_data(await stream.receive_some())
            answered = any(isinstance(event, h2.events.StreamEnded) for event in events)
        http2.send_data(1, b"late", end_stream=True)
        await stream.send_all(http2.data_to_send())
        while await stream.receive_some():
            pass

    with trio.fail_after(10):
        async with serving(plain_app) as server:
            for _ in range(3):
                async with connected(server) as client:
                    await provoke(client.stream)
            async with connected(server) as bystander:
                assert (await bystander.ask("GET", "/")).body == b"ok"
            assert server.statistics().crashed == 3
    crashes = [record for record in caplog.records if "connection.crashed" in record.getMessage()]
    assert len(crashes) == 3
    assert [record.exc_info is not None for record in crashes] == [True, False, False], "one traceback, not three"


async def test_a_broken_request_is_answered_with_an_error_that_has_a_body():
    with trio.fail_after(10):
        async with serving(plain_app) as server, connected(server) as client:
            got = await client.raw(b"NONSENSE\r\n\r\n")
            assert got.startswith(b"HTTP/1.1 400")
            assert got.endswith(b'{"detail": "Bad Request", "status_code": 400}')


async def test_a_head_that_is_too_large_is_answered_with_431():
    with trio.fail_after(10):
        async with (
            serving(plain_app, limits=ServerLimits(max_head=1024)) as server,
            connected(server) as client,
        ):
            got = await client.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 2000)
            assert got.startswith(b"HTTP/1.1 431")


async def test_an_application_that_answers_nothing_is_a_500_also_for_head():
    @with_lifespan
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        return

    with trio.fail_after(10):
        async with serving(app) as server:
            for method, length in (("GET", 0), ("HEAD", 0)):
                async with connected(server) as client:
                    reply = await client.ask(method, "/")
                    assert reply.status == 500
                    assert (len(reply.body) > length) is (method == "GET")


@pytest.mark.slow
async def test_a_connection_without_a_request_is_closed_after_its_time():
    with trio.fail_after(10):
        async with (
            serving(plain_app, limits=ServerLimits(keep_alive_seconds=0.1)) as server,
            connected(server) as silent,
            connected(server) as idle,
        ):
            await idle.ask("GET", "/")
            assert await silent.rest() == b""
            assert await idle.rest() == b""
            await until(lambda: server.statistics().open_connections == 0, "both connections being forgotten")


@pytest.mark.slow
async def test_a_websocket_from_which_nothing_comes_is_closed():
    limits = ServerLimits(websocket_silent_seconds=0.1)
    with trio.fail_after(10):
        async with serving(plain_app, limits=limits) as server, connected(server) as client:
            await client.stream.send_all(UPGRADE % (b"/", b""))
            await until(lambda: server.statistics().open_websockets == 1, "the handshake")
            await until(lambda: server.statistics().open_connections == 0, "the server giving the client up")


@pytest.mark.slow
async def test_a_client_that_takes_nothing_loses_its_connection_and_the_application_hears_of_it():
    heard = trio.Event()

    @with_lifespan
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        finally:
            heard.set()

    with trio.fail_after(10):
        async with (
            serving(app, limits=ServerLimits(send_seconds=0.2)) as server,
            connected(server, receive_buffer=4096) as client,
        ):
            await client.stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await heard.wait()
            await until(lambda: server.statistics().open_connections == 0, "the connection being forgotten")
            assert server.statistics().crashed == 0


async def test_an_endless_answer_ends_when_the_client_leaves(caplog: pytest.LogCaptureFixture):
    ended = trio.Event()

    @with_lifespan
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_for_ever, send)
        finally:
            ended.set()

    async def send_for_ever(send: ASGISendCallable) -> None:
        while True:
            await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
            await trio.lowlevel.checkpoint()

    with trio.fail_after(10):
        async with serving(app) as server:
            async with connected(server) as client:
                await client.stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await client.stream.receive_some()
            await ended.wait()
            await until(lambda: server.statistics().open_connections == 0, "the connection being forgotten")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_the_limits_are_finite():
    values = [getattr(ServerLimits(), field.name) for field in ServerLimits.__attrs_attrs__]  # type: ignore[attr-defined]
    assert all(math.isfinite(value) and value > 0 for value in values)
