"""Clients that do what polite libraries do not: split requests, never read, ask for what they should not."""

import contextlib
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import attrs
import h11
import msgspec
import trio
import trio_websocket
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

from hamster.server import Server, bind_sockets, open_server

Header = tuple[bytes, bytes]
Handler = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]

UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"
)


@attrs.frozen
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])


class Client:
    """One HTTP/1.1 connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def ask(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (("Host", "localhost"),),
        split: bool = False,
    ) -> Reply:
        """One request and its answer; *split* lets the server read the head before the body is sent."""
        if body:
            headers = [*headers, ("Content-Length", str(len(body)))]
        await self.stream.send_all(self._bytes(h11.Request(method=method, target=target, headers=list(headers))))
        if split:
            # The server runs in this loop: it has read the head, and done with it what it can, after these.
            for _ in range(20):
                await trio.lowlevel.checkpoint()
        rest = self._bytes(h11.Data(data=body)) if body else b""
        rest += self._bytes(h11.EndOfMessage())
        if rest:
            # It may be answered and closed before all was sent; the answer is what matters.
            with contextlib.suppress(trio.BrokenResourceError):
                await self.stream.send_all(rest)
        return await self.reply()

    async def reply(self) -> Reply:
        status, headers, body = 0, dict[str, str](), bytearray()
        while True:
            event = self._h11.next_event()
            match event:
                case h11.NEED_DATA:
                    self._h11.receive_data(await self.stream.receive_some())
                case h11.Response():
                    status = event.status_code
                    headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                case h11.Data():
                    body += event.data
                case h11.EndOfMessage():
                    if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
                        self._h11.start_next_cycle()
                    return Reply(status, headers, bytes(body))
                case h11.ConnectionClosed():
                    raise trio.BrokenResourceError("closed before an answer")
                case _:
                    pass

    async def raw(self, data: bytes) -> bytes:
        """Send bytes as they are; everything that comes back until the server closes."""
        await self.stream.send_all(data)
        return await self.rest()

    async def rest(self) -> bytes:
        got = bytearray()
        while chunk := await self.stream.receive_some():
            got += chunk
        return bytes(got)

    def _bytes(self, event: h11.Event) -> bytes:
        data: bytes | None = self._h11.send(event)
        return data or b""


@asynccontextmanager
async def connected(server: Server, *, receive_buffer: int | None = None) -> AsyncGenerator[Client, None]:
    """A client of *server*; with a small *receive_buffer* one that does not read soon blocks who sends."""
    sock = trio.socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await sock.connect(("127.0.0.1", server.ports[0]))
        yield Client(trio.SocketStream(sock))
    finally:
        sock.close()


@asynccontextmanager
async def websocket(server: Server, path: str = "/") -> AsyncGenerator[trio_websocket.WebSocketConnection, None]:
    """A WebSocket client. trio-websocket leaves its socket open when the server closes first; not so here."""
    async with connected(server) as client, trio.open_nursery() as nursery:
        host = f"localhost:{server.ports[0]}"
        opened = await trio_websocket.wrap_client_stream(nursery, client.stream, host, path)
        try:
            yield opened
        finally:
            await opened.aclose()


@asynccontextmanager
async def serving(app: ASGIFramework, **options: object) -> AsyncGenerator[Server, None]:
    """*app* on a free port of both loopbacks."""
    opened = open_server(app, sockets=await bind_sockets(), **options)  # pyright: ignore[reportArgumentType] - passed on
    async with opened as server:
        yield server


def with_lifespan(handler: Handler) -> ASGIFramework:
    """An application of which *handler* is the part for requests."""

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "lifespan":
            await handler(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    return app


async def answer(send: ASGISendCallable, body: bytes = b"ok", *, status: int = 200) -> None:
    """A whole answer from a bare application."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def until(condition: Callable[[], bool], what: str, *, seconds: float = 5.0) -> None:
    """Wait for something the kernel tells nobody about."""
    with trio.move_on_after(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for, see above
            await trio.sleep(0.005)
        return
    raise AssertionError(f"{what} did not happen within {seconds:g} s")
