"""The server: accepting, the registry of connections, a guard around each, and the draining."""

import json
import logging
import math
import socket
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

import trio
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework

from hamster.server.accepting import AcceptLoop
from hamster.server.answers import Header, whole
from hamster.server.binding import url_of
from hamster.server.connection import serve_stream
from hamster.server.errors import StartupFailed
from hamster.server.exchanges import Exchange, Exchanges
from hamster.server.lifespan import Lifespan
from hamster.server.limits import ServerLimits, ServerStatistics
from hamster.server.protocol import ErrorAnswer
from hamster.server.serving import Connection, Ready, Serving
from hamster.server.stream import AcceptedStream

#: What a request in progress gets to finish, and a client to answer a close frame.
DEFAULT_GRACE = 1.0
#: After their sockets are closed, tasks only have to unwind.
UNWIND_SECONDS = 0.5
#: How often idle and silent connections are looked for: their limits are tens of seconds.
REAP_SECONDS = 1.0
#: A client turned away gets so long to read why, and so many of them at once; the others are just closed.
REFUSAL_SECONDS = 0.5
REFUSALS_AT_ONCE = 64
#: A remote can cause crashes as fast as it connects: one traceback in so many seconds is logged.
TRACEBACK_SECONDS = 10.0

log = logging.getLogger(__name__)


def plain_error(status: int) -> tuple[Sequence[Header], bytes]:
    """The answer of last resort, in English."""
    body = json.dumps({"detail": HTTPStatus(status).phrase, "status_code": status}).encode()
    return [(b"content-type", b"application/json")], body


