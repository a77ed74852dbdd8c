"""Draining: everybody is told, nobody is waited for longer than said."""

import httpx
import pytest
import trio
import trio.testing
import trio_websocket
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from hamster.server import Server
from tests.hamster.clients import UPGRADE, Client, answer, connected, serving, until, websocket, with_lifespan

pytestmark = pytest.mark.usefixtures("both_protocols")

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: Unwinding after the sockets are closed, on a busy machine.
SLACK = 1.0


class App:
    """Paths: `/` answers, `/slow` waits for `finish`, `/download` sends for ever, `/events` is an event
    stream that never ends, `/ws` a WebSocket that sends nothing and waits, `/flood` one that sends for ever.
    """

    def __init__(self) -> None:
        self.handling = trio.Event()
        self.finish = trio.Event()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        match scope["path"]:
            case "/slow":
                self.handling.set()
                await self.finish.wait()
                await answer(send, b"finished")
            case "/download":
                await self._send_for_ever(send, b"application/octet-stream")
            case "/events":
                await self._start(send, b"text/event-stream; charset=utf-8")
                await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
                while (await receive())["type"] != "http.disconnect":
                    pass
            case "/ws":
                await self._accept(send)
                while (await receive())["type"] != "websocket.disconnect":
                    pass
            case "/flood":
                await self._accept(send)
                while True:
                    await send({"type": "websocket.send", "bytes": bytes(65_536), "text": None})
            case _:
                await answer(send)

    async def _start(self, send: ASGISendCallable, content_type: bytes) -> None:
        headers = [(b"content-type", content_type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _send_for_ever(self, send: ASGISendCallable, content_type: bytes) -> None:
        await self._start(send, content_type)
        while True:
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})

    async def _accept(self, send: ASGISendCallable) -> None:
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})


async def drained_in(server: Server, grace: float) -> float:
    started = trio.current_time()
    await server.drain(grace)
    return trio.current_time() - started


async def blocked(client: Client, path: bytes, *, upgrade: bool = False) -> None:
    """Ask for something endless, read its beginning and then nothing, until the server is stuck."""
    await client.stream.send_all(UPGRADE % (path, b"") if upgrade else GET % path)
    await client.stream.receive_some(1)
    # The server's loop is ours: when it has nothing to do any more, the write is blocked.
    await trio.testing.wait_all_tasks_blocked(0.05)


async def test_an_idle_connection_is_closed_at_once():
    with trio.fail_after(10):
        async with serving(App()) as server, connected(server) as used, connected(server) as new:
            await used.ask("GET", "/")
            await until(lambda: server.statistics().open_connections == 2, "both being accepted")
            assert await drained_in(server, 5) < SLACK
            assert await used.rest() == await new.rest() == b""
            assert server.statistics().aborted == 0


async def test_nobody_is_accepted_any_more():
    with trio.fail_after(10):
        async with serving(App()) as server:
            await server.drain()
            for url in server.urls:
                with pytest.raises(OSError, match="all attempts to connect"):
                    await trio.open_tcp_stream(httpx.URL(url).host, server.ports[0])


async def test_a_request_in_progress_is_answered_within_the_grace():
    app = App()
    with trio.fail_after(10):
        async with serving(app) as server, connected(server) as client, trio.open_nursery() as nursery:
            await client.stream.send_all(GET % b"/slow")
            await app.handling.wait()
            nursery.start_soon(server.drain, 5)
            await until(lambda: server.draining, "the drain")
            app.finish.set()
            assert (await client.rest()).endswith(b"finished")
            assert server.statistics().aborted == 0


async def test_a_request_that_takes_longer_is_cut_off():
    app = App()
    with trio.fail_after(10):
        async with serving(app) as server, connected(server) as client:
            await client.stream.send_all(GET % b"/slow")
            await app.handling.wait()
            assert await drained_in(server, 0.2) < 0.2 + SLACK
            with pytest.raises(trio.BrokenResourceError):
                await client.rest()
            assert server.statistics().aborted == 1


async def test_a_websocket_is_told_1001():
    with trio.fail_after(10):
        async with serving(App()) as server:
            async with websocket(server, "/ws") as client, trio.open_nursery() as nursery:
                nursery.start_soon(server.drain, 5)
                with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                    await client.get_message()
                assert closed.value.reason is not None
                assert closed.value.reason.code == 1001
            assert server.statistics().aborted == 0


async def test_a_websocket_accepted_while_draining_is_told_1001():
    handling, finish = trio.Event(), trio.Event()

    @with_lifespan
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        handling.set()
        await finish.wait()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    with trio.fail_after(10):
        async with serving(app) as server, connected(server) as client, trio.open_nursery() as nursery:
            await client.stream.send_all(UPGRADE % (b"/", b""))
            await handling.wait()
            nursery.start_soon(server.drain, 1)
            await until(lambda: server.draining, "the drain")
            finish.set()
            got = b""
            while b"\x88\x02\x03\xe9" not in got:  # A close frame with two bytes: 1001.
                got += await client.stream.receive_some()
            await client.stream.aclose()


async def test_an_event_stream_ends_as_a_whole_answer():
    with trio.fail_after(10):
        async with serving(App()) as server, httpx.AsyncClient() as client:
            async with client.stream("GET", server.url + "/events") as reply, trio.open_nursery() as nursery:
                await until(lambda: server.statistics().open_streams == 1, "the stream")
                nursery.start_soon(server.drain, 5)
                # An answer cut short would raise here.
                assert [line async for line in reply.aiter_lines()] == ["data: 1", ""]
            assert server.statistics().aborted == 0


@pytest.mark.slow
async def test_a_client_that_never_reads_is_not_waited_for_beyond_the_grace():
    with trio.fail_after(20):
        async with (
            serving(App()) as server,
            connected(server, receive_buffer=4096) as download,
            connected(server, receive_buffer=4096) as flood,
            connected(server, receive_buffer=4096) as silent,
        ):
            await blocked(download, b"/download")
            await blocked(flood, b"/flood", upgrade=True)
            await blocked(silent, b"/ws", upgrade=True)
            assert await drained_in(server, 1) < 1 + SLACK
            statistics = server.statistics()
            assert (statistics.open_connections, statistics.aborted, statistics.crashed) == (0, 3, 0)


@pytest.mark.slow
async def test_leaving_the_block_drains_by_itself():
    with trio.fail_after(20):
        async with serving(App(), grace=0.3) as server:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.drain, 0.3)
                await server.drain(0.3)
            started = trio.current_time()
        assert trio.current_time() - started < SLACK
        sock = trio.socket.socket()
        async with serving(App(), grace=0.3) as server:
            await sock.connect(("127.0.0.1", server.ports[0]))
            client = Client(trio.SocketStream(sock))
            await blocked(client, b"/download")
            started = trio.current_time()
        assert trio.current_time() - started < 0.3 + SLACK
        sock.close()
