"""Which keys and sessions there are, and how that changes. Pure: `Vault` keeps them.

Revoked is what is not there any more: what is kept is what is good, so that nothing can be revoked and come back.
"""

from collections.abc import Mapping

import attrs

from hamster.security.keys import ApiKey
from hamster.security.sessions import Ended, Lifetimes, Session, expired, refreshed

MOST_KEYS = 1_000
MOST_SESSIONS = 50
"""Of one user; the one that was used longest ago ends."""


class TooManyKeys(Exception):
    """There is no room for another key."""

    def __init__(self) -> None:
        super().__init__(f"there are {MOST_KEYS:,} keys already; revoke one that nobody uses")


@attrs.frozen
class Books:
    """Keys and sessions by id."""

    keys: Mapping[str, ApiKey] = attrs.field(factory=dict[str, ApiKey])
    sessions: Mapping[str, Session] = attrs.field(factory=dict[str, Session])

    def with_key(self, key: ApiKey) -> "Books":
        """With another key.

        Raises:
            TooManyKeys: There is no room.
        """
        if len(self.keys) >= MOST_KEYS:
            raise TooManyKeys
        return attrs.evolve(self, keys={**self.keys, key.id: key})

    def without_key(self, key_id: str) -> "Books":
        """With that key revoked."""
        return attrs.evolve(self, keys={name: key for name, key in self.keys.items() if name != key_id})

    def with_session(self, session: Session) -> "Books":
        """With another session, or one that changed."""
        others = {name: other for name, other in self.sessions.items() if name != session.id}
        theirs = sorted((s for s in others.values() if s.user == session.user), key=lambda s: s.refreshed_at)
        for old in theirs[: max(0, len(theirs) - MOST_SESSIONS + 1)]:
            del others[old.id]
        return attrs.evolve(self, sessions={**others, session.id: session})

    def without_session(self, session_id: str) -> "Books":
        """With that session ended."""
        return attrs.evolve(self, sessions={name: s for name, s in self.sessions.items() if name != session_id})

    def without_expired(self, lifetimes: Lifetimes, now: float) -> "Books":
        """Without the sessions whose time is over. Keys stay, to be seen as what they are."""
        live = {name: session for name, session in self.sessions.items() if not expired(session, lifetimes, now)}
        return self if len(live) == len(self.sessions) else attrs.evolve(self, sessions=live)

    def refresh(
        self, session_id: str, number: int, lifetimes: Lifetimes, now: float
    ) -> tuple["Books", Session | Ended]:
        """After a refresh token, which is one of ours, was used; with the session, or why there is none any more."""
        session = self.sessions.get(session_id)
        if session is None:
            return self, Ended.UNKNOWN
        after = refreshed(session, number, lifetimes, now)
        if isinstance(after, Ended):
            return self.without_session(session_id), after
        return self.with_session(after), after
