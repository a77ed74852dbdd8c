"""The Quart application: errors in the contract's form, JSON by msgspec, and the gate in front."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec
from flask.typing import RouteCallable
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from quart import Response, has_websocket_context, request, websocket
from quart.json.provider import JSONProvider
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, NotFound

from hamster.http import errors_ko
from hamster.http.bodies import BodyLimits
from hamster.http.enforcing import Enforcement
from hamster.http.errors_ko import ErrorTable
from hamster.http.frontend import Frontend
from hamster.http.gate import Gate
from hamster.http.gate_asgi import GatedApp, StoppingSwitch
from hamster.http.incoming import decode_json
from hamster.http.problems import HttpProblem, InvalidRequest
from hamster.http.ready import ReadyAnswers
from hamster.http.snapshots import SnapshotApp, Snapshots
from hamster.server import only_client_gone

#: The version of the API, not of the product.
API_VERSION = "1.0.0"
SERVICE_NAME = "WatchHamster Backend"

T = TypeVar("T")
Registration = Callable[[QuartTrio], None]

log = logging.getLogger(__name__)


class HamsterApp(QuartTrio):
    """QuartTrio behind the gate."""

    def __init__(
        self,
        *,
        gate: Gate,
        stopping: StoppingSwitch,
        bodies: BodyLimits,
        enforcement: Enforcement | None,
        snapshots: Snapshots,
    ) -> None:
        super().__init__(__name__, static_folder=None)
        self.stopping = stopping
        inner = SnapshotApp(super().asgi_app, snapshots)
        self._gated = GatedApp(inner, gate, stopping=stopping, bodies=bodies, enforcement=enforcement)
        self.ready = ReadyAnswers(snapshots, gate, enforcement)
        """For a server that can answer without asking us."""

    async def asgi_app(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await self._gated(scope, receive, send)

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: object,
    ) -> None:
        """Quart's, for the path with and without its slash, whichever *rule* is written with.

        `strict_slashes=True` is for the path exactly as written; the other spelling needs a rule of its own.
        """
        if not options.get("strict_slashes") and rule != "/":
            # Werkzeug finds a leaf with a slash too, but a branch without it neither for OPTIONS nor for 405.
            rule = rule.rstrip("/")
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)


class MsgspecProvider(JSONProvider):
    """JSON for Quart: attrs classes as they are, UTF-8, nothing escaped."""

    def dumps(self, obj: object, **kwargs: object) -> str:
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **kwargs: object) -> object:
        return msgspec.json.decode(s)


def make_app(
    registrations: Sequence[Registration] = (),
    *,
    gate: Gate | None = None,
    stopping: StoppingSwitch | None = None,
    errors: ErrorTable | None = None,
    bodies: BodyLimits | None = None,
    frontend: Frontend | None = None,
    enforcement: Enforcement | None = None,
    snapshots: Snapshots | None = None,
) -> HamsterApp:
    """An application with `/`, `/health` and what *registrations* add.

    Args:
        registrations: Each adds the routes of one resource.
        gate: Decides who may ask; by default loopback names and the desktop app's origins.
        stopping: While on, changes are answered with 503.
        errors: Which domain error is answered how.
        bodies: Largest request bodies.
        frontend: Answers what nothing else does.
        enforcement: Of credentials, scopes and rates; None: everybody whom the gate lets pass may do everything.
    """
    limits = bodies or BodyLimits()
    stopping = stopping or StoppingSwitch()
    app = HamsterApp(
        gate=gate or Gate(),
        stopping=stopping,
        bodies=limits,
        enforcement=enforcement,
        snapshots=snapshots or Snapshots({}),
    )
    app.json = MsgspecProvider(app)
    # An event stream has no end; a client that takes nothing is the server's to disconnect.
    app.config["RESPONSE_TIMEOUT"] = None
    # The body has arrived, within the limits, before Quart sees the request.
    app.config["BODY_TIMEOUT"] = limits.arrival_seconds
    app.config["MAX_CONTENT_LENGTH"] = limits.large
    app.config["PROPAGATE_EXCEPTIONS"] = False
    # One handler for a path with and without its slash, and no redirects: a redirected POST loses its body.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    _answer_errors(app, errors or ErrorTable(), frontend)
    if frontend is None:
        _register_root(app)
    _register_health(app)
    for register in registrations:
        register(app)
    return app


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """*value* as JSON: attrs classes, mappings, sequences and plain values."""
    return Response(msgspec.json.encode(value), status, dict(headers or {}), content_type="application/json")


async def json_body(kind: type[T]) -> T:
    """The current request's body as *kind*.

    Raises:
        HttpProblem: 415, the body is not JSON.
        InvalidRequest: Not JSON, or not of that kind; names the field.
    """
    body: bytes = await request.get_data(cache=True, as_text=False, parse_form_data=False)
    return decode_json(body, kind, content_type=request.headers.get("content-type"))


def request_id() -> str:
    """The id of the current request, which its answer carries and the log should."""
    current = websocket if has_websocket_context() else request
    return current.headers["x-request-id"]


def _register_root(app: QuartTrio) -> None:
    root = msgspec.json.encode({"message": SERVICE_NAME, "docs": "/docs", "health": "/health"})

    async def get_root() -> Response:
        return Response(root, content_type="application/json")

    app.add_url_rule("/", "root", get_root, methods=["GET"], strict_slashes=True)


def _register_health(app: QuartTrio) -> None:
    health = msgspec.json.encode({"status": "healthy", "service": SERVICE_NAME, "version": API_VERSION})

    async def get_health() -> Response:
        return Response(health, content_type="application/json")

    app.add_url_rule("/health", "health", get_health, methods=["GET"])


def _answer_errors(app: QuartTrio, table: ErrorTable, frontend: Frontend | None) -> None:
    async def on_error(error: Exception) -> Response:
        page = await _page(error, frontend)
        if page is not None:
            return page
        match error:
            case InvalidRequest():
                return _error_response(error.status, error.detail, error.headers, errors=error.problems)
            case HttpProblem():
                return _error_response(error.status, error.detail, error.headers)
            case HTTPException():
                return _http_exception(error)
            case _ if only_client_gone(error):
                return _error_response(503)  # nobody is there to get it, and nothing went wrong
            case _:
                found = table.find(error)
        if found is not None:
            return _error_response(*found, {"Retry-After": "1"} if found[0] == 429 else None)
        current = websocket if has_websocket_context() else request
        log.error("request.failed request_id=%s path=%r", request_id(), current.path, exc_info=error)
        return _error_response(500, request_id=request_id())

    app.register_error_handler(Exception, on_error)


async def _page(error: Exception, frontend: Frontend | None) -> Response | None:
    """What the frontend has where there is no route of ours."""
    if frontend is None or not isinstance(error, NotFound) or has_websocket_context():
        return None
    if request.method not in ("GET", "HEAD") or not frontend.concerns(request.path):
        return None
    try:
        return await frontend.answer(request.path)
    except HttpProblem as problem:  # we are in the handler of errors: nobody else answers it
        return _error_response(problem.status, problem.detail, problem.headers)


def _http_exception(error: HTTPException) -> Response:
    # Werkzeug's descriptions are English. Of its headers, Allow, Retry-After and Content-Range are useful.
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    status = error.code or 500
    return _error_response(status, None, headers)


def _error_response(
    status: int, detail: str | None = None, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    body = errors_ko.error_body(status, detail, **more)
    return Response(body, status, dict(headers or {}), content_type="application/json")
