"""`/api/auth/keys` and `/api/auth/sessions`: what gets in, seen, given out and revoked by admins."""

import time
from datetime import UTC, datetime

import attrs
from quart import Response
from quart_trio import QuartTrio

from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response, request_id
from hamster.http.auth import NO_STORE, keeping
from hamster.http.problems import HttpProblem, InvalidRequest
from hamster.http.times import Stamp
from hamster.security import CLIENT, CURRENT, Security
from hamster.security.books import MOST_KEYS, TooManyKeys
from hamster.security.keys import ApiKey, make_key
from hamster.security.scopes import ScopeName
from hamster.security.sessions import Session

LONGEST_NAME = 100
MOST_DAYS = 3_660.0
DAY = 86_400.0


@attrs.frozen
class KeyBody:
    """A key that is wanted; `expires_in_days` None: it holds until it is revoked."""

    name: str
    scope: ScopeName = "read"
    expires_in_days: float | None = None


def register(app: QuartTrio, security: Security, stamp: Stamp) -> None:
    """Add both to *app*."""
    _register_keys(app, security, stamp)
    _register_sessions(app, security, stamp)


def _register_keys(app: QuartTrio, security: Security, stamp: Stamp) -> None:
    logins = security.logins

    async def listed() -> Response:
        keys = sorted(security.guard.books.keys.values(), key=lambda key: key.created_at)
        return json_response({"keys": [key_model(key, stamp) for key in keys]})

    async def create() -> Response:
        body = await json_body(KeyBody)
        if not body.name.strip() or len(body.name) > LONGEST_NAME:
            raise InvalidRequest.of("name", errors_ko.KEY_NAME.format(limit=LONGEST_NAME))
        days = body.expires_in_days
        if days is not None and not 0 < days <= MOST_DAYS:
            raise InvalidRequest.of("expires_in_days", errors_ko.KEY_EXPIRES.format(limit=f"{MOST_DAYS:g}"))
        now = time.time()
        key, text = make_key(body.name, body.scope, now=now, expires_at=None if days is None else now + days * DAY)
        try:
            async with keeping():
                await logins.change(lambda books: (books.with_key(key), None))
        except TooManyKeys:
            raise HttpProblem(409, errors_ko.TOO_MANY_KEYS.format(limit=MOST_KEYS)) from None
        note("key.created", key)
        return json_response({**key_model(key, stamp), "key": text}, headers=NO_STORE)

    async def revoke(key_id: str) -> Response:
        key = security.guard.books.keys.get(key_id)
        if key is None:
            raise HttpProblem(404, errors_ko.KEY_NOT_FOUND.format(key=key_id))
        async with keeping():
            await logins.change(lambda books: (books.without_key(key_id), None))
        note("key.revoked", key)
        return json_response({"message": texts_ko.KEY_REVOKED.format(name=key.name), "id": key_id})

    def note(event: str, key: ApiKey) -> None:
        security.audit.note(
            event,
            who=CURRENT.get(),
            peer=CLIENT.get(),
            key=key.id,
            name=key.name,
            scope=key.scope,
            request_id=request_id(),
        )

    base = "/api/auth/keys"
    app.add_url_rule(base, "auth.keys", listed, methods=["GET"])
    app.add_url_rule(base, "auth.create_key", create, methods=["POST"])
    app.add_url_rule(f"{base}/<key_id>", "auth.revoke_key", revoke, methods=["DELETE"])


def _register_sessions(app: QuartTrio, security: Security, stamp: Stamp) -> None:
    async def listed() -> Response:
        sessions = sorted(security.guard.books.sessions.values(), key=lambda session: session.created_at)
        return json_response({"sessions": [session_model(session, stamp) for session in sessions]})

    async def end(session_id: str) -> Response:
        session = security.guard.books.sessions.get(session_id)
        if session is None:
            raise HttpProblem(404, errors_ko.SESSION_NOT_FOUND.format(session=session_id))
        async with keeping():
            await security.logins.log_out(session_id)
        user, who = session.user, CURRENT.get()
        security.audit.note(
            "session.ended", who=who, peer=CLIENT.get(), user=user, session=session_id, request_id=request_id()
        )
        return json_response({"message": texts_ko.SESSION_ENDED.format(user=user), "id": session_id})

    base = "/api/auth/sessions"
    app.add_url_rule(base, "auth.sessions", listed, methods=["GET"])
    app.add_url_rule(f"{base}/<session_id>", "auth.end_session", end, methods=["DELETE"])


def key_model(key: ApiKey, stamp: Stamp) -> dict[str, object]:
    """A key as it is shown: never what it is."""
    expires = None if key.expires_at is None else stamp(_instant(key.expires_at))
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "created_at": stamp(_instant(key.created_at)),
        "expires_at": expires,
        "expired": key.expired(time.time()),
    }


def session_model(session: Session, stamp: Stamp) -> dict[str, object]:
    """A session as it is shown."""
    return {
        "id": session.id,
        "username": session.user,
        "created_at": stamp(_instant(session.created_at)),
        "refreshed_at": stamp(_instant(session.refreshed_at)),
        "peer": session.peer,
    }


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
