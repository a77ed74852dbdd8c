"""One client's connection: on the fast lane, or spoken to by Hypercorn's stock protocols."""

from collections.abc import Awaitable, Callable
from typing import cast

import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.trio.task_group import TaskGroup
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    ConnectionState,
    Scope,
)

from hamster.server.errors import ClientGone
from hamster.server.exchanges import Exchanges, HttpExchange, WebSocketExchange
from hamster.server.lane import Lane
from hamster.server.protocol import make_protocol
from hamster.server.serving import Connection, Serving, address
from hamster.server.stream import AcceptedStream
from hamster.server.wire import MAX_RECEIVE, Wire


async def serve_stream(connection: Connection, serving: Serving) -> None:
    """Speak to the client until one side ends it. The socket is closed by the caller."""
    stream: AcceptedStream | trio.SSLStream[AcceptedStream] = connection.stream
    alpn: str | None = "http/1.1"
    if serving.tls is not None:
        stream = trio.SSLStream(connection.stream, serving.tls, server_side=True, https_compatible=True)
        try:
            with trio.fail_after(serving.limits.tls_handshake_seconds):
                await stream.do_handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            return
        alpn = stream.selected_alpn_protocol() or "http/1.1"
    begun = b""
    if serving.fast_lane and alpn == "http/1.1":
        local = address(connection.stream.socket.getsockname)
        wire = Wire(
            connection.stream, None if stream is connection.stream else cast("trio.SSLStream[AcceptedStream]", stream)
        )
        found = await Lane(connection, wire, serving, local=local).run()
        if found is None:
            return
        begun = found
    await _StockConnection(connection, stream, serving, alpn).run(begun)


class _StockConnection:
    """Hypercorn's `TCPServer` without its three flaws on Trio.

    Closing does not wait: Hypercorn's is interrupted when quart-trio cancels the request that closes, and
    the connection hangs. Idleness is a note that the server reads: Hypercorn starts a task per request, which
    the same cancellation kills, so that the connection never times out. A write ends with the client or by
    its deadline, also inside the shield that keeps a cancelled request from sending half of its bytes.
    """

    def __init__(
        self,
        connection: Connection,
        stream: AcceptedStream | trio.SSLStream[AcceptedStream],
        serving: Serving,
        alpn: str | None,
    ) -> None:
        self._connection = connection
        self._socket = connection.stream
        self._stream = stream
        self._serving = serving
        self._alpn = alpn
        self._send_lock = trio.Lock()
        self._tasks = _Tasks(first_ping_seconds=serving.limits.websocket_ping_seconds)
        self._protocol: ProtocolWrapper

    async def run(self, begun: bytes) -> None:
        """Serve; *begun* was read already."""
        serving = self._serving
        app = _EndableApp(serving.app, serving.exchanges, self._connection)
        async with self._tasks:
            self._protocol = make_protocol(
                app,
                serving.config,
                serving.worker,
                self._tasks,
                ConnectionState(serving.state.copy()),
                tls=serving.tls is not None,
                client=self._connection.client,
                server=address(self._socket.socket.getsockname),
                send=self._handle_out,
                alpn=self._alpn,
                error_answer=serving.error_answer,
            )
            await self._protocol.initiate()
            if begun:
                await self._protocol.handle(RawData(begun))
            await self._read()
            await self._protocol.handle(Closed())
            self._tasks.end_helpers()

    async def _read(self) -> None:
        while True:
            try:
                data = await self._stream.receive_some(MAX_RECEIVE)
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                return
            await self._protocol.handle(RawData(bytes(data)))
            if not data:
                return

    async def _handle_out(self, event: Event) -> None:
        match event:
            case RawData(data=data):
                if not await self._send(data):
                    await self._protocol.handle(Closed())
            case Updated(idle=idle):
                self._connection.idle_since = trio.current_time() if idle else None
                if idle and self._serving.exchanges.draining:
                    self._socket.close()
            case Closed():
                self._socket.close()
                await self._protocol.handle(event)
            case _:
                raise TypeError(f"Hypercorn sent {event!r}; expected RawData, Updated or Closed")

    async def _send(self, data: bytes) -> bool:
        # The protocol counts these bytes as sent: losing them to a cancellation would corrupt the stream.
        with trio.CancelScope(shield=True):
            async with self._send_lock:
                try:
                    await self._stream.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._socket.close()
                    return False
        return True


class _EndableApp:
    """The application as Hypercorn calls it for one connection, with its requests registered."""

    def __init__(self, app: ASGIFramework, exchanges: Exchanges, connection: Connection) -> None:
        self._app = app
        self._exchanges = exchanges
        self._connection = connection

    async def __call__(
        self,
        scope: Scope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        sync_spawn: object,
        call_soon: object,
    ) -> None:
        kind = WebSocketExchange if scope["type"] == "websocket" else HttpExchange
        exchange = kind(self._exchanges, send)

        async def send_unless_gone(message: ASGISendEvent) -> None:
            if self._connection.stream.closed:
                # The protocols swallow what is sent to nobody, so an endless response would never end.
                raise ClientGone
            if message["type"] == "websocket.accept":
                self._connection.websocket = True
            await exchange.send(message)

        try:
            await self._app(scope, receive, send_unless_gone)
        except* ClientGone:
            pass
        finally:
            exchange.forget()


class _Tasks(TaskGroup):
    """Hypercorn's task group, except that the protocols' own loops (pings) end when reading has.

    The first ping waits its turn too: Hypercorn sends it with the handshake, and clients that close at once,
    trio-websocket among them, fail on a ping that crosses their close frame.
    """

    def __init__(self, *, first_ping_seconds: float) -> None:
        super().__init__()
        self._first_ping_seconds = first_ping_seconds
        self._helpers: set[trio.CancelScope] = set()
        self._ended = False

    def spawn(self, func: Callable[..., Awaitable[object]], *args: object) -> None:
        if self._ended:
            return  # The application accepted a WebSocket whose client has left already.
        scope = trio.CancelScope()
        self._helpers.add(scope)
        delay = self._first_ping_seconds if func.__name__ == "_send_pings" else 0.0

        async def helper() -> None:
            with scope:
                await trio.sleep(delay)
                await func(*args)
            self._helpers.discard(scope)

        super().spawn(helper)  # pyright: ignore[reportUnknownMemberType] - a bare Callable in Hypercorn

    def end_helpers(self) -> None:
        self._ended = True
        for scope in self._helpers:
            scope.cancel()
