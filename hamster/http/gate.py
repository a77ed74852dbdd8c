"""What stands before every answer: whose request it is, and the headers of whatever is answered.

Pure: a request head goes in, a verdict comes out.
"""

import enum
import re
import secrets
from collections.abc import Iterable, Sequence

import attrs

from hamster.http.names import DEFAULT_PORTS, Authority, Origin, parse_authority, parse_origin

Header = tuple[bytes, bytes]

#: The desktop app and its development servers.
DEFAULT_ORIGINS = (
    "http://localhost:1420",
    "http://127.0.0.1:1420",
    "http://localhost:5173",
    "tauri://localhost",
    "http://tauri.localhost",
    "https://tauri.localhost",
)
#: These change nothing. Whatever else comes, also a method nobody has heard of, is taken for a change.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

ALLOWED_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = b"content-type, authorization, x-api-key, x-cache-hit, x-request-id, last-event-id"
EXPOSED_HEADERS = b"content-disposition, x-next-cursor, retry-after, etag, x-request-id"
#: Seconds a browser remembers a preflight: saves most of them, and a changed configuration soon counts.
PREFLIGHT_SECONDS = 600
#: Half a year; a machine that stops using TLS is not locked out for longer.
HSTS = b"max-age=15768000"
#: For our own pages, which load nothing from elsewhere. A page that needs more sends its own policy.
DEFAULT_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"x-xss-protection", b"1; mode=block"),
    (b"referrer-policy", b"no-referrer"),
)


class Refused(enum.Enum):
    """Why a request is turned away. The sentences are in `errors_ko`."""

    TARGET = enum.auto()
    HOST = enum.auto()
    ORIGIN = enum.auto()


@attrs.frozen(kw_only=True)
class GateSettings:
    """Who may ask.

    Attributes:
        allowed_origins: Pages that may read answers, change things and open WebSockets, beside our own.
        allowed_hosts: Names (any port) or `name:port` under which the server is reached, beside loopback
            names and the address a connection came in on. A name listened on belongs here.
        content_security_policy: For pages that bring none of their own.
    """

    allowed_origins: tuple[str, ...] = DEFAULT_ORIGINS
    allowed_hosts: tuple[str, ...] = ()
    content_security_policy: str = DEFAULT_CSP


@attrs.frozen(kw_only=True)
class RequestHead:
    """A request as far as the gate looks.

    Attributes:
        scheme: `http`, `https`, `ws` or `wss`.
        target: The path as sent, still encoded.
        headers: In order, names in lower case.
        local: Address and port on which the connection came in, if it has any.
    """

    scheme: str
    method: str
    target: bytes
    headers: Sequence[Header]
    local: tuple[str, int | None] | None

    @property
    def is_websocket(self) -> bool:
        return self.scheme in {"ws", "wss"}

    @property
    def changes(self) -> bool:
        """It may change something, so whose page sent it matters."""
        return self.is_websocket or self.method not in SAFE_METHODS

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]


@attrs.frozen(kw_only=True)
class Pass:
    """Go on. `headers` belong on the answer, `page_headers` too if it is HTML and has none of that name."""

    request_id: bytes
    headers: tuple[Header, ...]
    page_headers: tuple[Header, ...]


@attrs.frozen(kw_only=True)
class Refusal:
    """Turn it away with `status` and these headers."""

    status: int
    reason: Refused
    request_id: bytes
    headers: tuple[Header, ...]


@attrs.frozen(kw_only=True)
class Preflight:
    """Answer 204 with these headers: a browser asks before it sends the request."""

    request_id: bytes
    headers: tuple[Header, ...]


Verdict = Pass | Refusal | Preflight


