"""Whether a request may go on: one call that neither waits nor touches a file."""

import enum
import hmac
import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import attrs
import trio

from hamster.security.access_tokens import Access, AccessTokens
from hamster.security.books import Books
from hamster.security.credentials import Credentials, find_credentials
from hamster.security.identity import LOCAL, Identity
from hamster.security.keys import parse_key
from hamster.security.needs import Need, Needs
from hamster.security.pace import Pace, Rate
from hamster.security.peers import Head, Proxies, peer_name
from hamster.security.scopes import Scope
from hamster.security.sessions import Lifetimes, Session, expired, password_mark
from hamster.security.settings import SecuritySettings, UserSettings
from hamster.security.tickets import Tickets

Header = tuple[bytes, bytes]

VERIFIED = 4_096
"""Access tokens whose signature is remembered; when there are more, all are verified anew."""
REALM = b'Bearer realm="watchhamster"'


class Denial(enum.Enum):
    """Why a request is turned away. The sentences are in `errors_ko`."""

    MISSING = "missing_credential"
    INVALID = "invalid_credential"
    SCOPE = "insufficient_scope"
    RATE = "rate_limited"


@attrs.frozen
class Allowed:
    """Go on."""

    identity: Identity | None
    """None: the path is open, and no credential was sent that is good."""
    client: str | None
    """The address it came from; behind a trusted proxy, what that says."""
    need: Need
    subprotocol: bytes | None = None
    """To accept a WebSocket with."""


@attrs.frozen
class Denied:
    """Turn it away with `status` and these headers beside the gate's."""

    status: int
    reason: Denial
    headers: tuple[Header, ...]
    identity: Identity | None
    """Who was known but may not, or not so often."""
    client: str | None
    scope: Scope | None = None
    """What it would need."""


Decision = Allowed | Denied


