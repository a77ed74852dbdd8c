"""Who may have us run a command: whoever can read the run-time file, which is ours alone."""

import hmac
import secrets

import attrs
from quart import request

from actors.settings import ServiceSettings
from hamster.config_services import paths_of
from hamster.http import errors_ko
from hamster.http.problems import HttpProblem
from hamster.security import Scope, may

BEARER = "bearer "

COMMANDING = frozenset({"process", "exec", "files"})
"""Kinds that run a command, or remove files, with our rights."""


def uses_our_rights(service: ServiceSettings) -> bool:
    """Whether a service does what another user of the machine may not: runs something, or looks into our files."""
    return service.kind in COMMANDING or bool(paths_of(service))


@attrs.frozen
class LocalToken:
    """The token of the run-time file; no web page and no other user of the machine knows it."""

    value: str = attrs.field(factory=lambda: secrets.token_urlsafe(32), repr=False)

    def require(self) -> None:
        """Let the current request pass that has it, as `Authorization: Bearer` or `X-API-Key`, or is an admin's.

        Raises:
            HttpProblem: 401, it has none; 403, it has another.
        """
        if may(Scope.ADMIN):
            return
        given = request.headers.getlist("x-api-key")
        for header in request.headers.getlist("authorization"):
            if header[: len(BEARER)].lower() == BEARER:
                given.append(header[len(BEARER) :].strip())
        if not given:
            raise HttpProblem(401, errors_ko.LOCAL_ONLY, headers={"WWW-Authenticate": "Bearer"})
        # All are compared, each in constant time: how long it takes says nothing of the token.
        right = [hmac.compare_digest(one.encode("utf-8", "surrogateescape"), self.value.encode()) for one in given]
        if not any(right):
            raise HttpProblem(403, errors_ko.LOCAL_REFUSED)

    def require_for(self, *services: ServiceSettings | None) -> None:
        """`require`, if one of *services* uses our rights. Raises as that does."""
        if any(service is not None and uses_our_rights(service) for service in services):
            self.require()
