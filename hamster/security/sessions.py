"""Sessions: what a login begins. Its refresh token changes with each use, and one used twice ends it.

A session counts its refresh tokens. Each is `hr_<session>_<number>_<mac>`, and the MAC, made with our secret, says
that we gave it out. So nothing of a token needs to be kept but the number of the one that is good, and an older one,
which somebody took or kept, is told from one that was made up: the former ends the session, the latter does nothing.
"""

import base64
import enum
import hashlib
import hmac
import re
import secrets

import attrs

ID_BYTES = 8
_TOKEN = re.compile(r"hr_([0-9a-f]{16})_([0-9]{1,12})_([A-Za-z0-9_-]{43})")


@attrs.frozen(kw_only=True)
class Session:
    """A login that holds. Times are seconds since 1970."""

    id: str
    user: str
    password: str = attrs.field(repr=False)
    """A mark of the password's hash: another password ends the session."""
    number: int = 0
    """Of the refresh token that is good."""
    created_at: float
    refreshed_at: float
    peer: str | None = None
    """Where it was begun."""


class Ended(enum.Enum):
    """Why a refresh token gives nothing."""

    UNKNOWN = "unknown"
    """We did not give it out, or its session is over."""
    EXPIRED = "expired"
    REUSED = "reused"
    """It was used before: somebody else has it, too. The session ends, for both of them."""


@attrs.frozen(kw_only=True)
class Lifetimes:
    """Seconds: of an access token, of a refresh token that is not used, and of a session however often refreshed."""

    access: float
    refresh: float
    session: float


def begin_session(user: str, password: str, *, now: float, peer: str | None) -> Session:
    """A new session of *user*."""
    return Session(
        id=secrets.token_hex(ID_BYTES),
        user=user,
        password=password,
        created_at=now,
        refreshed_at=now,
        peer=peer,
    )


def expired(session: Session, lifetimes: Lifetimes, now: float) -> bool:
    """Whether it was not refreshed for too long, or is too old."""
    return now >= session.refreshed_at + lifetimes.refresh or now >= session.created_at + lifetimes.session


def refreshed(session: Session, number: int, lifetimes: Lifetimes, now: float) -> Session | Ended:
    """*session* after the refresh token of that *number*, which is one of its own, was used."""
    if expired(session, lifetimes, now):
        return Ended.EXPIRED
    if number != session.number:
        return Ended.REUSED
    return attrs.evolve(session, number=number + 1, refreshed_at=now)


def password_mark(password_hash: str) -> str:
    """What tells one password's hash from another, and nothing more."""
    return hashlib.sha256(b"password\0" + password_hash.encode()).hexdigest()[:16]


class RefreshTokens:
    """Makes and knows refresh tokens, by a secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"refresh tokens", "sha256")

    def text(self, session: Session) -> str:
        """The token of *session* that is good now."""
        return f"hr_{session.id}_{session.number}_{self._mac(session.id, session.number)}"

    def parse(self, text: str) -> tuple[str, int] | None:
        """Id of the session and number of a token that we gave out; None for any other text."""
        found = _TOKEN.fullmatch(text)
        if found is None:
            return None
        session_id, number = found[1], int(found[2])
        if str(number) != found[2] or not hmac.compare_digest(found[3], self._mac(session_id, number)):
            return None
        return session_id, number

    def _mac(self, session_id: str, number: int) -> str:
        digest = hmac.digest(self._key, f"{session_id}.{number}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
