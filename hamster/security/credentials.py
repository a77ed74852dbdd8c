"""Where a request says who sends it: a header, a WebSocket's subprotocol, or a ticket in the address."""

from urllib.parse import unquote_to_bytes

import attrs

from hamster.security.peers import Head

BEARER = b"bearer "
SUBPROTOCOL = b"hamster"
"""What a WebSocket speaks that was opened with its token as another subprotocol, `hamster.bearer.<token>`."""
TOKEN_PROTOCOL = b"hamster.bearer."
TICKET = b"ticket"
LONGEST = 4_096
"""Bytes of a credential that is looked at."""
MOST = 4
"""Credentials of one request that are looked at."""


@attrs.frozen
class Credentials:
    """What was sent, in the order in which it is tried."""

    tokens: tuple[str, ...] = attrs.field(default=(), repr=False)
    ticket: str | None = attrs.field(default=None, repr=False)
    subprotocol: bytes | None = None
    """To be accepted with the socket; a browser gives up when none is that it offered."""

    @property
    def any(self) -> bool:
        """Whether there was one."""
        return bool(self.tokens) or self.ticket is not None


NONE = Credentials()


def find_credentials(head: Head, query: bytes, *, lasting: bool) -> Credentials:
    """What the request has. A ticket counts only for what is *lasting*: elsewhere a header can be sent."""
    tokens = [value[len(BEARER) :].strip() for value in head.values(b"authorization") if is_bearer(value)]
    tokens += head.values(b"x-api-key")
    subprotocol: bytes | None = None
    if head.is_websocket:
        offered = [part.strip() for value in head.values(b"sec-websocket-protocol") for part in value.split(b",")]
        tokens += [part[len(TOKEN_PROTOCOL) :] for part in offered if part.startswith(TOKEN_PROTOCOL)]
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in offered else None
    ticket = _ticket(query) if lasting and query else None
    if not tokens and ticket is None and subprotocol is None:
        return NONE
    read = tuple(token.decode("latin-1") for token in tokens[:MOST] if 0 < len(token) <= LONGEST)
    return Credentials(read, ticket, subprotocol)


def is_bearer(value: bytes) -> bool:
    """Whether an `Authorization` is a bearer's; another kind, such as a proxy's Basic, is not for us."""
    return value[: len(BEARER)].lower() == BEARER


def _ticket(query: bytes) -> str | None:
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if name == TICKET and 0 < len(value) <= LONGEST:
            return unquote_to_bytes(value).decode("latin-1")
    return None
