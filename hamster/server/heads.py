"""Heads of HTTP/1 requests: parsed by httptools, and more strictly than it asks for. Pure: bytes in, a `Head` out."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

import attrs
import httptools

CHUNKED = -1
"""Instead of a body's length: it comes in chunks, and its end says so."""
END = b"\r\n\r\n"
"""Of a head."""
MOST_CONTENT = 20
"""Digits of a length: they hold any size there is."""

_BARE_LF = re.compile(rb"(?<!\r)\n")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) [\x21-\x7e]+ HTTP/[0-9]\.[0-9]\r\n")
_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
_HANDED_OVER = frozenset({b"websocket", b"h2c"})


class BadHead(Exception):
    """A head that is not to be served; the connection ends with the answer.

    Attributes:
        status: 400, or more exactly 431, 501 or 505.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{reason}; answered with {status}")
        self.status = status


@attrs.frozen(kw_only=True)
class Head:
    """The head of a request.

    Attributes:
        target: As sent, still encoded.
        path: The target up to the question mark, decoded.
        raw_path: The same, still encoded.
        query: What is behind the question mark.
        version: `1.0` or `1.1`.
        headers: In order, names in lower case.
        keep_alive: The client may send another request after the answer.
        length: Bytes of body that follow, or `CHUNKED`.
        expects_continue: The client waits for our word before it sends the body.
        unusual: For the stock protocols: a WebSocket, or HTTP/2 without TLS.
        memo: Free for whoever answers heads, since one head comes again and again.
    """

    method: str
    target: bytes
    raw_path: bytes
    query: bytes
    path: str
    version: str
    headers: Sequence[tuple[bytes, bytes]]
    keep_alive: bool
    length: int
    expects_continue: bool
    unusual: bool
    memo: list[object] = attrs.field(factory=list[object], eq=False, repr=False)

    def values(self, name: bytes) -> list[bytes]:
        """Of each header of that name, which is in lower case."""
        return [value for key, value in self.headers if key == name]


@attrs.define
class _Collected:
    """What the parser calls back with."""

    target: bytes = b""
    headers: list[tuple[bytes, bytes]] = attrs.field(factory=list[tuple[bytes, bytes]])

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))


def find_end(data: bytes | bytearray, seen: int, limit: int) -> int:
    """Where the head that *data* begins with ends, or -1: more must come.

    Args:
        seen: Bytes at the beginning that were looked at before.
        limit: Longest head.

    Raises:
        BadHead: It is longer than *limit*, or a line of it ends with LF alone, which one server takes for an end
            and the next one does not.
    """
    end = data.find(END, max(0, seen - len(END)))
    if end >= 0 and end + len(END) <= limit:
        return end + len(END)
    if end >= 0 or len(data) > limit:
        raise BadHead(431, f"the head is longer than {limit} bytes")
    if _BARE_LF.search(data, max(0, seen - 1)) is not None:
        raise BadHead(400, "a line ends with LF without CR")
    return -1


def parse_head(data: bytes) -> Head:
    """The head that *data* is, its empty line included.

    Raises:
        BadHead: It is broken, or ambiguous in a way that is used to smuggle a second request past a proxy.
    """
    if data == _HTTP2_PREFACE:
        return _preface()
    line = _REQUEST_LINE.match(data)
    if line is None:
        raise BadHead(400, f"the request begins with {data[:40]!r}; expected a method, a target and a version")
    method = line[1]
    found, version = _collect(data, method)
    if version not in ("1.0", "1.1"):
        raise BadHead(505, f"the version is {version}")
    raw_path, _, query = found.target.partition(b"?")
    headers = found.headers
    length, expects, upgrade, connection = _framing(headers, version)
    return Head(
        method=method.decode("ascii"),
        target=found.target,
        raw_path=raw_path,
        query=query,
        path=unquote(raw_path.decode("ascii")),
        version=version,
        headers=headers,
        keep_alive=b"close" not in connection and (version == "1.1" or b"keep-alive" in connection),
        length=length,
        expects_continue=expects and version == "1.1",
        # A page of ours that asks for both kinds is none: whatever has a body is served here.
        unusual=length == 0 and version == "1.1" and b"upgrade" in connection and not upgrade.isdisjoint(_HANDED_OVER),
    )


def _collect(data: bytes, method: bytes) -> tuple[_Collected, str]:
    """What the parser finds, and the version.

    It is told GET: it knows some methods alone, and any other is the application's to answer. Nothing of a
    request's head depends on it.
    """
    found = _Collected()
    parser = httptools.HttpRequestParser(found)
    try:
        parser.feed_data(b"GET" + data[len(method) :])
    except httptools.HttpParserUpgrade:
        pass  # the whole head was read; what follows it is not ours to parse
    except httptools.HttpParserError as error:
        raise BadHead(400, str(error) or type(error).__name__) from None
    return found, parser.get_http_version()


def _framing(
    headers: Sequence[tuple[bytes, bytes]], version: str
) -> tuple[int, bool, frozenset[bytes], frozenset[bytes]]:
    """Length of the body, whether 100-continue is waited for, what to upgrade to, and the connection's options."""
    hosts = 0
    lengths: list[bytes] = []
    codings: list[bytes] = []
    expects = False
    upgrade: frozenset[bytes] = frozenset()
    connection: frozenset[bytes] = frozenset()
    for name, value in headers:
        match name:
            case b"host":
                hosts += 1
            case b"content-length":
                lengths.append(value)
            case b"transfer-encoding":
                codings.append(value)
            case b"expect":
                expects = value.lower() == b"100-continue"
            case b"upgrade":
                upgrade |= _options(value)
            case b"connection":
                connection |= _options(value)
            case _:
                pass
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise BadHead(400, f"{hosts} Host headers instead of one")
    return _length(lengths, codings, version), expects, upgrade, connection


def _length(lengths: Sequence[bytes], codings: Sequence[bytes], version: str) -> int:
    if codings:
        if lengths or len(codings) > 1 or version == "1.0":
            raise BadHead(400, "the body's length is told in two ways, or by a coding that HTTP/1.0 has not")
        if codings[0].strip().lower() != b"chunked":
            raise BadHead(501, f"the transfer coding is {codings[0][:40]!r}; only chunked is known")
        return CHUNKED
    if not lengths:
        return 0
    if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > MOST_CONTENT:
        raise BadHead(400, "the body's length is not one number")
    return int(lengths[0])


def _options(value: bytes) -> frozenset[bytes]:
    return frozenset(option.strip() for option in value.lower().split(b","))


def _preface() -> Head:
    return Head(
        method="PRI",
        target=b"*",
        raw_path=b"*",
        query=b"",
        path="*",
        version="2.0",
        headers=(),
        keep_alive=True,
        length=0,
        expects_continue=False,
        unusual=True,
    )


class HeadCache:
    """Heads that were parsed: a page asks for the same with the same bytes, again and again.

    Args:
        most: Heads that are kept; the one that was parsed first is forgotten first.
        longest: Bytes of a head that is kept.
    """

    def __init__(self, *, most: int = 1_024, longest: int = 4_096) -> None:
        self._most = most
        self._longest = longest
        self._heads: dict[bytes, Head] = {}

    def parse(self, data: bytes) -> Head:
        """As `parse_head`."""
        known = self._heads.get(data)
        if known is not None:
            return known
        head = parse_head(data)
        if len(data) <= self._longest:
            if len(self._heads) >= self._most:
                del self._heads[next(iter(self._heads))]
            self._heads[data] = head
        return head
