"""Requests in progress that the server can end before the application does."""

from collections.abc import Iterable
from typing import Protocol

import trio
from hypercorn.typing import ASGISendCallable, ASGISendEvent

#: RFC 6455, 7.4.1: the endpoint goes away, such as a server going down.
GOING_AWAY = 1001


class Exchange(Protocol):
    """A request without an end of its own."""

    async def end(self) -> None:
        """Say goodbye in the protocol's own words. What the application sends afterwards is dropped."""
        ...


class Exchanges:
    """The open WebSockets and event streams of one server."""

    def __init__(self) -> None:
        self.websockets: set[Exchange] = set()
        self.streams: set[Exchange] = set()
        self.draining = False

    def all(self) -> list[Exchange]:
        return [*self.websockets, *self.streams]


class WebSocketExchange:
    """Registered while accepted; ends with close code 1001."""

    def __init__(self, exchanges: Exchanges, send: ASGISendCallable) -> None:
        self._exchanges = exchanges
        self._send = send
        self._ended = False

    async def send(self, message: ASGISendEvent) -> None:
        if self._ended:
            await trio.lowlevel.checkpoint()
            return
        if message["type"] == "websocket.close":
            self._ended = True
        await self._send(message)
        if message["type"] == "websocket.accept":
            self._exchanges.websockets.add(self)
            if self._exchanges.draining:
                await self.end()

    async def end(self) -> None:
        if not self._ended:
            self._ended = True
            await self._send({"type": "websocket.close", "code": GOING_AWAY, "reason": None})

    def forget(self) -> None:
        self._exchanges.websockets.discard(self)


class HttpExchange:
    """Registered while it is an event stream; ends as if the application had."""

    def __init__(self, exchanges: Exchanges, send: ASGISendCallable) -> None:
        self._exchanges = exchanges
        self._send = send
        self._ended = False

    async def send(self, message: ASGISendEvent) -> None:
        if self._ended:
            await trio.lowlevel.checkpoint()
            return
        await self._send(message)
        if message["type"] == "http.response.start" and is_event_stream(message.get("headers", ())):
            self._exchanges.streams.add(self)
            if self._exchanges.draining:
                await self.end()

    async def end(self) -> None:
        if not self._ended:
            self._ended = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def forget(self) -> None:
        self._exchanges.streams.discard(self)


def is_event_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether an answer with these headers has no end of its own."""
    return any(
        name.lower() == b"content-type" and value.lower().startswith(b"text/event-stream") for name, value in headers
    )
