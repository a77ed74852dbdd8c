"""One exchange over HTTP/1.1, bounded in every direction: what a look at a web page is made of.

httpx's transport speaks HTTP; the rest is done here, because a client's own way has no bound: it decodes a body of any
size, and resolves names in Trio's 40 threads, which a dead name server would fill.
"""

import base64
import errno
import math
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol, cast
from urllib.parse import unquote

import attrs
import httpx
import trio

from actors.services.probing.body import Body
from actors.services.probing.connecting import (
    Address,
    certificate_of,
    reasons,
    resolve,
    shown_address,
    tls_context,
    tls_reason,
)
from actors.services.probing.looks import OURS, LookFailed, Progress

REDIRECTS = frozenset({301, 302, 303, 307, 308})
DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


# Its transport's own modules, which httpx imports at the first use: now, while this one is imported in a thread.
httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)

ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=0)
LEAST_CONNECT = 0.05
"""Seconds that each address has to accept a connection, however many there are."""


@attrs.frozen(kw_only=True)
class Request:
    """What is asked for, and how much is taken for an answer."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: bytes | None = None
    redirects: int = 0
    """How many are followed; with 0 a redirect is the answer."""
    verify: bool = True
    ca_file: str | None = None
    max_body: int = 1024 * 1024
    """Bytes of the body that are read, counted as they are after decoding."""


@attrs.frozen(kw_only=True)
class Answer:
    """What was answered, at the end of all redirects."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case; of several of one name the last."""
    body: bytes
    """Decoded."""
    cut: bool
    """The body is longer than what was to be read."""
    encoding: str
    """What the body is still encoded with; empty for nothing."""
    url: str
    """Where it came from, without what may be secret in it: user, password and query."""
    redirects: int
    """How many were followed."""
    certificate: bytes | None
    """The server's, in DER; None without TLS."""

    def text(self) -> str:
        """The body as text; what is no text in the charset that it claims is replaced."""
        charset = "utf-8"
        for parameter in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                charset = value.strip(" \"'")
        try:
            return self.body.decode(charset, errors="replace")
        except (LookupError, ValueError):  # an unknown charset, or a codec that is none for text
            return self.body.decode("utf-8", errors="replace")


async def fetch(request: Request, progress: Progress) -> Answer:
    """The answer to *request*. Takes as long as its caller lets it.

    Raises:
        LookFailed: There is none, or none that is HTTP; `progress` says how far it came.
    """
    followed = 0
    while True:
        try:
            url = httpx.URL(request.url)
        except httpx.InvalidURL as error:
            raise LookFailed(f"the address cannot be read: {error}") from error
        answer, location = await _exchange(request, url, progress, followed)
        if location is None or answer.status not in REDIRECTS or request.redirects == 0:
            return answer
        if followed == request.redirects:
            raise LookFailed(f"more than {followed} redirects, the last to {location.partition('?')[0]!r}")
        request = _redirected(request, url, answer.status, location)
        followed += 1


def _redirected(request: Request, url: httpx.URL, status: int, location: str) -> Request:
    """What to ask for after a redirect."""
    try:
        target = url.join(location)
    except (httpx.InvalidURL, ValueError) as error:
        raise LookFailed(f"redirected to {location.partition('?')[0]!r}, which is no address") from error
    if target.scheme not in DEFAULT_PORTS or not target.host:
        raise LookFailed(f"redirected to {location.partition('?')[0]!r}, which is neither http nor https")
    changes: dict[str, object] = {"url": str(target)}
    if (status == 303 and request.method != "HEAD") or (status in (301, 302) and request.method == "POST"):
        changes |= {"method": "GET", "body": None}
    if _origin(target) != _origin(url):
        changes["headers"] = {}  # whatever secret is among them was meant for the first one
    return attrs.evolve(request, **changes)


