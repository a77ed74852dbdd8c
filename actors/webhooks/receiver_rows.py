"""Receivers as things: an address with a name, which is sent what happens of the types that it wants."""

import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast

import attrs
import msgspec

from actors.webhooks.messages import WebhookType, accepted_receiver_of, receiver_of
from actors.webhooks.routes import DIGEST_AFTER, DIGEST_SECONDS, EventType
from actors.webhooks.signing import new_secret

RECEIVERS = 1000
"""That there may be."""
OVERLAP_SECONDS = 24 * 3600.0
"""For which a secret that was replaced still signs, beside the new one."""


class UnknownReceiver(LookupError):
    """There is no receiver of this id."""

    def __init__(self, receiver_id: str) -> None:
        super().__init__(f"there is no receiver {receiver_id!r}; ask for the list to see their ids")
        self.receiver_id = receiver_id


class TooManyReceivers(Exception):
    """There is no room for another."""

    def __init__(self) -> None:
        super().__init__(f"there are {RECEIVERS} receivers already; delete one first")


@attrs.frozen(kw_only=True)
class Receiver:
    """Somebody whom things are told. `url` and `secret` are secrets: only masked ones are shown."""

    id: str
    name: str
    url: str
    webhook_type: WebhookType
    event_types: tuple[EventType, ...]
    enabled: bool
    allow_private: bool
    secret: str | None
    old_secret_until: datetime | None
    services: tuple[str, ...]
    quiet_from: str | None
    """`HH:MM`, in the zone of calendars."""
    quiet_until: str | None
    digest_after: int
    digest_seconds: float
    created_at: datetime
    updated_at: datetime
    disabled_why: str | None
    """Why nothing is sent to its address any more, though it is enabled; None: it is sent to."""
    failing_since: datetime | None


_COLUMNS = (
    "id, name, url, webhook_type, event_types, enabled, allow_private, secret, old_secret_until, services, quiet_from, "
    "quiet_until, digest_after, digest_seconds, created_at, updated_at"
)
_LISTS = ("event_types", "services")
_KEPT = (
    *("name", "url", "webhook_type", "event_types", "enabled", "allow_private"),
    *("services", "quiet_from", "quiet_until", "digest_after", "digest_seconds"),
)