class Gate:
    """Decides by the settings it was made with.

    Raises:
        ValueError: An allowed origin or host cannot be read.
    """

    def __init__(self, settings: GateSettings | None = None) -> None:
        settings = settings or GateSettings()
        self._origins = frozenset(_origin_setting(text) for text in settings.allowed_origins)
        self._hosts = frozenset(_host_setting(text) for text in settings.allowed_hosts)
        self._page_headers = ((b"content-security-policy", settings.content_security_policy.encode()),)

    def check(self, head: RequestHead) -> Verdict:
        request_id = _request_id(head)
        origins = head.values(b"origin")
        host = self._host(head)
        known_origin = host is not None and self._is_known(origins, head, host)
        headers = tuple(_answer_headers(head, request_id, origins[0] if known_origin else None))

        if not head.target.startswith(b"/") and not (head.method == "OPTIONS" and head.target == b"*"):
            # `GET http://elsewhere/` and CONNECT are for proxies; the host in the target would count.
            return Refusal(status=400, reason=Refused.TARGET, request_id=request_id, headers=headers)
        if host is None:
            return Refusal(status=403, reason=Refused.HOST, request_id=request_id, headers=headers)
        preflight = _is_preflight(head)
        if origins and not known_origin and (preflight or head.changes):
            return Refusal(status=403, reason=Refused.ORIGIN, request_id=request_id, headers=headers)
        if preflight:
            return Preflight(request_id=request_id, headers=headers + _PREFLIGHT_HEADERS)
        return Pass(request_id=request_id, headers=headers, page_headers=self._page_headers)

    def _host(self, head: RequestHead) -> Authority | None:
        """The host asked for, if it is one of ours: a page elsewhere may have its own name point at us."""
        values = head.values(b"host")
        host = parse_authority(values[0].decode("latin-1")) if len(values) == 1 else None
        if host is None:
            return None
        if host.is_loopback or Authority(host.host, None) in self._hosts or host in self._hosts:
            return host
        return host if self._is_local_address(host, head) else None

    def _is_local_address(self, host: Authority, head: RequestHead) -> bool:
        if head.local is None:
            return False
        address, port = head.local
        local = parse_authority(f"[{address}]" if ":" in address else address)
        asked_port = host.port if host.port is not None else DEFAULT_PORTS.get(head.scheme)
        return local is not None and host.host == local.host and asked_port == port

    def _is_known(self, origins: Sequence[bytes], head: RequestHead, host: Authority) -> bool:
        origin = parse_origin(origins[0].decode("latin-1")) if len(origins) == 1 else None
        return origin is not None and (origin in self._origins or origin == _own_origin(head, host))


def bare_headers() -> tuple[Header, ...]:
    """For an answer to something that could not be read as a request."""
    nothing = RequestHead(scheme="http", method="GET", target=b"/", headers=(), local=None)
    return tuple(_answer_headers(nothing, _request_id(nothing), None))


_PREFLIGHT_HEADERS: tuple[Header, ...] = (
    (b"access-control-allow-methods", ALLOWED_METHODS),
    (b"access-control-allow-headers", ALLOWED_HEADERS),
    (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
)


def _own_origin(head: RequestHead, host: Authority) -> Origin:
    scheme = {"ws": "http", "wss": "https"}.get(head.scheme, head.scheme)
    return Origin(scheme, host.host, host.port if host.port is not None else DEFAULT_PORTS.get(scheme))


def _is_preflight(head: RequestHead) -> bool:
    return (
        head.method == "OPTIONS"
        and not head.is_websocket
        and bool(head.values(b"origin"))
        and bool(head.values(b"access-control-request-method"))
    )


def _answer_headers(head: RequestHead, request_id: bytes, origin: bytes | None) -> Iterable[Header]:
    yield (b"x-request-id", request_id)
    yield from _ALWAYS
    yield (b"vary", b"Origin")
    if head.scheme in {"https", "wss"}:
        yield (b"strict-transport-security", HSTS)
    if origin is not None:
        yield (b"access-control-allow-origin", origin)
        yield (b"access-control-expose-headers", EXPOSED_HEADERS)


def _request_id(head: RequestHead) -> bytes:
    given = head.values(b"x-request-id")
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        return given[0]
    return secrets.token_hex(8).encode()


def _origin_setting(text: str) -> Origin:
    origin = parse_origin(text)
    if origin is None:
        raise ValueError(f"allowed origin is {text!r}; expected scheme://host or scheme://host:port, without a path")
    return origin


def _host_setting(text: str) -> Authority:
    host = parse_authority(f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text)
    if host is None:
        raise ValueError(f"allowed host is {text!r}; expected a name or an address, with or without :port")
    return host
