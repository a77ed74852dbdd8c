"""Hypercorn's protocols, with answers that have a body where Hypercorn's own errors have none."""

from collections.abc import Awaitable, Callable, Sequence

import h11
from hypercorn.config import Config
from hypercorn.events import Closed, Event
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.events import Body, EndBody, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.typing import AppWrapper, ConnectionState, TaskGroup, WorkerContext

Header = tuple[bytes, bytes]
#: The headers (without `content-length` and `connection`) and the body of the answer to a request that never
#: reaches the application: status 400 to 599.
ErrorAnswer = Callable[[int], tuple[Sequence[Header], bytes]]

#: What Hypercorn answers itself, for a broken head or handshake: a status and nothing else.
_BARE_ERROR = [(b"content-length", b"0"), (b"connection", b"close")]


class LastRequestH11(h11.Connection):
    """Ignores what follows a request that asked to close.

    Hypercorn would answer that request with 400, or crash, for the bytes after it.
    """

    def receive_data(self, data: bytes) -> None:
        if self.their_state is not h11.MUST_CLOSE:
            super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.their_state is h11.MUST_CLOSE:
            return h11.NEED_DATA
        return super().next_event()


class AnsweringH11(H11Protocol):
    """HTTP/1.1 whose own errors are answered with `error_answer`, and then the connection is closed."""

    error_answer: ErrorAnswer
    _failed = False

    async def stream_send(self, event: StreamEvent) -> None:
        if isinstance(event, Response) and event.status_code >= 400 and event.headers == _BARE_ERROR:
            self._failed = True
            await self._send_bare_error(event)
            return
        await super().stream_send(event)
        if isinstance(event, EndBody) and self._failed:
            # Hypercorn leaves a refused WebSocket handshake open, and fails on what the client sends next.
            await self.send(Closed())

    async def _send_bare_error(self, event: Response) -> None:
        headers, body = self._error(event.status_code)
        await super().stream_send(Response(stream_id=event.stream_id, headers=headers, status_code=event.status_code))
        if not (isinstance(self.stream, HTTPStream) and self.stream.scope["method"] == "HEAD"):
            await super().stream_send(Body(stream_id=event.stream_id, data=body))

    async def _send_error_response(self, status_code: int) -> None:
        headers, body = self._error(status_code)
        headers.extend(self.config.response_headers("h11"))
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())

    def _error(self, status_code: int) -> tuple[list[Header], bytes]:
        headers, body = self.error_answer(status_code)
        return [*headers, (b"content-length", b"%d" % len(body)), (b"connection", b"close")], body


def make_protocol(
    app: AppWrapper,
    config: Config,
    worker: WorkerContext,
    tasks: TaskGroup,
    state: ConnectionState,
    *,
    tls: bool,
    client: tuple[str, int] | None,
    server: tuple[str, int] | None,
    send: Callable[[Event], Awaitable[None]],
    alpn: str | None,
    error_answer: ErrorAnswer,
) -> ProtocolWrapper:
    """Hypercorn's protocol for one connection: HTTP/2 where TLS agreed on it, else HTTP/1.1."""
    wrapper = ProtocolWrapper(app, config, worker, tasks, state, tls, client, server, send, alpn)
    if isinstance(wrapper.protocol, H11Protocol):
        answering = AnsweringH11(app, config, worker, tasks, state, tls, client, server, send)
        answering.error_answer = error_answer
        answering.connection = LastRequestH11(h11.SERVER, max_incomplete_event_size=config.h11_max_incomplete_size)
        wrapper.protocol = answering
    return wrapper
