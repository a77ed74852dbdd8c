"""A typed client of a running WatchHamster, used by the command line, the tests and whoever likes."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

import attrs
import httpx
import msgspec
import trio

if TYPE_CHECKING:
    from trio_websocket import WebSocketConnection

from hamster.actor_models import ActorNode

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""How long an answer may take, beyond what the request itself asks to wait."""
GOODBYE_SECONDS = 1.0
"""How long a server may take to answer our closing: one that ends itself takes no longer, either."""
RELOAD_SECONDS = 600.0
"""How much longer it may take where services are stopped: as long as the longest of their graces."""
LARGEST_FRAME = 16 * 1024 * 1024
"""Bytes: a list of ten thousand services is sent in one."""


@attrs.frozen
class Service:
    """A service as `GET /api/services/` shows it."""

    id: str
    name: str
    description: str
    status: str
    uptime: int | None
    last_error: str | None
    config: dict[str, object]
    state: str
    kind: str
    available: bool
    pid: int | None
    restarts: int
    health: str
    wanted: str
    next_restart_at: str | None
    cpu_percent: float | None
    memory_bytes: int | None
    next_run_at: str | None = None


@attrs.frozen
class Answer:
    """What a command was answered."""

    message: str
    service_id: str


@attrs.frozen
class Several:
    """What a command to several services was answered."""

    message: str
    service_id: str
    results: "list[Result]"


@attrs.frozen
class Reloaded:
    """What a reload changed: ids of services, and the keys that count only once the server is restarted."""

    message: str
    source: str
    added: list[str]
    removed: list[str]
    restarted: list[str]
    changed: list[str]
    later: list[str]
    failed: dict[str, str]
    needs_restart: list[str]
    warnings: list[str]


@attrs.frozen
class Result:
    """What became of one service of a batch."""

    service_id: str
    success: bool
    message: str


@attrs.frozen
class _Results:
    results: list[Result]


@attrs.frozen
class ServiceHappened:
    """One thing that happened to a service, as `GET /api/events` shows it."""

    id: int
    service_id: str
    timestamp: str
    what: str
    old: str | None
    new: str | None
    reason: str
    detail: str
    pid: int | None
    exit_code: int | None
    signal: str | None


@attrs.frozen
class _Happenings:
    events: list[ServiceHappened]


@attrs.frozen
class Frame:
    """A frame of `/ws`."""

    type: str
    data: dict[str, object]
    timestamp: str
    id: str
    seq: int


@attrs.frozen
class FieldProblem:
    """One value that the server could not use."""

    field: str
    message: str


@attrs.frozen
class _Problem:
    detail: str
    errors: list[FieldProblem] = attrs.field(factory=list[FieldProblem])


class ServerUnreachable(Exception):
    """Nothing answers at the address."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"WatchHamster does not answer at {url}: {why}; is it running?")
        self.url = url
        self.why = why


class UnexpectedAnswer(Exception):
    """Something answers at the address, but not as WatchHamster does."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"what answers at {url} is no WatchHamster, or one of another version: {why}")
        self.url = url
        self.why = why


class RequestRefused(Exception):
    """The server answered with an error; `detail` is its sentence, `errors` what it says of single values."""

    def __init__(self, status: int, detail: str, errors: Sequence[FieldProblem] = ()) -> None:
        lines = [f"{detail} ({status})", *(f"  {error.field}: {error.message}" for error in errors)]
        super().__init__("\n".join(lines))
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)