class Guard:
    """Decides by the settings, and by the keys and sessions that there are.

    Args:
        settings: Users and rates.
        books: Keys and sessions; set anew whenever they change.
        tokens: Verifies access tokens.
        local_token: That of the run-time file, which is an admin's.
        wall: Seconds since 1970, for what expires.
        clock: Seconds on a clock that does not go back, for rates.
    """

    def __init__(
        self,
        settings: SecuritySettings,
        books: Books,
        tokens: AccessTokens,
        *,
        local_token: str,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._books = books
        self._tokens = tokens
        self._local = local_token.encode()
        self._wall = wall
        self._clock = clock
        self._users = {name: _User.of(user) for name, user in settings.users.items()}
        self._lifetimes = lifetimes_of(settings)
        self._needs = Needs()
        self._tickets = Tickets()
        self._proxies = Proxies(settings.trusted_proxies)
        self._known_pace = Pace(Rate(settings.requests_per_second, settings.burst))
        self._anonymous_pace = Pace(Rate(settings.anonymous_per_second, settings.anonymous_burst))
        self._verified: dict[str, Access] = {}
        self._held: dict[trio.CancelScope, Identity] = {}

    @property
    def books(self) -> Books:
        """The keys and sessions it decides by."""
        return self._books

    @books.setter
    def books(self, books: Books) -> None:
        self._books = books
        self.end_revoked()

    def check(self, head: Head, peer: str | None, *, path: str, query: bytes = b"") -> Decision:
        """Whether a request may go on.

        Args:
            head: Its method and headers.
            peer: The address of the connection, without the port.
            path: Decoded, without the query.
            query: As sent.
        """
        now = self._clock()
        client = self._proxies.client(peer, head)
        need = self._needs.of("WEBSOCKET" if head.is_websocket else head.method, path)
        sent = find_credentials(head, query, lasting=need.lasting)
        identity = self._identity(sent)
        if identity is None:
            wait = self._anonymous_pace.take(peer_name(client), now)
            if wait:
                return _too_often(wait, None, client)
            if need.scope is None:
                return Allowed(None, client, need, sent.subprotocol)
            return _unknown(sent, client, need.scope)
        # The CLI of this machine's user is as fast as its user wants.
        wait = 0.0 if identity is LOCAL else self._known_pace.take(identity.credential, now)
        if wait:
            return _too_often(wait, identity, client)
        if need.scope is not None and identity.scope < need.scope:
            word = need.scope.word.encode()
            challenge = REALM + b', error="insufficient_scope", scope="' + word + b'"'
            headers = ((b"www-authenticate", challenge),)
            return Denied(403, Denial.SCOPE, headers, identity, client, need.scope)
        return Allowed(identity, client, need, sent.subprotocol)

    def ticket(self, identity: Identity) -> str:
        """A ticket that opens one socket or stream as *identity*."""
        return self._tickets.give(identity, self._clock())

    def alive(self, identity: Identity) -> bool:
        """Whether the credential it came with still holds."""
        if identity.kind == "key":
            key = self._books.keys.get(identity.credential)
            return key is not None and not key.expired(self._wall())
        return identity is LOCAL or self._session(identity.credential, identity.name) is not None

    @contextmanager
    def held(self, identity: Identity | None) -> Generator[trio.CancelScope, None, None]:
        """A scope around what lasts, which is cancelled when the credential of *identity* ends."""
        with trio.CancelScope() as scope:
            if identity is not None:
                self._held[scope] = identity
            try:
                yield scope
            finally:
                self._held.pop(scope, None)

    def end_revoked(self) -> int:
        """Cancel what lasts although its credential ended, or expired; how many."""
        ended = [scope for scope, identity in self._held.items() if not self.alive(identity)]
        for scope in ended:
            scope.cancel()
        return len(ended)

    # -- by credential

    def _identity(self, sent: Credentials) -> Identity | None:
        for token in sent.tokens:
            found = self._by_token(token)
            if found is not None:
                return found
        if sent.ticket is not None:
            found = self._tickets.take(sent.ticket, self._clock())
            if found is not None and self.alive(found):
                return found
        return None

    def _by_token(self, token: str) -> Identity | None:
        if token.startswith("hk_"):
            return self._by_key(token)
        if hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._local):
            return LOCAL
        return self._by_access_token(token)

    def _by_key(self, token: str) -> Identity | None:
        parsed = parse_key(token)
        key = None if parsed is None else self._books.keys.get(parsed[0])
        if parsed is None or key is None or not key.fits(parsed[1]) or key.expired(self._wall()):
            return None
        return Identity("key", key.name, Scope.of(key.scope), key.id)

    def _by_access_token(self, token: str) -> Identity | None:
        access = self._verified.get(token)
        if access is None:
            access = self._tokens.verified(token)
            if access is None:
                return None
            if len(self._verified) >= VERIFIED:
                self._verified.clear()
            self._verified[token] = access
        if access.expires_at <= self._wall() or self._session(access.session, access.user) is None:
            self._verified.pop(token, None)
            return None
        return Identity("user", access.user, self._users[access.user].scope, access.session)

    def _session(self, session_id: str, user: str) -> Session | None:
        session = self._books.sessions.get(session_id)
        known = self._users.get(user)
        if session is None or known is None or session.user != user or session.password != known.mark:
            return None
        return None if expired(session, self._lifetimes, self._wall()) else session


@attrs.frozen
class _User:
    scope: Scope
    mark: str

    @classmethod
    def of(cls, settings: UserSettings) -> "_User":
        return cls(Scope.of(settings.scope), password_mark(settings.password))


def lifetimes_of(settings: SecuritySettings) -> Lifetimes:
    """How long tokens and sessions hold, by the configuration."""
    return Lifetimes(
        access=settings.access_token_seconds,
        refresh=settings.refresh_token_seconds,
        session=settings.session_seconds,
    )


def password_hashes(settings: SecuritySettings) -> Mapping[str, str]:
    """The users' hashes by their names."""
    return {name: user.password for name, user in settings.users.items()}


def retry_after(wait: float) -> Header:
    """The header that says after how many whole seconds to come again."""
    return b"retry-after", b"%d" % max(1, math.ceil(wait))


def _too_often(wait: float, identity: Identity | None, client: str | None) -> Denied:
    return Denied(429, Denial.RATE, (retry_after(wait),), identity, client)


def _unknown(sent: Credentials, client: str | None, scope: Scope) -> Denied:
    if not sent.any:
        return Denied(401, Denial.MISSING, ((b"www-authenticate", REALM),), None, client, scope)
    headers = ((b"www-authenticate", REALM + b', error="invalid_token"'),)
    return Denied(401, Denial.INVALID, headers, None, client, scope)
