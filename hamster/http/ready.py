"""Snapshots on the fast lane: after the same gate and the same guard as everything else, and without an application."""

import secrets
from collections.abc import Sequence

import attrs

from hamster.http.enforcing import Enforcement
from hamster.http.gate import Gate, Header, Pass, RequestHead
from hamster.http.gate_asgi import completed
from hamster.http.snapshots import Snapshot, Snapshots
from hamster.security import Denied
from hamster.server import Address, Head


@attrs.define
class _Known:
    """What the gate says of a head, whose every copy it says the same of."""

    local: Address | None
    request: RequestHead
    verdict: Pass
    conditions: Sequence[bytes]
    snapshot: Snapshot | None = None
    answer: tuple[int, bytes] = (0, b"")
    """Made of *snapshot*: its status, and all of it but the request's id."""


class ReadyAnswers:
    """Answers a head with a snapshot if it may be."""

    def __init__(self, snapshots: Snapshots, gate: Gate, enforcement: Enforcement | None) -> None:
        self._snapshots = snapshots
        self._gate = gate
        self._enforcement = enforcement

    def __call__(
        self, head: Head, client: Address | None, local: Address | None, tls: bool
    ) -> tuple[int, bytes] | None:
        """See `hamster.server.Ready`. None: the application answers, also if that is a refusal."""
        if head.method != "GET" or head.query:
            return None
        snapshot = self._snapshots.fresh(head.path)
        if snapshot is None:
            return None
        known = self._known(head, local, tls=tls)
        if known is None or not self._may(head, known, client):
            return None
        if known.snapshot is not snapshot:
            known.snapshot, known.answer = snapshot, _made(snapshot, known)
        status, rest = known.answer
        return status, b"x-request-id: %s\r\n%s" % (secrets.token_hex(8).encode(), rest)

    def _known(self, head: Head, local: Address | None, *, tls: bool) -> _Known | None:
        memo = head.memo
        if memo:
            known = memo[0]
            if isinstance(known, _Known) and known.local == local:
                return known
        if head.values(b"x-request-id"):
            return None  # one of its own, which is seldom the same again
        scheme = "https" if tls else "http"
        request = RequestHead(
            scheme=scheme, method=head.method, target=head.raw_path, headers=head.headers, local=local
        )
        verdict = self._gate.check(request)
        if not isinstance(verdict, Pass):
            return None
        known = _Known(local, request, verdict, head.values(b"if-none-match"))
        memo[:] = [known]
        return known

    def _may(self, head: Head, known: _Known, client: Address | None) -> bool:
        if self._enforcement is None:
            return True
        decision = self._enforcement.decide(known.request, client, path=head.path)
        return not isinstance(decision, Denied)


def _made(snapshot: Snapshot, known: _Known) -> tuple[int, bytes]:
    status, headers, body = 200, snapshot.headers, snapshot.body
    if snapshot.matches(known.conditions):
        status, headers, body = 304, snapshot.bare_headers, b""
    lines = [_line(header) for header in completed(headers, known.verdict) if header[0] != b"x-request-id"]
    return status, b"".join((*lines, b"\r\n", body))


def _line(header: Header) -> bytes:
    return b"%s: %s\r\n" % header
