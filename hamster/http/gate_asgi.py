"""The gate in front of an ASGI application, so that it holds whatever the application does."""

import logging
from collections.abc import Iterable, Sequence

import attrs
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
    WebsocketScope,
)

from actors.runtime import CORRELATION
from hamster.http import errors_ko
from hamster.http.bodies import BodyFault, BodyLimits, announces_body, discard_body, read_body, replay
from hamster.http.enforcing import Enforcement
from hamster.http.gate import SAFE_METHODS, Gate, Header, Pass, Preflight, Refusal, RequestHead, Verdict, bare_headers
from hamster.security import Denied
from hamster.server import only_client_gone

#: RFC 6455, 7.4.1: the server met something unexpected.
INTERNAL_ERROR = 1011
#: The same, 7.4.1: what the socket was opened with does not hold any more.
POLICY_VIOLATION = 1008

log = logging.getLogger(__name__)


@attrs.define
class StoppingSwitch:
    """While on, changes are answered with 503; reads and open sockets go on."""

    on: bool = False


class GatedApp:
    """Lets requests through to *app* by the verdicts of *gate*, and completes every answer's headers."""

    def __init__(
        self,
        app: ASGIFramework,
        gate: Gate,
        *,
        stopping: StoppingSwitch | None = None,
        bodies: BodyLimits | None = None,
        enforcement: Enforcement | None = None,
    ) -> None:
        """*enforcement* None: whoever the gate lets pass may do everything."""
        self._app = app
        self._gate = gate
        self._enforcement = enforcement
        self._stopping = stopping or StoppingSwitch()
        self._bodies = bodies or BodyLimits()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        head = _head(scope, scope["method"])
        verdict = self._gate.check(head)
        answer = _HttpAnswer(send, verdict)
        if self._enforcement is not None and isinstance(verdict, Pass):
            await self._enforced_http(self._enforcement, scope, head, receive, answer, verdict)
            return
        await self._answer_http(scope, receive, answer, verdict)

    async def _enforced_http(
        self,
        enforcement: Enforcement,
        scope: HTTPScope,
        head: RequestHead,
        receive: ASGIReceiveCallable,
        answer: "_HttpAnswer",
        verdict: Pass,
    ) -> None:
        decision = enforcement.check(scope, head, verdict.request_id)
        if isinstance(decision, Denied):
            # Before the body is read: nobody has us keep one who may not send it.
            detail = errors_ko.DENIED_TEXT[decision.reason]
            unread = announces_body(scope)
            close = unread and scope["http_version"].startswith("1")
            await answer.error(decision.status, detail, headers=decision.headers, close=close, finish=not unread)
            if unread:
                await discard_body(receive, self._bodies)
                await answer.finish()
            return
        with enforcement.answering(decision, scope, verdict.request_id, answer):
            await self._answer_http(scope, receive, answer, verdict)
        if answer.started and not answer.ended:
            await answer.finish()  # a stream whose credential ended

    async def _answer_http(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, answer: "_HttpAnswer", verdict: Verdict
    ) -> None:
        if announces_body(scope):
            body = await read_body(scope, receive, self._bodies)
            if isinstance(body, BodyFault):
                await self._body_fault(body, scope, receive, answer)
                return
            receive = replay(body, receive)
        match verdict:
            case Refusal():
                await answer.error(verdict.status, errors_ko.REFUSED_TEXT[verdict.reason])
            case Preflight():
                await answer.whole(204, [])
            case Pass() if scope["raw_path"] == b"*":
                await answer.whole(204, [(b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")])
            case Pass() if "//" in scope["path"]:
                await answer.error(404)  # Werkzeug would take some of them for the path without the empty part
            case Pass() if self._stopping.on and scope["method"] not in SAFE_METHODS:
                await answer.error(503, errors_ko.STOPPING)
            case Pass():
                await self._pass_http(scope, receive, answer, verdict)

    async def _pass_http(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, answer: "_HttpAnswer", verdict: Pass
    ) -> None:
        inner = scope.copy()
        inner["headers"] = _with_request_id(scope["headers"], verdict.request_id)
        # What this request makes actors do carries its id: in their log lines, and in a trace of their messages.
        CORRELATION.set(verdict.request_id.decode())
        try:
            await self._app(inner, receive, answer.send)
        except Exception as error:  # Whatever the application raises, the client gets an answer.
            if only_client_gone(error):
                raise
            _log_failure(verdict, scope["method"], scope["path"], error)
            if not answer.started:
                await answer.error(500, request_id=verdict.request_id.decode())

    async def _body_fault(
        self, fault: BodyFault, scope: HTTPScope, receive: ASGIReceiveCallable, answer: "_HttpAnswer"
    ) -> None:
        if fault is BodyFault.CLIENT_LEFT:
            return
        detail = None
        if fault is BodyFault.TOO_LARGE:
            limit = self._bodies.for_path(scope["path"])
            detail = errors_ko.BODY_TOO_LARGE.format(limit_kib=limit // 1024)
        # The rest of the body is on its way, so HTTP/1 cannot use the connection for another request. HTTP/2
        # can, and forbids the header.
        await answer.error(fault.value, detail, close=scope["http_version"].startswith("1"), finish=False)
        await discard_body(receive, self._bodies)
        await answer.finish()

    async def _websocket(self, scope: WebsocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        head = _head(scope, "GET")
        verdict = self._gate.check(head)
        answer = _WebSocketAnswer(send, verdict)
        if isinstance(verdict, Refusal):
            await answer.error(verdict.status, errors_ko.REFUSED_TEXT[verdict.reason])
            return
        enforcement = self._enforcement
        if enforcement is None or not isinstance(verdict, Pass):
            await self._pass_websocket(scope, receive, answer, verdict)
            return
        decision = enforcement.check(scope, head, verdict.request_id)
        if isinstance(decision, Denied):
            await answer.error(decision.status, errors_ko.DENIED_TEXT[decision.reason], headers=decision.headers)
            return
        answer.subprotocol = decision.subprotocol
        with enforcement.answering(decision, scope, verdict.request_id, answer):
            await self._pass_websocket(scope, receive, answer, verdict)
            return
        await answer.end(POLICY_VIOLATION)  # its credential ended

    async def _pass_websocket(
        self, scope: WebsocketScope, receive: ASGIReceiveCallable, answer: "_WebSocketAnswer", verdict: Verdict
    ) -> None:
        inner = scope.copy()
        inner["headers"] = _with_request_id(scope["headers"], verdict.request_id)
        # What this request makes actors do carries its id: in their log lines, and in a trace of their messages.
        CORRELATION.set(verdict.request_id.decode())
        try:
            await self._app(inner, receive, answer.send)
        except Exception as error:  # Whatever the application raises, the client gets an answer.
            if only_client_gone(error):
                raise
            _log_failure(verdict, "WEBSOCKET", scope["path"], error)
            await answer.fail(verdict.request_id.decode())


class _HttpAnswer:
    """The answer to one request, completed with the gate's headers."""

    def __init__(self, send: ASGISendCallable, verdict: Verdict) -> None:
        self._send = send
        self._verdict = verdict
        self.started = False
        self.ended = False
        self.status = 0

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = completed(message.get("headers", ()), self._verdict)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended = True
        await self._send(message)

    async def whole(self, status: int, headers: Sequence[Header]) -> None:
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.finish()

    async def error(
        self,
        status: int,
        detail: str | None = None,
        *,
        headers: Sequence[Header] = (),
        close: bool = False,
        finish: bool = True,
        **more: object,
    ) -> None:
        own, body = _error(status, detail, **more)
        headers = [*own, *headers]
        if close:
            headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        if finish:
            await self.finish()

    async def finish(self) -> None:
        self.ended = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class _WebSocketAnswer:
    """The same for a WebSocket, which is answered with HTTP until it is accepted."""

    def __init__(self, send: ASGISendCallable, verdict: Verdict) -> None:
        self._send = send
        self._verdict = verdict
        self._accepted = False
        self._answered = False
        self.status = 101
        self.subprotocol: bytes | None = None
        """To be accepted with."""

    async def send(self, message: ASGISendEvent) -> None:
        match message["type"]:
            case "websocket.accept":
                self._accepted = True
                if self.subprotocol is not None and message.get("subprotocol") is None:
                    message["subprotocol"] = self.subprotocol.decode()
                message["headers"] = completed(message.get("headers", ()), self._verdict)
            case "websocket.http.response.start":
                self._answered = True
                self.status = message["status"]
                message["headers"] = completed(message.get("headers", ()), self._verdict)
            case "websocket.close":
                if not self._accepted:
                    # Closing before accepting means 403, which Hypercorn would send without a word.
                    await self.error(403)
                    return
                self._answered = True
            case _:
                pass
        await self._send(message)

    async def error(
        self, status: int, detail: str | None = None, *, headers: Sequence[Header] = (), **more: object
    ) -> None:
        own, body = _error(status, detail, **more)
        await self.send({"type": "websocket.http.response.start", "status": status, "headers": [*own, *headers]})
        await self._send({"type": "websocket.http.response.body", "body": body, "more_body": False})

    async def end(self, code: int) -> None:
        if self._accepted and not self._answered:
            self._answered = True
            await self._send({"type": "websocket.close", "code": code, "reason": None})

    async def fail(self, request_id: str) -> None:
        if self._answered:
            return
        if self._accepted:
            await self.end(INTERNAL_ERROR)
        else:
            await self.error(500, request_id=request_id)


def wire_error(status: int) -> tuple[Sequence[Header], bytes]:
    """The answer to what never reaches the application: a broken request, or too many connections."""
    detail = errors_ko.TOO_MANY_CONNECTIONS if status == 503 else None
    headers, body = _error(status, detail)
    return [*(header for header in headers if header[0] != b"content-length"), *bare_headers()], body


def _error(status: int, detail: str | None, **more: object) -> tuple[list[Header], bytes]:
    body = errors_ko.error_body(status, detail, **more)
    return [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))], body


def completed(given: Iterable[Header], verdict: Verdict) -> list[Header]:
    """The application's headers with the gate's, which win; what the answer varies by is both."""
    ours = {name for name, _ in verdict.headers}
    kept: list[Header] = []
    varies: list[bytes] = []
    page = False
    for name, value in given:
        lower = name.lower()
        if lower == b"vary":
            varies += [part.strip() for part in value.split(b",")]
        elif lower not in ours:
            kept.append((lower, value))
        if lower == b"content-type" and value.lower().startswith(b"text/html"):
            page = True
    for name, value in verdict.headers:
        if name == b"vary":
            varies = [*(part.strip() for part in value.split(b",")), *varies]
        else:
            kept.append((name, value))
    kept.append((b"vary", b", ".join({part.lower(): part for part in varies if part}.values())))
    if page and isinstance(verdict, Pass):
        present = {name for name, _ in kept}
        kept += [header for header in verdict.page_headers if header[0] not in present]
    return kept


def _head(scope: HTTPScope | WebsocketScope, method: str) -> RequestHead:
    return RequestHead(
        scheme=scope["scheme"],
        method=method,
        target=scope["raw_path"],
        headers=list(scope["headers"]),
        local=scope["server"],
    )


def _with_request_id(headers: Iterable[Header], request_id: bytes) -> list[Header]:
    """The request's headers, with the id that is in the answer and in the log."""
    return [*(header for header in headers if header[0] != b"x-request-id"), (b"x-request-id", request_id)]


def _log_failure(verdict: Verdict, method: str, path: str, error: Exception) -> None:
    log.error(
        "request.failed request_id=%s method=%s path=%r",
        verdict.request_id.decode(),
        method,
        path,
        exc_info=error,
    )