class HamsterClient:
    """Requests to one server. Made by `open_client`."""

    def __init__(self, url: str, http: httpx.AsyncClient, token: str | None = None) -> None:
        self.url = url
        self._http = http
        self._token = token

    async def services(self, *targets: str) -> list[Service]:
        """The services that *targets* name (ids, groups, `tag:NAME`, patterns), all without, in their order.

        Raises:
            RequestRefused: 404, one of them names none.
        """
        return await self._request("GET", _services_path(targets), list[Service])

    async def services_json(self, *targets: str) -> list[dict[str, object]]:
        """`services` with every key that the server sends."""
        return await self._request("GET", _services_path(targets), list[dict[str, object]])

    async def service(self, service_id: str) -> Service:
        """One service.

        Raises:
            RequestRefused: 404, there is no such service.
        """
        return await self._request("GET", f"/api/services/{quote(service_id, safe='')}", Service)

    async def command(self, action: str, service_id: str, *, wait: float = 0.0) -> Answer:
        """`start`, `stop` or `restart`; with *wait* seconds, answered when it has come to its end.

        Raises:
            RequestRefused: 404, there is no such service; 409, it cannot, or has not in time.
        """
        return await self._request(
            "POST",
            f"/api/services/{quote(service_id, safe='')}/{quote(action, safe='')}",
            Answer,
            parameters={"wait": wait},
            wait=wait,
        )

    async def roll(self, target: str, *, parallel: int = 1, wait: float = 0.0) -> Several:
        """Restart what *target* names one behind the other; with *wait* seconds, answered when it is over.

        Raises:
            RequestRefused: 404, nothing is named so; 409, another is on its way, one did not come back, or it has
                not ended in time.
        """
        return await self._request(
            "POST",
            f"/api/services/{quote(target, safe='')}/restart",
            Several,
            parameters={"rolling": True, "parallel": parallel, "wait": wait},
            wait=wait,
        )

    async def reload(self) -> Reloaded:
        """Have the configuration file read again; answered when all is as it says.

        Raises:
            RequestRefused: 400, with every mistake in it; 401 or 403, without the token of the run-time file;
                409, there is no file.
        """
        return await self._request("POST", "/api/system/reload", Reloaded, wait=RELOAD_SECONDS)

    async def add_service(self, keys: Mapping[str, object]) -> str:
        """Add a service that is kept by the server: its `id`, and the keys of hamster.toml. What the answer says.

        Raises:
            RequestRefused: 400, with every key that is wrong; 401 or 403, without the token; 409, there is one.
        """
        return (await self._request("POST", "/api/services/", Answer, body=keys, wait=RELOAD_SECONDS)).message

    async def change_service(self, keys: Mapping[str, object]) -> str:
        """Give a service that was added other keys. Answers and raises as `add_service`; 409: the file has it."""
        path = f"/api/services/{quote(str(keys['id']), safe='')}"
        return (await self._request("PUT", path, Answer, body=keys, wait=RELOAD_SECONDS)).message

    async def remove_service(self, service_id: str) -> str:
        """Remove a service that was added; answered when nothing of it is left.

        Raises:
            RequestRefused: 404, there is none; 409, the file has it, or others depend on it.
        """
        path = f"/api/services/{quote(service_id, safe='')}"
        return (await self._request("DELETE", path, Answer, wait=RELOAD_SECONDS)).message

    async def send_input(self, service_id: str, text: str, *, end: bool = False) -> str:
        """Write *text* to the stdin of a process, and with *end* end that. What the answer says.

        Raises:
            RequestRefused: 401 or 403, without the token; 404, there is no such service; 409, it has no such stdin,
                does not run, or its input has ended; 429, it does not read.
        """
        path = f"/api/services/{quote(service_id, safe='')}/input"
        return (await self._request("POST", path, Answer, body={"text": text, "end": end})).message

    async def batch(self, action: str, *patterns: str) -> list[Result]:
        """One command to all services that match *patterns*."""
        body = {"actions": [{"action": action, "service_id": pattern} for pattern in patterns]}
        return (await self._request("POST", "/api/services/batch", _Results, body=body)).results

    async def service_events(
        self, service_id: str | None = None, *, limit: int = 100, before: int | None = None, what: str | None = None
    ) -> list[ServiceHappened]:
        """What happened to a service, or to all, the newest first; of these kinds (with commas between) or all.

        Raises:
            RequestRefused: 404, there is and was no such service.
        """
        path = "/api/events" if service_id is None else f"/api/services/{quote(service_id, safe='')}/events"
        parameters: dict[str, float | str] = {"limit": limit}
        if before is not None:
            parameters["before"] = before
        if what is not None:
            parameters["what"] = what
        return (await self._request("GET", path, _Happenings, parameters=parameters)).events

    async def uptime(self, service_id: str) -> dict[str, object]:
        """Percent of the last `24h`, `7d` and `30d` that a service was up, None where it was not watched.

        Raises:
            RequestRefused: 404, there is no such service.
        """
        return await self._request("GET", f"/api/services/{quote(service_id, safe='')}/uptime", dict[str, object])

    async def get(self, path: str, kind: type[T]) -> T:
        """What `GET` of *path* answers, as *kind*; further keys are left out.

        Raises:
            RequestRefused: The server answered with an error.
        """
        return await self._request("GET", path, kind)

    async def post(
        self, path: str, kind: type[T], *, body: Mapping[str, object] | None = None, wait: float = RELOAD_SECONDS
    ) -> T:
        """What `POST` of *path*, with *body* in JSON, answers within *wait* seconds and some. Raises as `get`."""
        return await self._request("POST", path, kind, body=body, wait=wait)

    @property
    def http(self) -> httpx.AsyncClient:
        """For answers that come bit by bit."""
        return self._http

    async def metrics(self) -> dict[str, object]:
        """The newest sample."""
        return await self._request("GET", "/api/metrics/", dict[str, object])

    async def actors(self) -> ActorNode:
        """The tree of actors."""
        return await self._request("GET", "/api/actors", ActorNode)

    @asynccontextmanager
    async def events(self, *event_types: str) -> AsyncGenerator["Events", None]:
        """The frames of `/ws` while the block runs: all default types, or those named.

        Raises:
            ServerUnreachable: Nothing answers, or not with a WebSocket.
        """
        async with _websocket(self.url, self._token) as connection:
            if event_types:
                wanted = {"type": "subscribe", "data": {"event_types": event_types}}
                await connection.send_message(msgspec.json.encode(wanted).decode())
            yield Events(self.url, connection)

    async def _request(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        parameters: Mapping[str, float | bool | str] | None = None,
        body: object = None,
        wait: float = 0.0,
    ) -> T:
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            with trio.fail_after(ANSWER_SECONDS + wait):
                answer = await self._http.request(
                    method,
                    self.url + path,
                    params=parameters,
                    content=content,
                    headers=headers,
                )
        except (httpx.HTTPError, httpx.InvalidURL, trio.TooSlowError) as error:
            raise ServerUnreachable(self.url, str(error) or "no answer in time") from None
        if answer.is_success:
            return self._decoded(answer.content, kind)
        problem = self._decoded(answer.content, _Problem)
        raise RequestRefused(answer.status_code, problem.detail, problem.errors)

    def _decoded(self, content: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnexpectedAnswer(self.url, str(error)) from None


class Events:
    """Frames as they come; an async iterator that ends with the connection."""

    def __init__(self, url: str, connection: "WebSocketConnection") -> None:
        self._url = url
        self._connection = connection

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Frame:
        from trio_websocket import ConnectionClosed  # as in `HamsterClient.events`

        try:
            message = await self._connection.get_message()
        except ConnectionClosed:
            raise StopAsyncIteration from None
        try:
            return msgspec.json.decode(message, type=Frame)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswer(self._url, str(error)) from None


def _services_path(targets: Sequence[str]) -> str:
    return "/api/services/" + ("?" + urlencode([("target", target) for target in targets]) if targets else "")


@asynccontextmanager
async def open_client(url: str, *, token: str | None = None) -> AsyncGenerator[HamsterClient, None]:
    """A client of the server at *url*, which is looked for directly, whatever proxies the environment names.

    Args:
        url: Its address.
        token: That of its run-time file, which lets us have commands run.
    """
    async with httpx.AsyncClient(trust_env=False, timeout=None) as http:  # noqa: S113 - each request has its deadline
        yield HamsterClient(url.rstrip("/"), http, token)


@asynccontextmanager
async def _websocket(url: str, token: str | None = None) -> AsyncGenerator["WebSocketConnection", None]:
    """A connection to `/ws` of the server at *url*.

    trio-websocket's own way to open one leaves the socket open when the handshake fails or the server closes first.
    """
    # Imported here: most commands need no WebSocket, and its library takes as long to import as all of theirs.
    import trio_websocket

    headers = [] if token is None else [(b"Authorization", f"Bearer {token}".encode())]
    try:
        async with await _stream(url) as stream, trio.open_nursery() as nursery:
            try:
                with trio.fail_after(ANSWER_SECONDS):
                    connection = await trio_websocket.wrap_client_stream(
                        nursery,
                        stream,
                        urlsplit(url).netloc,
                        "/ws",
                        max_message_size=LARGEST_FRAME,
                        extra_headers=headers,
                    )
            except (trio_websocket.HandshakeError, trio.TooSlowError, trio.BrokenResourceError) as error:
                raise ServerUnreachable(url, str(error) or "no answer in time") from None
            try:
                yield connection
            finally:
                with trio.move_on_after(GOODBYE_SECONDS, shield=True):
                    await connection.aclose()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        single = _single(group)
    else:
        return
    # Outside the handler, which would put the group into the context of what is raised.
    if isinstance(single, trio_websocket.ConnectionRejected):  # raised by the task that reads
        raise ServerUnreachable(url, f"no WebSocket there, status {single.status_code}")
    raise single


async def _stream(url: str) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address like http://127.0.0.1:8000")
        with trio.fail_after(ANSWER_SECONDS):
            if parts.scheme == "https":
                stream = await trio.open_ssl_over_tcp_stream(parts.hostname, parts.port or 443, https_compatible=True)
                await stream.do_handshake()
                return stream
            return await trio.open_tcp_stream(parts.hostname, parts.port or 80)
    except (OSError, ValueError, trio.TooSlowError, trio.BrokenResourceError) as error:
        raise ServerUnreachable(url, str(error) or "no answer in time") from None


def _single(error: BaseException) -> BaseException:
    """The one exception in *error*; a group of several stays a group."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    group = cast("BaseExceptionGroup[BaseException]", error)
    return _single(group.exceptions[0]) if len(group.exceptions) == 1 else group
