"""Request bodies, read before the application sees the request.

A body that no handler reads would stay in the connection: Hypercorn then closes it, and the client's next
request on it fails. Quart keeps the whole body in memory anyway, so reading it first costs nothing.
"""

import enum

import attrs
import trio
from hypercorn.typing import ASGIReceiveCallable, ASGIReceiveEvent, HTTPScope

MIB = 1024 * 1024


@attrs.frozen(kw_only=True)
class BodyLimits:
    """Sizes in bytes, durations in seconds; paths in lower case without a trailing slash."""

    usual: int = MIB
    #: An exported log or a settings file, which a client sends back.
    large: int = 16 * MIB
    large_paths: frozenset[str] = frozenset({"/api/logs/export", "/api/settings/export", "/api/settings/import"})
    #: From the head to the last byte.
    arrival_seconds: float = 30.0
    #: A refused body is still read for so long, or the client would see a reset instead of the answer.
    discard_seconds: float = 2.0
    discard_bytes: int = 32 * MIB

    def for_path(self, path: str) -> int:
        return self.large if path.rstrip("/").lower() in self.large_paths else self.usual


class BodyFault(enum.Enum):
    """Why there is no body to work with."""

    TOO_LARGE = 413
    LATE = 408
    MALFORMED = 400
    #: Nobody is there to answer.
    CLIENT_LEFT = 0


def announces_body(scope: HTTPScope) -> bool:
    """Whether more than the head is coming. HTTP/2 need not say, so there it may always."""
    if not scope["http_version"].startswith("1"):
        return scope["method"] not in {"GET", "HEAD"}
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 ") != b"")
        for name, value in scope["headers"]
    )


async def read_body(scope: HTTPScope, receive: ASGIReceiveCallable, limits: BodyLimits) -> bytes | BodyFault:
    """The whole body, or why it is not to be had; in that case some of it may still be coming."""
    limit = limits.for_path(scope["path"])
    announced = _content_length(scope)
    if isinstance(announced, BodyFault):
        return announced
    if announced is not None and announced > limit:
        return BodyFault.TOO_LARGE
    body = bytearray()
    with trio.move_on_after(limits.arrival_seconds):
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return BodyFault.CLIENT_LEFT
            body += message["body"]
            if len(body) > limit:
                return BodyFault.TOO_LARGE
            if not message["more_body"]:
                return bytes(body)
    return BodyFault.LATE


async def discard_body(receive: ASGIReceiveCallable, limits: BodyLimits) -> None:
    """Read what still comes, for a while."""
    discarded = 0
    with trio.move_on_after(limits.discard_seconds):
        while discarded < limits.discard_bytes:
            message = await receive()
            if message["type"] != "http.request" or not message["more_body"]:
                return
            discarded += len(message["body"])


def replay(body: bytes, receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
    """A `receive` that gives *body* at once and then whatever comes, which is the client leaving."""
    pending: list[ASGIReceiveEvent] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_replayed() -> ASGIReceiveEvent:
        return pending.pop() if pending else await receive()

    return receive_replayed


def _content_length(scope: HTTPScope) -> int | BodyFault | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            # Twenty digits hold any size there is; int() refuses thousands with an error of its own.
            return int(value) if value.isdigit() and len(value) <= 20 else BodyFault.MALFORMED
    return None
