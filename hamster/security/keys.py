"""API keys: `hk_<id>_<secret>`, of which only a hash of the secret is kept.

The hash is SHA-256, not argon2: the secret is 256 random bits, so nobody can try them out however fast the hash is,
and a slow one would cost every request, and let anybody have us compute. Passwords are chosen by people; theirs are
hashed with argon2.
"""

import hashlib
import hmac
import re
import secrets

import attrs

from hamster.security.scopes import ScopeName

SECRET_BYTES = 32
ID_BYTES = 5
_KEY = re.compile(r"hk_([0-9a-f]{10})_([A-Za-z0-9_-]{43})")


@attrs.frozen(kw_only=True)
class ApiKey:
    """A key as it is kept. Times are seconds since 1970; `expires_at` None: never."""

    id: str
    name: str
    scope: ScopeName
    hash: str = attrs.field(repr=False)
    created_at: float
    expires_at: float | None = None

    def fits(self, secret: str) -> bool:
        """Whether *secret* is its own; takes as long either way."""
        return hmac.compare_digest(hashed(secret), self.hash)

    def expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at


def make_key(name: str, scope: ScopeName, *, now: float, expires_at: float | None = None) -> tuple[ApiKey, str]:
    """A new key as it is kept, and the text that its owner gets, once."""
    key_id, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    key = ApiKey(id=key_id, name=name, scope=scope, hash=hashed(secret), created_at=now, expires_at=expires_at)
    return key, f"hk_{key_id}_{secret}"


def parse_key(text: str) -> tuple[str, str] | None:
    """Id and secret of a key's text; None if it is none."""
    found = _KEY.fullmatch(text)
    return None if found is None else (found[1], found[2])


def hashed(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
