"""Security where requests come in: who may go on, known to handlers for as long as they answer, and noted."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from hypercorn.typing import HTTPScope, WebsocketScope

from hamster.http.gate import SAFE_METHODS, RequestHead
from hamster.security import CLIENT, CURRENT, Allowed, Decision, Denied, Security


class Answer(Protocol):
    """What a request is answered with, as far as is noted of it."""

    status: int


class Enforcement:
    """The guard's decisions, and the audit log of them."""

    def __init__(self, security: Security) -> None:
        self._guard = security.guard
        self._audit = security.audit

    def decide(self, head: RequestHead, client: tuple[str, int] | None, *, path: str, query: bytes = b"") -> Decision:
        """As `check`, without a note: one that may not is to be checked again."""
        return self._guard.check(head, None if client is None else client[0], path=path, query=query)

    def check(self, scope: HTTPScope | WebsocketScope, head: RequestHead, request_id: bytes) -> Decision:
        """Whether the request may go on; one that may not is noted."""
        decision = self.decide(head, scope["client"], path=scope["path"], query=scope["query_string"])
        if isinstance(decision, Denied):
            self._audit.denied(
                "request.denied",
                who=decision.identity,
                peer=decision.client,
                reason=decision.reason.value,
                method=_method(head),
                path=scope["path"],
                status=decision.status,
                request_id=request_id.decode(),
            )
        return decision

    @contextmanager
    def answering(
        self, allowed: Allowed, scope: HTTPScope | WebsocketScope, request_id: bytes, answer: Answer
    ) -> Generator[None, None, None]:
        """Around the answer to a request that may go on. What lasts is cancelled when its credential ends."""
        identity = CURRENT.set(allowed.identity)
        client = CLIENT.set(allowed.client)
        method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
        try:
            if allowed.need.lasting:
                with self._guard.held(allowed.identity):
                    yield
            else:
                yield
        finally:
            CURRENT.reset(identity)
            CLIENT.reset(client)
            # What is open is the ways in, which note what came of it themselves.
            if method not in SAFE_METHODS and allowed.need.scope is not None:
                self._audit.note(
                    "request",
                    who=allowed.identity,
                    peer=allowed.client,
                    method=method,
                    path=scope["path"],
                    status=answer.status,
                    request_id=request_id.decode(),
                )


def _method(head: RequestHead) -> str:
    return "WEBSOCKET" if head.is_websocket else head.method