class Server:
    """A running server. Made by `open_server`."""

    def __init__(self, serving: Serving, listeners: Sequence[socket.socket], *, grace: float) -> None:
        self._serving = serving
        self._grace = grace
        self._connections: set[Connection] = set()
        self._nursery: trio.Nursery
        self._accepting = trio.CancelScope()
        #: No listener is open any more.
        self._deaf = trio.Event()
        self._accept_loops = [AcceptLoop(listener, self._admit) for listener in listeners]
        self._empty = trio.Event()
        self._stop = trio.Event()
        self._accepted = 0
        self._refused = 0
        self._refusing = 0
        self._crashed = 0
        self._aborted = 0
        self._traceback_at = -math.inf
        self.urls = tuple(url_of(listener, tls=serving.tls is not None) for listener in listeners)
        self.ports = tuple(dict.fromkeys(int(listener.getsockname()[1]) for listener in listeners))

    @property
    def url(self) -> str:
        """The first of `urls`, without a trailing slash."""
        return self.urls[0]

    @property
    def draining(self) -> bool:
        return self._serving.exchanges.draining

    def statistics(self) -> ServerStatistics:
        exchanges = self._serving.exchanges
        return ServerStatistics(
            open_connections=len(self._connections),
            open_websockets=len(exchanges.websockets),
            open_streams=len(exchanges.streams),
            accepted=self._accepted,
            refused=self._refused,
            crashed=self._crashed,
            aborted=self._aborted,
            accept_pauses=sum(loop.pauses for loop in self._accept_loops),
            draining=self.draining,
        )

    async def drain(self, grace: float | None = None) -> None:
        """Stop accepting and end every connection, the last by force.

        Idle connections are closed at once. WebSockets get close code 1001 and event streams their end; they
        and the requests in progress have *grace* seconds (default: the server's), then their sockets are
        closed. Returns after at most *grace* and half a second. A second call does no harm.
        """
        await self._serving.worker.terminated.set()
        self._begin_drain()
        await self._deaf.wait()
        with trio.move_on_after(self._grace if grace is None else grace):
            await self._empty.wait()
        for connection in list(self._connections):
            self._aborted += 1
            connection.abort()
        with trio.move_on_after(UNWIND_SECONDS):
            await self._empty.wait()
        if self._connections:
            log.error(
                "server.drain_incomplete connections=%d; the application holds on to them",
                len(self._connections),
            )

    def _begin_drain(self) -> None:
        if self.draining:
            return
        self._serving.exchanges.draining = True
        self._accepting.cancel()
        for connection in self._connections:
            if connection.idle_since is not None:
                connection.stream.close()
        for exchange in self._serving.exchanges.all():
            self._nursery.start_soon(self._end, exchange)
        self._note_if_empty()

    async def _end(self, exchange: Exchange) -> None:
        try:
            await exchange.end()
        except Exception:  # The protocol may be in any state; the connection is closed anyway.
            log.exception("server.goodbye_failed")

    def _note_if_empty(self) -> None:
        if self.draining and not self._connections:
            self._empty.set()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Start the application, serve, and after `stop` let the application shut down.

        Once started it is shielded: a cancelled host program drains before its connections go.
        """
        limits = self._serving.limits
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as lifespan_nursery:
                lifespan = Lifespan(self._serving.app, self._serving.state, lifespan_nursery)
                await lifespan.start(limits.startup_seconds)
                scope.shield = True
                async with trio.open_nursery() as self._nursery:
                    self._nursery.start_soon(self._accept)
                    self._nursery.start_soon(self._reap)
                    task_status.started()
                    await self._stop.wait()
                    self._nursery.cancel_scope.cancel()
                await lifespan.stop(limits.shutdown_seconds)
                lifespan_nursery.cancel_scope.cancel()

    def stop(self) -> None:
        self._stop.set()

    async def _accept(self) -> None:
        try:
            with self._accepting:
                async with trio.open_nursery() as nursery:
                    for loop in self._accept_loops:
                        nursery.start_soon(loop.run)
        finally:
            self._deaf.set()

    def _admit(self, client: socket.socket) -> None:
        if self.draining:
            client.close()
            return
        if len(self._connections) >= self._serving.limits.max_connections:
            self._refused += 1
            self._refuse(client)
            return
        self._accepted += 1
        stream = AcceptedStream(client, send_seconds=self._serving.limits.send_seconds)
        connection = Connection(stream)
        self._connections.add(connection)
        self._nursery.start_soon(self._guard, connection)

    async def _guard(self, connection: Connection) -> None:
        """Serve; whatever goes wrong ends this connection only."""
        try:
            with connection.scope:
                await serve_stream(connection, self._serving)
        except* Exception as group:
            self._crashed += 1
            self._log_crash(connection, group)
        finally:
            connection.stream.close()
            self._connections.discard(connection)
            self._note_if_empty()

    def _log_crash(self, connection: Connection, group: ExceptionGroup[Exception]) -> None:
        now = trio.current_time()
        with_traceback = now - self._traceback_at >= TRACEBACK_SECONDS
        if with_traceback:
            self._traceback_at = now
        log.error(
            "connection.crashed client=%s error=%r total=%d",
            connection.client,
            _first_error(group),
            self._crashed,
            exc_info=group if with_traceback else None,
        )

    def _refuse(self, client: socket.socket) -> None:
        if self._refusing >= REFUSALS_AT_ONCE or self._serving.tls is not None:
            client.close()
            return
        self._refusing += 1
        self._nursery.start_soon(self._tell_refusal, client)

    async def _tell_refusal(self, client: socket.socket) -> None:
        headers, body = self._serving.error_answer(503)
        stream = AcceptedStream(client, send_seconds=REFUSAL_SECONDS)
        try:
            with trio.move_on_after(REFUSAL_SECONDS):
                await stream.send_all(whole(503, headers, body, date=self._serving.date()))
                await stream.send_eof()
                # Closing on an unread request would reset the connection before the client reads the answer.
                while await stream.receive_some():
                    pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            stream.close()
            self._refusing -= 1

    async def _reap(self) -> None:
        limits = self._serving.limits
        while True:
            await trio.sleep(REAP_SECONDS)
            now = trio.current_time()
            for connection in self._connections:
                if connection.idle_since is not None:
                    begun = connection.head_since
                    late = begun is not None and now - begun > limits.head_seconds
                    if late or now - connection.idle_since > limits.keep_alive_seconds:
                        connection.stream.close()
                elif connection.websocket and now - connection.stream.received_at > limits.websocket_silent_seconds:
                    connection.stream.abort()


@asynccontextmanager
async def open_server(
    app: ASGIFramework,
    *,
    sockets: Sequence[socket.socket],
    tls: ssl.SSLContext | None = None,
    limits: ServerLimits | None = None,
    grace: float = DEFAULT_GRACE,
    error_answer: ErrorAnswer = plain_error,
    fast_lane: bool = True,
    ready: Ready | None = None,
) -> AsyncGenerator[Server, None]:
    """Serve *app* on *sockets* while the block runs; leaving drains, then shuts the application down.

    It handles no signals and has no global state, so a Trio program may open several. Leaving is shielded
    from cancellation and takes at most *grace*, half a second, and `limits.shutdown_seconds`.

    Args:
        app: An ASGI 3 application. Its lifespan starts before the first connection is accepted.
        sockets: Listening, from `bind_sockets`. They are the server's from here on, which closes them.
        tls: A server's context; without `h2` in its ALPN protocols everything is HTTP/1.1.
        limits: Bounds on connections.
        grace: Seconds that `drain` gives to what is in progress.
        error_answer: Answers what never reaches the application: a broken request, or too many connections.
        fast_lane: Plain HTTP/1 is spoken without Hypercorn's protocols; otherwise they speak everything.
        ready: Answers requests on the fast lane for which nothing need be done.

    Raises:
        StartupFailed: The application's lifespan failed or took too long. The sockets are closed.
    """
    limits = limits or ServerLimits()
    serving = Serving(
        app=app,
        config=_hypercorn_config(limits),
        worker=WorkerContext(None),
        state={},
        exchanges=Exchanges(),
        limits=limits,
        tls=tls,
        error_answer=error_answer,
        fast_lane=fast_lane,
        ready=ready,
    )
    server = Server(serving, sockets, grace=grace)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run)
            try:
                yield server
            finally:
                with trio.CancelScope(shield=True):
                    await server.drain()
                server.stop()
    except BaseExceptionGroup as group:
        # The nursery is ours, not the caller's: what the block raised leaves it as it was.
        raise _single(group) from None
    finally:
        for listener in sockets:
            listener.close()


def _hypercorn_config(limits: ServerLimits) -> Config:
    config = Config()
    config.errorlog = log
    config.accesslog = None
    config.include_server_header = False
    # Connections are ended by our own limits; a fixed number of requests would only cut a busy page's.
    config.keep_alive_max_requests = 2**31
    config.h11_max_incomplete_size = limits.max_head
    config.websocket_max_message_size = limits.websocket_max_message
    config.websocket_ping_interval = limits.websocket_ping_seconds
    return config


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error in the group of our nursery, if it is one."""
    first = _first_error(group)
    if isinstance(first, StartupFailed):
        return first
    return group.exceptions[0] if len(group.exceptions) == 1 else group


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _first_error(cast("BaseExceptionGroup[BaseException]", first))
    return first
