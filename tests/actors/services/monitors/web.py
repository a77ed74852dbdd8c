"""A web server on loopback that counts what it is asked, and answers byte by byte what a test says."""

import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager

import attrs
import trio


@attrs.frozen
class Asked:
    """One request, as it came."""

    path: str
    headers: Mapping[str, str]


def answer(body: bytes | str = b"", status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer; underscores in the names of *headers* are hyphens."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", "connection: close"]
    if "content_length" not in headers:
        lines.append(f"content-length: {len(content)}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


@attrs.define(eq=False)
class Web:
    """Answers with what `reply` says, and remembers every request."""

    port: int
    reply: Callable[[Asked], bytes]
    asked: list[Asked] = attrs.field(factory=list[Asked])
    endless: bytes = b""
    """Sent again and again behind the answer, until the other side goes."""
    silent: bool = False
    """The connection stays open behind the answer, and nothing more comes."""
    more: trio.Event = attrs.field(factory=trio.Event)

    tls: ssl.SSLContext | None = None

    def url(self, path: str = "/feed") -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}{path}"

    async def until(self, count: int) -> None:
        """Return once *count* requests have come in all."""
        with trio.fail_after(20):
            while len(self.asked) < count:
                await self.more.wait()

    async def serve(self, socket_stream: trio.SocketStream) -> None:
        stream: trio.abc.Stream = socket_stream
        if self.tls is not None:
            stream = trio.SSLStream(socket_stream, self.tls, server_side=True, https_compatible=True)
        try:
            async with stream:
                await self._serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the other side has had enough

    async def _serve(self, stream: trio.abc.Stream) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            part = await stream.receive_some()
            if not part:
                return
            received += part
        first, *lines = received.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
        one = Asked(first.split()[1], headers)
        self.asked.append(one)
        self.more.set()
        self.more = trio.Event()
        await stream.send_all(self.reply(one))
        while self.endless:
            await stream.send_all(self.endless)
        if self.silent:
            await stream.receive_some()


@asynccontextmanager
async def a_web(
    reply: Callable[[Asked], bytes] | bytes, *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Web, None]:
    """A server for the time of the block."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port: int = listeners[0].socket.getsockname()[1]
        web = Web(port, reply if callable(reply) else lambda _: reply, tls=tls)
        nursery.start_soon(trio.serve_listeners, web.serve, listeners)
        yield web
        nursery.cancel_scope.cancel()
