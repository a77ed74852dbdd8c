"""Answers that many clients ask for again and again: made once per change of what they show.

An answer is taken as the handler made it, with a key of what it was made from. As long as the key is the same, it is
given again. So nothing in it is older than what a handler would say now, but for what is counted in whole seconds, such
as how long a service has been running: a key has the second of our clock, and a service may have begun in its middle.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping

import attrs
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)

from hamster.http.gate import Header

Key = Callable[[], Hashable]
"""What an answer is made from, now: versions and clocks that change when it may."""

NOT_KEPT = frozenset({b"vary", b"set-cookie", b"cache-control"})
"""Headers of an answer that depends on who asks."""


@attrs.frozen
class Snapshot:
    """An answer, complete but for the gate's headers."""

    key: Hashable
    etag: bytes
    headers: tuple[Header, ...]
    body: bytes

    def matches(self, conditions: Iterable[bytes]) -> bool:
        """Whether a client that sends these values of `If-None-Match` has it already."""
        for condition in conditions:
            for given in condition.split(b","):
                tag = given.strip()
                if tag in (b"*", self.etag, b"W/" + self.etag):
                    return True
        return False

    @property
    def bare_headers(self) -> tuple[Header, ...]:
        """Those of 304, which has no body."""
        return tuple(header for header in self.headers if header[0] in (b"etag", b"cache-control"))


class Snapshots:
    """The answers to GET of some paths.

    Args:
        keys: By path as it is written, without a slash at the end; the path with it is the same.
    """

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = {spelled: key for path, key in keys.items() for spelled in (path, f"{path}/")}
        self._kept: dict[str, Snapshot] = {}

    def key(self, path: str) -> Hashable | None:
        """Of what an answer to *path* would be made now; None: none is kept."""
        key = self._keys.get(path)
        return None if key is None else key()

    def fresh(self, path: str) -> Snapshot | None:
        """The answer to *path*, if it was made and would be the same now."""
        kept = self._kept.get(path)
        return kept if kept is not None and self._keys[path]() == kept.key else None

    def keep(self, path: str, key: Hashable, headers: Iterable[Header], body: bytes) -> Snapshot | None:
        """The answer that was made from *key*, kept; None: it is for one client alone."""
        given = [(name.lower(), value) for name, value in headers]
        if any(name in NOT_KEPT for name, _ in given):
            return None
        etag = b'"%s"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()
        # Without it a browser may take an answer with a tag for good for a while.
        snapshot = Snapshot(key, etag, (*given, (b"etag", etag), (b"cache-control", b"no-cache")), body)
        self._kept[path] = snapshot
        return snapshot


class SnapshotApp:
    """*app*, asked only for what is not kept."""

    def __init__(self, app: ASGIFramework, snapshots: Snapshots) -> None:
        self._app = app
        self._snapshots = snapshots

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        snapshot = self._snapshots.fresh(path)
        if snapshot is not None:
            await _answer(snapshot, scope, send)
            return
        # Before the handler looks: what changes while it does makes another key.
        key = self._snapshots.key(path)
        if key is None:
            await self._app(scope, receive, send)
            return
        made = _Making()
        await self._app(scope, receive, made.send)
        snapshot = None
        if made.status == 200 and made.ended:
            snapshot = self._snapshots.keep(path, key, made.headers, bytes(made.body))
        if snapshot is None:
            await made.pass_on(send)
        else:
            await _answer(snapshot, scope, send)


class _Making:
    """An answer that is being made."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self.body = bytearray()
        self.ended = False

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message["body"]
            self.ended = not message["more_body"]

    async def pass_on(self, send: ASGISendCallable) -> None:
        if self.ended:  # otherwise it was broken off, and the client has left
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            await send({"type": "http.response.body", "body": bytes(self.body), "more_body": False})


async def _answer(snapshot: Snapshot, scope: HTTPScope, send: ASGISendCallable) -> None:
    status, headers, body = 200, snapshot.headers, snapshot.body
    if snapshot.matches(value for name, value in scope["headers"] if name == b"if-none-match"):
        status, headers, body = 304, snapshot.bare_headers, b""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body, "more_body": False})
