"""`/api/auth`: logging in and out, who one is, and tickets for sockets."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NoReturn

import attrs
from quart import Response, request
from quart_trio import QuartTrio

from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response, request_id
from hamster.http.problems import HttpProblem
from hamster.security import (
    CLIENT,
    CURRENT,
    LoginRefused,
    RefreshRefused,
    Security,
    TooManyLogins,
    VaultError,
)
from hamster.security.guard import REALM, retry_after
from hamster.security.login import Granted
from hamster.security.sessions import Ended
from hamster.security.tickets import SECONDS

NO_STORE = {"Cache-Control": "no-store"}
"""Of an answer with a token in it."""


@attrs.frozen
class LoginBody:
    """Who logs in."""

    username: str
    password: str = attrs.field(repr=False)


@attrs.frozen
class RefreshBody:
    """The session that goes on."""

    refresh_token: str = attrs.field(repr=False)


@attrs.frozen
class LogoutBody:
    """The session that ends; without one, that of the access token."""

    refresh_token: str | None = attrs.field(default=None, repr=False)


def register(app: QuartTrio, security: Security) -> None:
    """Add `/api/auth` to *app*."""
    logins, audit = security.logins, security.audit

    async def login() -> Response:
        body = await json_body(LoginBody)
        client = CLIENT.get()
        try:
            async with keeping():
                granted = await logins.log_in(body.username, body.password, client)
        except TooManyLogins as error:
            audit.denied("login.throttled", who=logins.known(body.username), peer=client, request_id=request_id())
            raise _too_often(error) from None
        except LoginRefused:
            audit.denied("login.failed", who=logins.known(body.username), peer=client, request_id=request_id())
            _unauthorized(errors_ko.LOGIN_REFUSED)
        audit.note("login", who=f"user:{granted.user}", peer=client, session=granted.session, request_id=request_id())
        return json_response(granted_model(granted), headers=NO_STORE)

    async def refresh() -> Response:
        body = await json_body(RefreshBody)
        client = CLIENT.get()
        try:
            async with keeping():
                granted = await logins.refresh(body.refresh_token)
        except RefreshRefused as error:
            event = "refresh.reused" if error.why is Ended.REUSED else "refresh.failed"
            who = None if error.user is None else f"user:{error.user}"
            audit.denied(event, who=who, peer=client, why=error.why.value, request_id=request_id())
            _unauthorized(errors_ko.REFRESH_REUSED if error.why is Ended.REUSED else errors_ko.REFRESH_REFUSED)
        audit.note("refresh", who=f"user:{granted.user}", peer=client, session=granted.session, request_id=request_id())
        return json_response(granted_model(granted), headers=NO_STORE)

    async def logout() -> Response:
        body = await json_body(LogoutBody) if await request.get_data() else LogoutBody()
        identity = CURRENT.get()
        session = None
        if body.refresh_token is not None:
            session = logins.session_of(body.refresh_token)
        elif identity is not None and identity.kind == "user":
            session = identity.credential
        if session is None:
            _unauthorized(errors_ko.REFRESH_REFUSED)
        async with keeping():
            await logins.log_out(session)
        audit.note("logout", who=identity, peer=CLIENT.get(), session=session, request_id=request_id())
        return json_response({"message": texts_ko.LOGGED_OUT})

    async def me() -> Response:
        identity = CURRENT.get()
        assert identity is not None  # noqa: S101 - the path needs one
        return json_response({"name": identity.name, "kind": identity.kind, "scope": identity.scope.word})

    async def ticket() -> Response:
        identity = CURRENT.get()
        assert identity is not None  # noqa: S101 - the path needs one
        found = security.guard.ticket(identity)
        audit.note("ticket", who=identity, peer=CLIENT.get(), request_id=request_id())
        return json_response({"ticket": found, "expires_in": int(SECONDS)}, headers=NO_STORE)

    base = "/api/auth"
    app.add_url_rule(f"{base}/login", "auth.login", login, methods=["POST"])
    app.add_url_rule(f"{base}/refresh", "auth.refresh", refresh, methods=["POST"])
    app.add_url_rule(f"{base}/logout", "auth.logout", logout, methods=["POST"])
    app.add_url_rule(f"{base}/me", "auth.me", me, methods=["GET"])
    app.add_url_rule(f"{base}/ticket", "auth.ticket", ticket, methods=["POST"])


def granted_model(granted: Granted) -> dict[str, object]:
    """What a login answers, by the names of RFC 6749."""
    return {
        "access_token": granted.access_token,
        "token_type": "bearer",
        "expires_in": int(granted.expires_in),
        "refresh_token": granted.refresh_token,
        "refresh_expires_in": int(granted.refresh_expires_in),
        "username": granted.user,
        "scope": granted.scope,
    }


@asynccontextmanager
async def keeping() -> AsyncGenerator[None, None]:
    """503 for what cannot be kept."""
    try:
        yield
    except VaultError:
        raise HttpProblem(503, errors_ko.ACCESS_NOT_KEPT, headers={"Retry-After": "5"}) from None


def _unauthorized(detail: str) -> NoReturn:
    raise HttpProblem(401, detail, headers={"WWW-Authenticate": REALM.decode()}) from None


def _too_often(error: TooManyLogins) -> HttpProblem:
    seconds = retry_after(error.wait)[1].decode()
    return HttpProblem(429, errors_ko.LOGIN_TOO_OFTEN.format(seconds=seconds), headers={"Retry-After": seconds})
