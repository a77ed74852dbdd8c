"""Access tokens: JWTs of some minutes, signed with our secret. Each belongs to a session, and ends with it."""

import hmac
from typing import cast

import attrs
import jwt

ALGORITHM = "HS256"
ISSUER = "watchhamster"
LONGEST = 2_000
"""Characters of one that is looked at; ours have some 300."""


@attrs.frozen
class Access:
    """What an access token says: whose it is, of which session, until when (seconds since 1970)."""

    user: str
    session: str
    expires_at: float


class AccessTokens:
    """Signs and verifies, by a secret of at least 32 bytes.

    What a user may do is not in the token: it is looked up, so that it changes with the configuration.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"access tokens", "sha256")

    def text(self, access: Access, *, now: float) -> str:
        """The token for *access*."""
        claims: dict[str, object] = {
            "iss": ISSUER,
            "sub": access.user,
            "sid": access.session,
            "iat": int(now),
            "exp": int(access.expires_at),
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def verified(self, text: str) -> Access | None:
        """What it says; None unless we signed it. Whether its time is over is for the caller, who has the clock."""
        if len(text) > LONGEST or text.count(".") != 2:
            return None
        try:
            claims = cast(
                "dict[str, object]",
                jwt.decode(
                    text,
                    self._key,
                    # One algorithm, ours: what the token itself names is not followed.
                    algorithms=[ALGORITHM],
                    issuer=ISSUER,
                    options={
                        "require": ["iss", "sub", "sid", "exp"],
                        "verify_exp": False,
                        "verify_iat": False,
                        "verify_nbf": False,
                    },
                ),
            )
        except (jwt.InvalidTokenError, ValueError):
            return None
        match claims["sub"], claims["sid"], claims["exp"]:
            case str(user), str(session), int(expires_at):
                return Access(user, session, float(expires_at))
            case _:
                return None