def without_secrets(url: httpx.URL) -> str:
    """*url* as it may be told."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _exchange(request: Request, url: httpx.URL, progress: Progress, followed: int) -> tuple[Answer, str | None]:
    """One request and its answer, and where a redirect leads."""
    host, port = url.raw_host.decode("ascii"), url.port or DEFAULT_PORTS[url.scheme]
    began = trio.current_time()
    progress.doing = f"resolving {host}"
    addresses = await resolve(host, port)
    tls = url.scheme == "https"
    context = await tls_context(verify=request.verify and tls, ca_file=request.ca_file)
    failures: list[tuple[str, OSError]] = []
    for number, address in enumerate(addresses):
        visit = _Visit(url, address, progress, began)
        seconds = _share(len(addresses) - number)
        transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=ONE_CONNECTION)
        try:
            async with transport:
                return await _ask(transport, request, visit, seconds, followed)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if visit.connected:
                raise LookFailed(f"no TLS with {host}: {tls_reason(_cause(error))}") from error
            failures.append((str(address[-1][0]), _os_error(error)))
        finally:
            with trio.CancelScope(shield=True):  # closes at once: nothing is said goodbye to
                await visit.close()
    where = shown_address(host, port)
    ours = all(error.errno in OURS for _, error in failures)
    raise LookFailed(f"cannot connect to {where}: {reasons(failures)}", ours=ours)


def _share(left: int) -> float | None:
    """The seconds that one of *left* addresses may take to accept a connection; None for whatever there is."""
    remaining = trio.current_effective_deadline() - trio.current_time()
    return None if left == 1 or remaining == math.inf else max(LEAST_CONNECT, remaining / left)


class _Closes(Protocol):
    async def aclose(self) -> None: ...


@attrs.define(eq=False)
class _Visit:
    """One address that is asked: how far it came, as the transport tells."""

    url: httpx.URL
    address: Address
    progress: Progress
    began: float
    connection: _Closes | None = None

    @property
    def connected(self) -> bool:
        """It has accepted a connection."""
        return self.connection is not None

    async def told(self, event: str, info: Mapping[str, Any]) -> None:
        """What httpx calls its `trace` extension."""
        took = round(trio.current_time() - self.began, 6)
        match event:
            case "connection.connect_tcp.started":
                self.progress.doing = f"connecting to {shown_address(str(self.address[-1][0]), self.address[-1][1])}"
            case "connection.connect_tcp.complete":
                self.connection = info["return_value"]
                self.progress.figures["connect_s"] = took
            case "connection.start_tls.started":
                self.progress.doing = f"agreeing on TLS with {self.url.host}"
            case "connection.start_tls.complete":
                self.progress.figures["tls_s"] = took
            case "http11.send_request_headers.started":
                self.progress.doing = f"sending the request to {self.url.host}"
            case "http11.receive_response_headers.started":
                self.progress.doing = f"waiting for the answer of {self.url.host}"
            case "http11.receive_response_headers.complete":
                self.progress.figures["first_byte_s"] = took
            case _:
                pass

    async def close(self) -> None:
        """Close the connection: when it is cancelled in the middle of TLS, the transport forgets to."""
        if self.connection is not None:
            await self.connection.aclose()


async def _ask(
    transport: httpx.AsyncHTTPTransport, request: Request, visit: _Visit, connect_seconds: float | None, followed: int
) -> tuple[Answer, str | None]:
    progress, host = visit.progress, visit.url.host
    try:
        response = await transport.handle_async_request(_message(request, visit, connect_seconds))
        if response.status_code < 200:
            raise LookFailed(f"{host} answers {response.status_code}, which was not asked for")
        location = response.headers.get("location")
        redirects = response.status_code in REDIRECTS and location is not None and request.redirects > 0
        body = Body(0 if redirects else request.max_body, response.headers.get("content-encoding", ""))
        await _read(response, body, visit)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise
    except httpx.RemoteProtocolError as error:
        raise LookFailed(f"what {host} answers is no HTTP: {error}") from error
    except httpx.TransportError as error:
        raise LookFailed(f"the connection broke, {progress.doing}: {_cause(error)}") from error
    certificate = None
    if visit.url.scheme == "https":
        certificate = certificate_of(response.extensions["network_stream"].get_extra_info("ssl_object"))
    answer = Answer(
        status=response.status_code,
        headers=response.headers,
        body=bytes(body.taken),
        cut=body.cut,
        encoding=body.left,
        url=without_secrets(visit.url),
        redirects=followed,
        certificate=certificate,
    )
    return answer, location


def _message(request: Request, visit: _Visit, connect_seconds: float | None) -> httpx.Request:
    """*request* for the address of *visit*, in the name of its host.

    Raises:
        LookFailed: It cannot be written down.
    """
    url = visit.url
    headers = {"host": url.netloc.decode("ascii"), "user-agent": "WatchHamster", "accept": "*/*"}
    headers |= {"accept-encoding": "gzip, deflate"}
    if url.username or url.password:
        pair = f"{unquote(url.username)}:{unquote(url.password)}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    if request.body is not None:
        headers["content-length"] = str(len(request.body))
    headers |= {name.lower(): value for name, value in request.headers.items()} | {"connection": "close"}
    extensions = {
        "sni_hostname": url.raw_host.decode("ascii"),
        "timeout": {"connect": connect_seconds},  # the whole is bounded by whoever called
        "trace": visit.told,
    }
    try:
        return httpx.Request(
            request.method,
            url.copy_with(host=str(visit.address[-1][0])),
            headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            stream=_Once(request.body or b""),
            extensions=extensions,
        )
    except (httpx.InvalidURL, ValueError) as error:
        raise LookFailed(f"the request cannot be made: {error}") from error


async def _read(response: httpx.Response, body: Body, visit: _Visit) -> None:
    """Read the body until it ends, or there is enough of it."""
    visit.progress.doing = "waiting for the body"
    if body.full:
        return
    parts = response.aiter_raw()
    try:
        async for data in parts:
            body.take(data)
            visit.progress.doing = f"reading the body, of which {len(body.taken):,} bytes have come"
            if body.full:
                break
        else:
            body.end()
    finally:
        # The transport's generators must come to their end here, not when they are collected.
        await visit.close()
        with suppress(httpx.TransportError):
            async for _ in parts:
                pass


class _Once(httpx.AsyncByteStream):
    """A body to send. Not httpx's own: that one is a generator, and left alone when a server answers early."""

    def __init__(self, body: bytes) -> None:
        self._left = [body]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """*error* and what caused it, the innermost last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        if isinstance(found, BaseExceptionGroup):
            found = cast("BaseException", found.exceptions[0])
        else:
            found = found.__cause__ or found.__context__


def _cause(error: BaseException) -> BaseException:
    """What the system said."""
    causes = list(_causes(error))
    return next((cause for cause in reversed(causes) if isinstance(cause, OSError) and cause.errno), causes[-1])


def _os_error(error: BaseException) -> OSError:
    cause = _cause(error)
    return cause if isinstance(cause, OSError) else OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
