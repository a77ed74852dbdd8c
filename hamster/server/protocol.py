"""Hypercorn's protocols, with answers that have a body where Hypercorn's own errors have none."""

from collections.abc import Awaitable, Callable, Sequence

import h11
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Response, StreamClosed
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
    """Ignores what follows a request that asked to close, and offers to compress WebSockets.

    Hypercorn would answer that request with 400, or crash, for the bytes after it.
    """

    def receive_data(self, data: bytes) -> None:
        if self.their_state is not h11.MUST_CLOSE:
            super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.their_state is h11.MUST_CLOSE:
            return h11.NEED_DATA
        event = super().next_event()
        return _uncompressed(event) if isinstance(event, h11.Request) else event


def _uncompressed(request: h11.Request) -> h11.Request:
    """*request* without an offer to compress a WebSocket.

    Hypercorn takes each, and then every client costs 256 KiB and every message is compressed once per client.
    """
    headers = [(name, value) for name, value in request.headers if name != b"sec-websocket-extensions"]
    if len(headers) == len(request.headers):
        return request
    return h11.Request(method=request.method, headers=headers, target=request.target, http_version=request.http_version)


class AnsweringH11(H11Protocol):
    """HTTP/1.1 whose own errors are answered with `error_answer`, and then the connection is closed.

    Hypercorn sends such an error in steps, between which the application may accept the WebSocket that is
    being refused; and it leaves the connection open. Here the answer is one step, and the last.
    """

    error_answer: ErrorAnswer
    _failed = False

    async def stream_send(self, event: StreamEvent) -> None:
        if self._failed and not isinstance(event, StreamClosed):
            return
        if isinstance(event, Response) and event.status_code >= 400 and event.headers == _BARE_ERROR:
            is_head = isinstance(self.stream, HTTPStream) and self.stream.scope["method"] == "HEAD"
            await self._fail(event.status_code, with_body=not is_head)
            return
        await super().stream_send(event)

    async def _send_error_response(self, status_code: int) -> None:
        await self._fail(status_code, with_body=True)

    async def _fail(self, status_code: int, *, with_body: bool) -> None:
        self._failed = True
        headers, body = self.error_answer(status_code)
        head = h11.Response(
            status_code=status_code,
            headers=[
                *headers,
                (b"content-length", b"%d" % len(body)),
                (b"connection", b"close"),
                *self.config.response_headers("h11"),
            ],
        )
        content = [h11.Data(data=body)] if with_body else []
        try:
            data = b"".join(self.connection.send(event) or b"" for event in (head, *content, h11.EndOfMessage()))
        except h11.LocalProtocolError:
            pass  # Too late to answer: something else is being sent.
        else:
            await self.send(RawData(data))
        await self.send(Closed())


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
