"""Servers on loopback that do what they are told, for as long as a test needs them."""

import re
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import attrs
import trio

Stream: TypeAlias = trio.SocketStream | trio.SSLStream[trio.SocketStream]
Handler: TypeAlias = Callable[[Stream], Awaitable[None]]

PATIENCE = 20.0
"""Seconds that a test gives to what takes milliseconds on an idle machine."""


@attrs.define
class Served:
    """A server."""

    port: int
    connections: int = 0
    requests: list[bytes] = attrs.field(factory=list[bytes])
    """The heads of all requests, as `answering` and `pages` read them."""

    def url(self, path: str = "/", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def serving(
    handler: Callable[[Served, Stream], Awaitable[None]],
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncGenerator[Served, None]:
    """A server whose connections *handler* deals with; they are closed when it returns."""
    (listener,) = await trio.open_tcp_listeners(0, host=host)
    served = Served(listener.socket.getsockname()[1])

    async def connected(stream: trio.SocketStream) -> None:
        served.connections += 1
        try:
            if tls is None:
                await handler(served, stream)
            else:
                secured = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
                await secured.do_handshake()
                await handler(served, secured)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # whoever looks may leave at any time
        finally:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, connected, [listener])
        yield served
        nursery.cancel_scope.cancel()


async def head_of(stream: Stream) -> bytes:
    """A request: its head, and its body if it says how long that is."""
    data = b""
    while not _complete(data):
        more = await stream.receive_some()
        if not more:
            break
        data += more
    return data


def _complete(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    return bool(end) and (length is None or len(body) >= int(length[1]))


def answer(body: bytes = b"hello", *, status: str = "200 OK", headers: str = "", length: bool = True) -> bytes:
    """An answer as it goes over the wire."""
    size = f"Content-Length: {len(body)}\r\n" if length else ""
    return f"HTTP/1.1 {status}\r\n{size}{headers}\r\n".encode() + body


def answering(*parts: bytes) -> Callable[[Served, Stream], Awaitable[None]]:
    """Read a request, then say *parts*, then close."""

    async def handle(served: Served, stream: Stream) -> None:
        served.requests.append(await head_of(stream))
        for part in parts:
            await stream.send_all(part)

    return handle


def pages(by_path: Callable[[Served, str], bytes]) -> Callable[[Served, Stream], Awaitable[None]]:
    """Answer each request with what *by_path* makes of its path."""

    async def handle(served: Served, stream: Stream) -> None:
        head = await head_of(stream)
        served.requests.append(head)
        await stream.send_all(by_path(served, head.split(b" ")[1].decode()))

    return handle
