"""Logging in, going on, and logging out."""

from collections.abc import Callable
from typing import TypeVar

import attrs
import trio

from hamster.security.access_tokens import Access, AccessTokens
from hamster.security.books import Books
from hamster.security.guard import Guard, lifetimes_of, password_hashes
from hamster.security.pace import Pace, Rate
from hamster.security.passwords import PasswordChecks
from hamster.security.peers import peer_name
from hamster.security.scopes import ScopeName
from hamster.security.sessions import Ended, RefreshTokens, Session, begin_session, password_mark
from hamster.security.settings import SecuritySettings
from hamster.security.vault import Vault

USER_FACTOR = 3
"""How much more often a user may be tried from all addresses together than from one of them: guesses that come from
many places are slowed down, and nobody is locked out as easily by somebody else's."""
MINUTE = 60.0

T = TypeVar("T")


class LoginRefused(Exception):
    """The name or the password is wrong; which, is not said."""


class TooManyLogins(Exception):
    """It was tried too often; `wait` is in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"too many attempts to log in; wait {wait:.0f} seconds")
        self.wait = wait


class RefreshRefused(Exception):
    """The refresh token gives nothing; `why` says what became of it."""

    def __init__(self, why: Ended, user: str | None = None) -> None:
        super().__init__(f"the refresh token is {why.value}")
        self.why = why
        self.user = user


@attrs.frozen(kw_only=True)
class Granted:
    """What a login or a refresh gives."""

    user: str
    session: str
    scope: ScopeName
    access_token: str = attrs.field(repr=False)
    expires_in: float
    refresh_token: str = attrs.field(repr=False)
    refresh_expires_in: float


class Logins:
    """Begins, continues and ends sessions, and changes the keys; `guard` knows of each change when it returns."""

    def __init__(
        self,
        settings: SecuritySettings,
        vault: Vault,
        guard: Guard,
        *,
        access: AccessTokens,
        refresh: RefreshTokens,
        wall: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._lifetimes = lifetimes_of(settings)
        self._hashes = password_hashes(settings)
        self._vault = vault
        self._guard = guard
        self._access = access
        self._refresh = refresh
        self._wall = wall
        self._clock = clock
        self._passwords = PasswordChecks()
        # One at a time: whatever was read last is what is kept.
        self._changing = trio.Lock()
        rate = Rate(settings.logins_per_minute / MINUTE, settings.login_burst)
        self._peers = Pace(rate)
        self._users = Pace(Rate(rate.per_second * USER_FACTOR, rate.burst * USER_FACTOR))

    async def log_in(self, user: str, password: str, client: str | None) -> Granted:
        """A new session for *user*.

        Raises:
            TooManyLogins: From that address, or for that user. The password was not looked at.
            LoginRefused: There is no such user, or it is not the password.
            VaultError: The session cannot be kept.
        """
        self._throttle(user, client)
        password_hash = self._hashes.get(user)
        if not await self._passwords.fits(password, password_hash) or password_hash is None:
            raise LoginRefused
        # Who knows the password is not who the limit is against.
        self._peers.give_back(peer_name(client))
        self._users.give_back(user)
        session = begin_session(user, password_mark(password_hash), now=self._wall(), peer=client)
        await self.change(lambda books: (self._tidied(books).with_session(session), None))
        return self._granted(session)

    def known(self, user: str) -> str | None:
        """*user* if there is one of that name. Any other is not noted: it may be a password in the wrong field."""
        return user if user in self._hashes else None

    def _throttle(self, user: str, client: str | None) -> None:
        # Counted before the password is looked at: many at once are many.
        now, peer = self._clock(), peer_name(client)
        wait = max(self._peers.wait(peer, now), self._users.wait(user, now) if user in self._hashes else 0.0)
        if wait:
            raise TooManyLogins(wait)
        self._peers.take(peer, now)
        if user in self._hashes:
            self._users.take(user, now)

    async def refresh(self, token: str) -> Granted:
        """The session of *token* goes on, with other tokens.

        Raises:
            RefreshRefused: It gives nothing. If it was used before, its session is over.
            VaultError: It cannot be kept.
        """
        parsed = self._refresh.parse(token)
        if parsed is None:
            raise RefreshRefused(Ended.UNKNOWN)
        session_id, number = parsed
        known = self._guard.books.sessions.get(session_id)
        user = None if known is None else known.user

        def go_on(books: Books) -> tuple[Books, Session | Ended]:
            session = books.sessions.get(session_id)
            if session is not None and session.password != self._mark(session.user):
                return books.without_session(session_id), Ended.UNKNOWN
            return books.refresh(session_id, number, self._lifetimes, self._wall())

        outcome = await self.change(go_on)
        if isinstance(outcome, Ended):
            raise RefreshRefused(outcome, user)
        return self._granted(outcome)

    async def log_out(self, session_id: str) -> None:
        """End a session; nothing happens if there is none.

        Raises:
            VaultError: It cannot be kept, so that it goes on.
        """
        await self.change(lambda books: (books.without_session(session_id), None))

    def session_of(self, refresh_token: str) -> str | None:
        """The session of a refresh token that we gave out, whether or not it is good."""
        parsed = self._refresh.parse(refresh_token)
        return None if parsed is None else parsed[0]

    async def change(self, how: Callable[[Books], tuple[Books, T]]) -> T:
        """Have keys and sessions be what *how* makes of them, kept, and known to the guard.

        Raises:
            VaultError: It cannot be kept; nothing changed.
        """
        async with self._changing:
            # A thread that has begun is waited for, also by whoever is cancelled: the guard knows what was kept.
            books, said = await trio.to_thread.run_sync(self._vault.change, how)
            self._guard.books = books
        return said

    async def look_again(self) -> None:
        """Read what another program may have changed.

        Raises:
            VaultError: It cannot be read; the guard decides by what it knew.
        """
        async with self._changing:
            self._guard.books = await trio.to_thread.run_sync(self._vault.read)

    def _tidied(self, books: Books) -> Books:
        return books.without_expired(self._lifetimes, self._wall())

    def _mark(self, user: str) -> str | None:
        password_hash = self._hashes.get(user)
        return None if password_hash is None else password_mark(password_hash)

    def _granted(self, session: Session) -> Granted:
        now = self._wall()
        ends = session.created_at + self._lifetimes.session
        until = min(now + self._lifetimes.access, ends)
        return Granted(
            user=session.user,
            session=session.id,
            scope=self._settings.users[session.user].scope,
            access_token=self._access.text(Access(session.user, session.id, until), now=now),
            expires_in=max(0.0, until - now),
            refresh_token=self._refresh.text(session),
            refresh_expires_in=max(0.0, min(self._lifetimes.refresh, ends - now)),
        )
