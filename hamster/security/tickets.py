"""Tickets: what a browser may put into the address of a WebSocket or stream, as it can send no header with one.

An address is logged and remembered on its way. A ticket is good once, for half a minute, so that whoever finds it
later has nothing.
"""

import secrets

import attrs

from hamster.security.identity import Identity

SECONDS = 30.0
MOST = 1_000
"""That wait to be used; the oldest goes."""


@attrs.frozen
class _Ticket:
    identity: Identity
    until: float


class Tickets:
    """Given out, and taken back once."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Ticket] = {}

    def give(self, identity: Identity, now: float) -> str:
        """A ticket for *identity*, good until *now* and `SECONDS`."""
        while self._waiting and (len(self._waiting) >= MOST or self._first().until <= now):
            del self._waiting[next(iter(self._waiting))]
        text = f"ht_{secrets.token_urlsafe(24)}"
        self._waiting[text] = _Ticket(identity, now + SECONDS)
        return text

    def take(self, text: str, now: float) -> Identity | None:
        """Whose it is, once; None if it is none, or no longer. Its credential may have been revoked since."""
        ticket = self._waiting.pop(text, None)
        return None if ticket is None or ticket.until <= now else ticket.identity

    def _first(self) -> _Ticket:
        return next(iter(self._waiting.values()))
