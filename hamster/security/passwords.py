"""Passwords: argon2id, computed in a few threads at a time."""

import argon2
import trio
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2
"""Hashes that are computed at a time. Each takes 64 MiB and some 50 ms of up to four cores: RFC 9106, second choice."""
LONGEST = 1_000
"""Characters of a password that is looked at."""

_HASHER = argon2.PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5IGhhcyB0aGlzIG9uZQ$s1Pq3w3GqSgsb0q2QpAzDqjqXPzCYhO8n9Wq4bH1yUs"
"""The hash that is compared with where there is no such user: it takes as long, and fits no password."""


def hash_password(password: str) -> str:
    """The hash of *password*, with its own salt, for a configuration. Takes some 50 ms."""
    return _HASHER.hash(password)


def is_hash(text: str) -> bool:
    """Whether *text* is a hash of argon2id."""
    if not text.startswith("$argon2id$"):
        return False
    try:
        argon2.extract_parameters(text)
    except (InvalidHashError, ValueError):
        return False
    return True


def fits(password: str, password_hash: str) -> bool:
    """Whether *password* is that of the hash. Takes some 50 ms."""
    if len(password) > LONGEST:
        return False
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


class PasswordChecks:
    """Compares passwords in threads, `AT_ONCE` at a time; others wait their turn."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(AT_ONCE)

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password of the hash. None, nobody's: False, and takes as long."""
        right = await trio.to_thread.run_sync(fits, password, password_hash or NOBODY, limiter=self._limiter)
        return right and password_hash is not None
