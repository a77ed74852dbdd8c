"""WebSocket clients of a running `hamster`: those that read, and those that do not."""

import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import cast

import attrs
import trio
import trio_websocket

from tests.end_to_end.hamsters import PATIENCE, Hamster

Frame = dict[str, object]


@attrs.define
class Watcher:
    """A client of `/ws`, and all frames it has read."""

    connection: trio_websocket.WebSocketConnection
    frames: list[Frame] = attrs.field(factory=list[Frame])

    async def next(self) -> Frame:
        """The next frame."""
        with trio.fail_after(PATIENCE):
            frame = cast("Frame", json.loads(await self.connection.get_message()))
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, right: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """The next frame of type *kind* whose data are *right*."""
        with trio.fail_after(PATIENCE):
            while True:
                frame = await self.next()
                if frame["type"] == kind and right(data_of(frame)):
                    return frame

    async def event(self, event_type: str, service_id: str) -> Frame:
        """The data of the next `service_event` of this type and service."""
        wanted = {"event_type": event_type, "service_id": service_id}
        return data_of(await self.until("service_event", lambda data: wanted.items() <= data.items()))

    async def send(self, value: object) -> None:
        """Send *value*: text and bytes as they are, anything else as JSON."""
        message = value if isinstance(value, (str, bytes)) else json.dumps(value)
        await self.connection.send_message(message)

    async def answer(self, value: object, kind: str) -> Frame:
        """Send *value*; the data of the frame of type *kind* that follows."""
        await self.send(value)
        return data_of(await self.until(kind))


def data_of(frame: Frame) -> Frame:
    """What a frame is about."""
    return cast("Frame", frame["data"])


@asynccontextmanager
async def watching(hamster: Hamster) -> AsyncGenerator[Watcher, None]:
    """A client of `/ws`. trio-websocket leaves its socket open when the server closes first; not so here."""
    with trio.fail_after(PATIENCE):
        stream = await trio.open_tcp_stream("127.0.0.1", hamster.port)
    async with stream, trio.open_nursery() as nursery:
        opened = await trio_websocket.wrap_client_stream(nursery, stream, f"localhost:{hamster.port}", "/ws")
        try:
            yield Watcher(opened)
        finally:
            with trio.move_on_after(1.0, shield=True):
                await opened.aclose()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def deaf_watcher(hamster: Hamster) -> AsyncGenerator[trio.SocketStream, None]:
    """A client of `/ws` that reads the handshake's answer and then nothing more."""
    async with deaf_socket(hamster, UPGRADE) as stream:
        head = b""
        with trio.fail_after(PATIENCE):
            while not head.endswith(b"\r\n\r\n"):
                head += await stream.receive_some(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        yield stream


@asynccontextmanager
async def deaf_socket(hamster: Hamster, request: bytes) -> AsyncGenerator[trio.SocketStream, None]:
    """A connection with a small receive buffer on which *request* was sent, and nothing is ever read."""
    sock = trio.socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with sock:
        await sock.connect(("127.0.0.1", hamster.port))
        stream = trio.SocketStream(sock)
        await stream.send_all(request)
        yield stream


UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
"""Opens `/ws`."""


def masked(text: bytes) -> bytes:
    """A client's text frame of under 126 bytes; the mask is 0, which changes nothing."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text
