"""WebSockets on the stock protocols."""

import math

import pytest
import trio
import trio_websocket
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from hamster.server import Server, ServerLimits
from tests.hamster.clients import UPGRADE, connected, serving, until, websocket

pytestmark = pytest.mark.usefixtures("both_protocols")

MESSAGES = 500
#: All of them are more than the kernel buffers for a client that does not read.
MESSAGE = "x" * 20_000


class FanOut:
    """Every client gets every message through a bounded queue of its own; who is too slow misses some."""

    def __init__(self) -> None:
        self._queues: set[trio.MemorySendChannel[str]] = set()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        put, take = trio.open_memory_channel[str](MESSAGES)
        self._queues.add(put)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._forward, take, send)
                while (await receive())["type"] == "websocket.receive":
                    pass
                nursery.cancel_scope.cancel()
        finally:
            self._queues.discard(put)

    async def _forward(self, take: trio.MemoryReceiveChannel[str], send: ASGISendCallable) -> None:
        async for message in take:
            await send({"type": "websocket.send", "bytes": None, "text": message})

    def publish(self, message: str) -> None:
        for queue in self._queues:
            queue.send_nowait(message)


async def echo(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": message["bytes"], "text": message["text"]})


@pytest.mark.slow
async def test_a_client_that_never_reads_delays_none_of_the_nineteen_others():
    app = FanOut()
    got = [0] * 19
    worst = 0.0
    sent_at: list[float] = []

    async def read(server: Server, index: int) -> None:
        nonlocal worst
        async with websocket(server) as client:
            while got[index] < MESSAGES:
                await client.get_message()
                worst = max(worst, trio.current_time() - sent_at[got[index]])
                got[index] += 1

    with trio.fail_after(60):
        async with serving(app, grace=0.2) as server, connected(server, receive_buffer=4096) as stuck:
            await stuck.stream.send_all(UPGRADE % (b"/", b""))
            await stuck.stream.receive_some(1)
            async with trio.open_nursery() as nursery:
                for index in range(19):
                    nursery.start_soon(read, server, index)
                await until(lambda: server.statistics().open_websockets == 20, "20 WebSockets")
                for number in range(MESSAGES):
                    sent_at.append(trio.current_time())
                    app.publish(MESSAGE)
                    # As fast as the nineteen follow, however far the stuck one is behind.
                    await until(lambda number=number: min(got) >= number - 5, "the nineteen following")
            assert got == [MESSAGES] * 19
            assert server.statistics().open_websockets == 1, "the stuck client is still connected, and behind"
    assert worst < 2.0


async def test_a_message_larger_than_the_limit_ends_with_1009():
    with trio.fail_after(10):
        async with serving(echo, limits=ServerLimits(websocket_max_message=1000)) as server:
            async with websocket(server) as client:
                await client.send_message("x" * 1000)
                assert await client.get_message() == "x" * 1000
                await client.send_message("x" * 1001)
                with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                    await client.get_message()
                assert closed.value.reason is not None
                assert closed.value.reason.code == 1009
            assert server.statistics().crashed == 0


@pytest.mark.slow
async def test_pings_keep_a_healthy_client_that_says_nothing():
    limits = ServerLimits(websocket_ping_seconds=0.1, websocket_silent_seconds=0.8)
    with trio.fail_after(20):
        async with serving(echo, limits=limits) as server, connected(server) as dead:
            await dead.stream.send_all(UPGRADE % (b"/", b""))
            async with websocket(server) as healthy:
                await until(lambda: server.statistics().open_websockets == 2, "two WebSockets")
                # One whose pongs never come is given up; the other has had the same time.
                await until(lambda: server.statistics().open_websockets == 1, "one being given up", seconds=10)
                await healthy.send_message("still here")
                assert await healthy.get_message() == "still here"


async def test_a_connection_ends_with_its_websocket_though_pings_were_due_later():
    limits = ServerLimits(websocket_ping_seconds=math.inf)
    with trio.fail_after(10):
        async with serving(echo, limits=limits) as server:
            async with websocket(server):
                await until(lambda: server.statistics().open_websockets == 1, "the WebSocket")
            await until(lambda: server.statistics().open_connections == 0, "its connection ending")


async def test_a_handshake_without_a_key_is_a_400_with_a_body_and_the_connection_closes():
    with trio.fail_after(10):
        async with serving(echo) as server, connected(server) as client:
            got = await client.raw(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            assert got.startswith(b"HTTP/1.1 400")
            assert got.endswith(b'"status_code": 400}')
