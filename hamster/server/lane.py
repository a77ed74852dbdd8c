"""The fast lane: HTTP/1 that is plain, spoken without Hypercorn's protocols."""

import logging
from contextvars import copy_context

import trio
from hypercorn.typing import ConnectionState, HTTPScope

from hamster.server.answers import STATUS_LINES, Framing, whole
from hamster.server.errors import ClientGone, only_client_gone
from hamster.server.heads import BadHead, Head, find_end
from hamster.server.request import Incoming, LaneRequest, as_coroutine, in_context
from hamster.server.serving import Address, Connection, Serving
from hamster.server.wire import Wire

#: A refused client gets so long to read why: closing on what it still sends would reset the connection first.
LINGER_SECONDS = 1.0
LINGER_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class Lane:
    """Serves one connection until it ends, or until a request comes that is not plain."""

    def __init__(self, connection: Connection, wire: Wire, serving: Serving, *, local: Address | None) -> None:
        self._connection = connection
        self._wire = wire
        self._serving = serving
        self._local = local
        self._incoming = Incoming(wire)
        self._looked_at = 0

    async def run(self) -> bytes | None:
        """Serve; gives what Hypercorn's protocols are to go on with, or None: the connection is at its end."""
        try:
            return await self._serve()
        except BadHead as error:
            log.debug("request.refused client=%s reason=%s", self._connection.client, error)
            await self._refuse(error.status)
        except ClientGone:
            pass
        return None

    async def _serve(self) -> bytes | None:
        connection, exchanges = self._connection, self._serving.exchanges
        ready = self._serving.ready
        while True:
            found = await self._next_head()
            if found is None:
                return None
            head, raw = found
            if head.unusual:
                return raw + self._incoming.data
            connection.idle_since = None
            answer = None
            if ready is not None and head.length == 0 and head.keep_alive and not exchanges.draining:
                answer = ready(head, connection.client, self._local, self._serving.tls is not None)
            if answer is not None:
                await self._wire.send(b"".join((STATUS_LINES[answer[0]], self._serving.date(), answer[1])))
            elif not await self._exchange(head):
                return None
            if exchanges.draining:
                return None
            connection.idle_since = trio.current_time()
            if self._incoming.data:
                await trio.lowlevel.checkpoint()  # many requests at once must not stop everybody else

    async def _next_head(self) -> tuple[Head, bytes] | None:
        incoming = self._incoming
        data = incoming.data
        while True:
            if data:
                while data.startswith(b"\r\n"):
                    del data[:2]  # an empty line before a request is to be ignored
                end = find_end(data, self._looked_at, self._serving.limits.max_head)
                if end >= 0:
                    raw = bytes(data[:end])
                    del data[:end]
                    self._looked_at = 0
                    self._connection.head_since = None
                    return self._serving.heads.parse(raw), raw
                self._looked_at = len(data)
                if data and self._connection.head_since is None:
                    self._connection.head_since = trio.current_time()
            if incoming.gone or not await incoming.more():
                return None

    async def _exchange(self, head: Head) -> bool:
        """Have the application answer. False: the connection ends."""
        serving = self._serving
        request = LaneRequest(head, self._incoming, self._wire, serving.exchanges, serving.date)
        context = copy_context()
        try:
            application = serving.app(self._scope(head), request.receive, request.send)
            await in_context(context, as_coroutine(application))
        except Exception as error:  # whatever the application raises, it must end this request only
            if only_client_gone(error):
                return False
            log.exception("application.failed method=%s path=%r", head.method, head.path)
        finally:
            request.forget()
        return await self._finish(request)

    async def _finish(self, request: LaneRequest) -> bool:
        if not request.ended:
            if request.answer is not None:
                if request.answer.framing is Framing.CLOSE:
                    self._connection.stream.abort()  # the client must not take a half for the whole
                return False
            await self._refuse(400 if request.broken else 500)
            return False
        if request.keep_alive and not request.body.ended:
            with trio.move_on_after(LINGER_SECONDS):
                await request.discard()
        if request.keep_alive and request.body.ended and not self._incoming.gone:
            return True
        if not request.body.ended:
            await self._linger()
        return False

    async def _refuse(self, status: int) -> None:
        """Say what is wrong, and end the connection."""
        self._connection.idle_since = None
        headers, body = self._serving.error_answer(status)
        try:
            await self._wire.send(whole(status, headers, body, date=self._serving.date()))
            await self._linger()
        except ClientGone:
            pass

    async def _linger(self) -> None:
        """Read what still comes, for a moment."""
        incoming = self._incoming
        with trio.move_on_after(LINGER_SECONDS):
            if self._serving.tls is None:
                try:
                    await self._connection.stream.send_eof()
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return
            read = 0
            while read < LINGER_BYTES and not incoming.gone and await incoming.more():
                read += len(incoming.data)
                incoming.data.clear()

    def _scope(self, head: Head) -> HTTPScope:
        extensions: dict[str, dict[str, object]] = {}
        return {
            "type": "http",
            "asgi": {"spec_version": "2.3", "version": "3.0"},
            "http_version": head.version,
            "method": head.method,
            "scheme": "http" if self._serving.tls is None else "https",
            "path": head.path,
            "raw_path": head.raw_path,
            "query_string": head.query,
            "root_path": self._serving.config.root_path,
            "headers": list(head.headers),
            "client": self._connection.client,
            "server": self._local,
            "state": ConnectionState(self._serving.state.copy()),
            "extensions": extensions,
        }