def listed(connection: sqlite3.Connection) -> Sequence[Receiver]:
    """All of them, the oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM webhook_receivers ORDER BY created_at, rowid").fetchall()  # noqa: S608 - ours
    return [_receiver(connection, row) for row in rows]


def one(receiver_id: str) -> Callable[[sqlite3.Connection], Receiver]:
    """One of them. Raises `UnknownReceiver`."""

    def query(connection: sqlite3.Connection) -> Receiver:
        row = connection.execute(f"SELECT {_COLUMNS} FROM webhook_receivers WHERE id = ?", (receiver_id,)).fetchone()  # noqa: S608 - ours
        if row is None:
            raise UnknownReceiver(receiver_id)
        return _receiver(connection, row)

    return query


def add(
    name: str,
    url: str,
    webhook_type: WebhookType,
    event_types: Sequence[EventType],
    *,
    allow_private: bool,
    secret: str | None,
    services: Sequence[str] = (),
    quiet_from: str | None = None,
    quiet_until: str | None = None,
    digest_after: int = DIGEST_AFTER,
    digest_seconds: float = DIGEST_SECONDS,
) -> Callable[[sqlite3.Connection], Receiver]:
    """A new one; a generic one without a *secret* gets one. Raises `InvalidNotice` for its address, or that it is one
    too many."""
    accepted_receiver_of(url)
    receiver_id = f"receiver_{uuid.uuid4().hex[:12]}"
    signed = secret or (new_secret() if webhook_type == "generic" else None)

    def transaction(connection: sqlite3.Connection) -> Receiver:
        if connection.execute("SELECT count(*) FROM webhook_receivers").fetchone()[0] >= RECEIVERS:
            raise TooManyReceivers
        now = time.time()
        wanted = msgspec.json.encode(list(event_types)).decode()
        about = msgspec.json.encode(list(services)).decode()
        values = (
            *(receiver_id, name, url, webhook_type, wanted, 1, int(allow_private), signed, None),
            *(about, quiet_from, quiet_until, digest_after, digest_seconds, now, now),
        )
        marks = ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO webhook_receivers ({_COLUMNS}) VALUES ({marks})", values)  # noqa: S608 - ours
        return one(receiver_id)(connection)

    return transaction


def change(receiver_id: str, **changes: object) -> Callable[[sqlite3.Connection], Receiver]:
    """Change some of its name, url, webhook_type, event_types, enabled and allow_private.

    One that is enabled is sent to again, whatever its address was disabled for. Raises as `add`, and
    `UnknownReceiver`.
    """
    if "url" in changes:
        accepted_receiver_of(cast("str", changes["url"]))

    def transaction(connection: sqlite3.Connection) -> Receiver:
        one(receiver_id)(connection)
        for column in _KEPT:
            if column in changes:
                value = changes[column]
                stored = msgspec.json.encode(value).decode() if column in _LISTS else value
                statement = f"UPDATE webhook_receivers SET {column} = ? WHERE id = ?"  # noqa: S608 - ours
                connection.execute(statement, (int(stored) if isinstance(stored, bool) else stored, receiver_id))
        connection.execute("UPDATE webhook_receivers SET updated_at = ? WHERE id = ?", (time.time(), receiver_id))
        changed = one(receiver_id)(connection)
        if changes.get("enabled") is True or "url" in changes:
            connection.execute(
                "UPDATE webhook_addresses SET disabled_at = NULL, disabled_why = NULL, failing_since = NULL,"
                " rests_until = NULL WHERE receiver = ?",
                (receiver_of(changed.url),),
            )
        return one(receiver_id)(connection)

    return transaction


def rotate(receiver_id: str, overlap: float = OVERLAP_SECONDS) -> Callable[[sqlite3.Connection], Receiver]:
    """Give it a new secret; the old one signs, too, for *overlap* seconds. Raises `UnknownReceiver`."""

    def transaction(connection: sqlite3.Connection) -> Receiver:
        one(receiver_id)(connection)
        now = time.time()
        connection.execute(
            "UPDATE webhook_receivers SET old_secret = secret, old_secret_until = ?, secret = ?, updated_at = ?"
            " WHERE id = ?",
            (now + overlap, new_secret(), now, receiver_id),
        )
        return one(receiver_id)(connection)

    return transaction


def remove(receiver_id: str) -> Callable[[sqlite3.Connection], None]:
    """Delete one, and give up what waits for it. Raises `UnknownReceiver`."""

    def transaction(connection: sqlite3.Connection) -> None:
        if not connection.execute("DELETE FROM webhook_receivers WHERE id = ?", (receiver_id,)).rowcount:
            raise UnknownReceiver(receiver_id)
        connection.execute(
            "UPDATE webhooks SET status = 'failed', next_attempt_at = NULL, error_message = ?"
            " WHERE receiver_id = ? AND status = 'pending'",
            ("given up: its receiver was deleted", receiver_id),
        )

    return transaction


def replay(receiver_id: str, since: float, *, only_failed: bool) -> Callable[[sqlite3.Connection], int]:
    """Have everything sent again that was made for it since then; how many. Raises `UnknownReceiver`.

    *only_failed*: only what was given up. What is sent again has the id that it had.
    """
    which = "status = 'failed'" if only_failed else "status != 'pending'"

    def transaction(connection: sqlite3.Connection) -> int:
        one(receiver_id)(connection)
        statement = (
            "UPDATE webhooks SET status = 'pending', attempts = 0, first_attempt_at = NULL, next_attempt_at = ?,"  # noqa: S608 - ours
            f" error_message = NULL WHERE receiver_id = ? AND created_at >= ? AND {which}"
        )
        return connection.execute(statement, (time.time(), receiver_id, since)).rowcount

    return transaction


def _receiver(connection: sqlite3.Connection, row: Sequence[object]) -> Receiver:
    receiver_id, name, url, kind, wanted, enabled, private, secret, old_until, *rest = row
    services, quiet_from, quiet_until, digest_after, digest_seconds, created, updated = rest
    query = "SELECT disabled_why, failing_since FROM webhook_addresses WHERE receiver = ?"
    state = connection.execute(query, (receiver_of(cast("str", url)),)).fetchone() or (None, None)
    return Receiver(
        id=cast("str", receiver_id),
        name=cast("str", name),
        url=cast("str", url),
        webhook_type=cast("WebhookType", kind),
        event_types=tuple(msgspec.json.decode(cast("str", wanted), type=list[EventType])),
        enabled=bool(enabled),
        allow_private=bool(private),
        secret=cast("str | None", secret),
        old_secret_until=None if old_until is None else datetime.fromtimestamp(cast("float", old_until), UTC),
        services=tuple(msgspec.json.decode(cast("str", services), type=list[str])),
        quiet_from=cast("str | None", quiet_from),
        quiet_until=cast("str | None", quiet_until),
        digest_after=cast("int", digest_after),
        digest_seconds=cast("float", digest_seconds),
        created_at=datetime.fromtimestamp(cast("float", created), UTC),
        updated_at=datetime.fromtimestamp(cast("float", updated), UTC),
        disabled_why=state[0],
        failing_since=None if state[1] is None else datetime.fromtimestamp(state[1], UTC),
    )
