"""Who asks."""

from contextvars import ContextVar
from typing import Literal

import attrs

from hamster.security.scopes import Scope

Kind = Literal["key", "user", "local"]


@attrs.frozen
class Identity:
    """Who was let in, by which credential, and what that lets them do."""

    kind: Kind
    """`local`: whoever can read the run-time file."""
    name: str
    """Of the key or the user, for people."""
    scope: Scope
    credential: str
    """Id of the key or the session; what is revoked, and what is counted for rate limits."""

    @property
    def label(self) -> str:
        """For the audit log: `key:grafana`."""
        return f"{self.kind}:{self.name}"


LOCAL = Identity("local", "local", Scope.ADMIN, "local")

CURRENT: ContextVar[Identity | None] = ContextVar("hamster_identity", default=None)
"""Who made the request that is being answered; None where security is off, or the path is open to everybody."""

CLIENT: ContextVar[str | None] = ContextVar("hamster_client", default=None)
"""The address that request came from; behind a trusted proxy, what that says."""


def may(scope: Scope) -> bool:
    """Whether who made the current request was let in with *scope*. False where security is off: nobody was."""
    identity = CURRENT.get()
    return identity is not None and identity.scope >= scope
