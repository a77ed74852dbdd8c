"""Heads of answers, and how their bodies are framed. Pure."""

import enum
import re
import time
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from wsgiref.handlers import format_date_time

import attrs

Header = tuple[bytes, bytes]

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(rb"[\r\n\0]")
_WITHOUT_BODY = frozenset({204, 304})

STATUS_LINES = {status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}


class BadAnswer(Exception):
    """The application's answer cannot be sent: it says what a header, a status or a length is and should be."""


class Framing(enum.Enum):
    """How the end of a body is told."""

    NONE = enum.auto()
    """There is no body."""
    LENGTH = enum.auto()
    CHUNKED = enum.auto()
    CLOSE = enum.auto()
    """By the end of the connection: HTTP/1.0 knows no chunks."""


@attrs.frozen
class AnswerHead:
    """What is sent before a body."""

    data: bytes
    framing: Framing
    length: int | None
    """Bytes of body that were announced."""
    keep_alive: bool


def render(
    status: int,
    headers: Iterable[Header],
    *,
    method: str,
    version: str,
    keep_alive: bool,
    date: bytes,
    body_length: int | None,
) -> AnswerHead:
    """The head of an answer.

    Args:
        headers: The application's; its own framing of HTTP/1 (`transfer-encoding`) is left out.
        method: Of the request: an answer to HEAD has no body.
        version: Of the request, `1.0` or `1.1`.
        keep_alive: The connection may stay; the application's `connection: close` ends it, too.
        date: A line of `DateLine`.
        body_length: Bytes of the whole body, where it is known by now.

    Raises:
        BadAnswer: A header would break the answer.
    """
    lines = [STATUS_LINES.get(status) or _status_line(status), date]
    length: int | None = None
    for name, value in headers:
        if _NAME.fullmatch(name) is None or _BAD_VALUE.search(value) is not None:
            raise BadAnswer(f"a header is {name!r}: {value[:40]!r}; expected a name of token characters and one line")
        lower = name.lower()
        if lower == b"content-length":
            length = _announced(value)
        elif lower == b"connection":
            keep_alive = keep_alive and b"close" not in value.lower()
            continue
        elif lower == b"transfer-encoding":
            continue
        lines.append(b"%s: %s\r\n" % (name, value))
    framing = Framing.NONE if status in _WITHOUT_BODY or method == "HEAD" else Framing.LENGTH
    if framing is Framing.LENGTH and length is None:
        if body_length is not None:
            length = body_length
            lines.append(b"content-length: %d\r\n" % length)
        elif version == "1.1":
            framing = Framing.CHUNKED
            lines.append(b"transfer-encoding: chunked\r\n")
        else:
            framing, keep_alive = Framing.CLOSE, False
    if not keep_alive:
        lines.append(b"connection: close\r\n")
    elif version == "1.0":
        lines.append(b"connection: keep-alive\r\n")
    lines.append(b"\r\n")
    return AnswerHead(b"".join(lines), framing, length, keep_alive)


def whole(status: int, headers: Sequence[Header], body: bytes, *, date: bytes) -> bytes:
    """A complete answer, after which the connection ends; *date* is a line of `DateLine`."""
    given = b"".join(b"%s: %s\r\n" % header for header in headers)
    end = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
    return b"".join((STATUS_LINES[status], date, given, end, body))


class DateLine:
    """The `date` header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def __call__(self) -> bytes:
        """The line for now, with its end."""
        now = int(time.time())
        if now != self._second:
            self._second, self._line = now, b"date: %s\r\n" % format_date_time(now).encode("ascii")
        return self._line


def _status_line(status: int) -> bytes:
    if not 200 <= status <= 999:
        raise BadAnswer(f"the status is {status}; expected 200 to 999")
    return b"HTTP/1.1 %d \r\n" % status


def _announced(value: bytes) -> int:
    if not value.isdigit():
        raise BadAnswer(f"content-length is {value[:40]!r}; expected digits")
    return int(value)
