"""What waits in the outbox, and what became of it: transactions of the store."""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

import attrs
import msgspec

from actors.webhooks.cards import Card
from actors.webhooks.messages import WebhookType, receiver_of
from actors.webhooks.rules import Attempt, RetryPolicy

KEPT = 10_000
"""Notices that are remembered after they were sent or given up."""
KEPT_SECONDS = 90 * 86_400.0
"""For so long at most."""

TOO_MANY_REQUESTS = 429

_WANTED = "(receiver_id IS NULL OR receiver_id NOT IN (SELECT id FROM webhook_receivers WHERE NOT enabled))"
"""What waits for a receiver that is switched off waits until it is switched on."""


@attrs.frozen
class Waiting:
    """A notice whose next attempt has been noted: what is about to be sent."""

    number: int
    key: str
    uid: str
    """The same over all attempts, and no other's anywhere: receivers may know a repetition by it."""
    url: str
    webhook_type: WebhookType
    message: str
    template_id: str | None
    variables: Mapping[str, str]
    created_at: float
    attempts: int
    """With the one that is about to be made."""
    first_attempt_at: float
    card: Card | None = None
    message_type: str | None = None
    priority: str | None = None
    receiver_id: str | None = None
    private: bool = False
    """Whether its address may be one that is not public."""
    secrets: tuple[str, ...] = ()
    """To sign with, the newest first."""

    @property
    def id(self) -> str:
        """What it is called outside."""
        return f"webhook_{self.number}"


@attrs.frozen
class Turn:
    """What a sender has to do: a notice to send, or when (seconds since 1970) to look again; neither: all is done."""

    notice: Waiting | None = None
    due_at: float | None = None


def receivers(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Who has something waiting; who waits longest comes first."""
    query = "SELECT receiver FROM webhooks WHERE status = 'pending' GROUP BY receiver ORDER BY min(number)"
    return tuple(row[0] for row in connection.execute(query))


def resting_until(connection: sqlite3.Connection, receiver: str) -> float | None:
    """Until when a receiver asked to be left alone, seconds since 1970; None: it never did."""
    query = "SELECT rests_until FROM webhook_addresses WHERE receiver = ?"
    row = connection.execute(query, (receiver,)).fetchone()
    return None if row is None else row[0]


def take(
    receiver: str, now: float, policy: RetryPolicy, besides: Sequence[int] = ()
) -> Callable[[sqlite3.Connection], Turn]:
    """The next notice of *receiver*: a repetition that is due, else the first that was never tried.

    Those whose numbers are in *besides* are taken already. The attempt is noted before it is made: one that kills us,
    over and over, comes to an end, too.
    """
    columns = (
        "number, key, uid, url, webhook_type, message, template_id, variables, created_at, attempts, first_attempt_at, "
        "card, message_type, priority, receiver_id, private"
    )
    others = f" AND number NOT IN ({','.join(map(str, besides))})" if besides else ""
    waiting = f"receiver = ? AND status = 'pending'{others} AND {_WANTED}"
    due = f"{waiting} AND attempts > 0 AND next_attempt_at <= ? ORDER BY next_attempt_at"
    fresh = f"{waiting} AND attempts = 0 ORDER BY number"
    worn_out = f"{waiting} AND attempts >= ? AND next_attempt_at <= ?"

    def transaction(connection: sqlite3.Connection) -> Turn:
        connection.execute(
            f"UPDATE webhooks SET status = 'failed', next_attempt_at = NULL, error_message = ? WHERE {worn_out}",  # noqa: S608 - ours
            ("given up: no attempt came to its end", receiver, policy.attempts, now),
        )
        find = f"SELECT {columns} FROM webhooks WHERE"  # noqa: S608 - ours
        row = (
            connection.execute(f"{find} {due} LIMIT 1", (receiver, now)).fetchone()
            or connection.execute(f"{find} {fresh} LIMIT 1", (receiver,)).fetchone()
        )
        if row is None:
            later = f"SELECT min(next_attempt_at) FROM webhooks WHERE receiver = ? AND status = 'pending' AND {_WANTED}"  # noqa: S608 - ours
            return Turn(due_at=connection.execute(later, (receiver,)).fetchone()[0])
        notice = Waiting(*row)
        card = None if row[11] is None else msgspec.json.decode(row[11], type=Card)
        variables = msgspec.json.decode(row[7], type=dict[str, str])
        attempts, first = notice.attempts + 1, notice.first_attempt_at or now
        # Should we die in the middle of it, it is tried again as after a failure.
        again = now + policy.backoff.ceiling(notice.attempts)
        connection.execute(
            "UPDATE webhooks SET attempts = ?, first_attempt_at = ?, next_attempt_at = ? WHERE number = ?",
            (attempts, first, again, notice.number),
        )
        return Turn(
            attrs.evolve(
                notice,
                variables=variables,
                attempts=attempts,
                first_attempt_at=first,
                card=card,
                private=bool(notice.private),
                secrets=_secrets(connection, notice.receiver_id, now),
            )
        )

    return transaction


def give_back(connection: sqlite3.Connection, notices: Sequence[Waiting]) -> None:
    """Have notices that were taken and not sent as they were before."""
    connection.executemany(
        "UPDATE webhooks SET attempts = attempts - 1,"
        " first_attempt_at = CASE WHEN attempts > 1 THEN first_attempt_at END,"
        " next_attempt_at = CASE WHEN attempts > 1 THEN ? END"
        " WHERE number = ? AND status = 'pending' AND attempts = ?",
        [(time.time(), notice.number, notice.attempts) for notice in notices],
    )


def _secrets(connection: sqlite3.Connection, receiver_id: str | None, now: float) -> tuple[str, ...]:
    if receiver_id is None:
        return ()
    query = "SELECT secret, old_secret, old_secret_until FROM webhook_receivers WHERE id = ?"
    row = connection.execute(query, (receiver_id,)).fetchone()
    if row is None or row[0] is None:
        return ()
    return (row[0], row[1]) if row[1] is not None and row[2] is not None and row[2] > now else (row[0],)


@attrs.frozen
class Outcome:
    """What became of an attempt, to be noted."""

    notice: Waiting
    attempt: Attempt
    at: float
    """When it ended, seconds since 1970."""
    next_attempt_at: float | None
    rests_until: float | None = None
    """Until when the receiver is left alone."""


def settle(outcome: Outcome, policy: RetryPolicy) -> Callable[[sqlite3.Connection], str | None]:
    """Note how an attempt went; why its address is disabled by it, in English, or None. Harmless when repeated."""
    notice, attempt, now = outcome.notice, outcome.attempt, outcome.at
    status = "success" if attempt.sent else "failed" if outcome.next_attempt_at is None else "pending"

    def transaction(connection: sqlite3.Connection) -> str | None:
        took = attempt.took * 1000.0
        began = now - attempt.took
        connection.execute(
            "INSERT INTO webhook_attempts SELECT ?, 1 + coalesce(max(attempt), 0), ?, ?, ?, ?, ? FROM webhook_attempts"
            " WHERE webhook = ? HAVING coalesce(max(began_at), 0) < ?",  # not once more, should this be repeated
            (notice.number, began, took, attempt.status, attempt.error, attempt.excerpt, notice.number, began),
        )
        connection.execute(
            "UPDATE webhooks SET status = ?, next_attempt_at = ?, response_code = ?, error_message = ?,"
            " response_time_ms = ?, sent_at = coalesce(?, sent_at) WHERE number = ? AND status = 'pending'",
            (
                status,
                outcome.next_attempt_at,
                attempt.status,
                attempt.error,
                took,
                now if attempt.sent else None,
                notice.number,
            ),
        )
        return _note_address(connection, outcome, policy)

    return transaction


def _note_address(connection: sqlite3.Connection, outcome: Outcome, policy: RetryPolicy) -> str | None:
    """Remember how the receiver is doing; why it is disabled now, if it is."""
    receiver, attempt, now = receiver_of(outcome.notice.url), outcome.attempt, outcome.at
    query = "SELECT rests_until, failing_since FROM webhook_addresses WHERE receiver = ?"
    known = connection.execute(query, (receiver,)).fetchone()
    since = None if attempt.sent else (known[1] if known is not None and known[1] is not None else now)
    if known != (outcome.rests_until, since) and (known or since is not None or outcome.rests_until is not None):
        connection.execute(
            "INSERT INTO webhook_addresses (receiver, rests_until, failing_since) VALUES (?, ?, ?)"
            " ON CONFLICT (receiver) DO UPDATE"
            " SET rests_until = excluded.rests_until, failing_since = excluded.failing_since",
            (receiver, outcome.rests_until, since),
        )
    why = None
    if attempt.gone:
        why = f"it answered {attempt.status}"
    elif since is not None and now - since >= policy.disable_after:
        why = f"nothing was taken for {policy.disable_after / 86_400:g} days; the last error: {attempt.error}"
    if why is None:
        return None
    disable = (
        "UPDATE webhook_addresses SET disabled_at = ?, disabled_why = ? WHERE receiver = ? AND disabled_at IS NULL"
    )
    changed = connection.execute(disable, (now, why, receiver)).rowcount
    connection.execute(
        "UPDATE webhooks SET status = 'failed', next_attempt_at = NULL, error_message = ?"
        " WHERE receiver = ? AND status = 'pending'",
        (f"given up: the address is disabled, {why}", receiver),
    )
    return why if changed else None


def enable(receiver: str) -> Callable[[sqlite3.Connection], bool]:
    """Send to a receiver again; whether it was disabled."""

    def transaction(connection: sqlite3.Connection) -> bool:
        query = (
            "UPDATE webhook_addresses SET disabled_at = NULL, disabled_why = NULL, failing_since = NULL,"
            " rests_until = NULL WHERE receiver = ? AND disabled_at IS NOT NULL"
        )
        return connection.execute(query, (receiver,)).rowcount > 0

    return transaction


def added_since(number: int, limit: int) -> Callable[[sqlite3.Connection], tuple[tuple[int, str, str, str], ...]]:
    """Number, key, address and type of what was put in behind *number*, *limit* at most; the newest last."""

    def query(connection: sqlite3.Connection) -> tuple[tuple[int, str, str, str], ...]:
        rows = connection.execute(
            "SELECT number, key, url, webhook_type FROM webhooks WHERE number > ? ORDER BY number DESC LIMIT ?",
            (number, limit),
        )
        return tuple(reversed(rows.fetchall()))

    return query


def last_number(connection: sqlite3.Connection) -> int:
    """Of the newest notice; 0 without one."""
    return connection.execute("SELECT coalesce(max(number), 0) FROM webhooks").fetchone()[0]


def tidy(connection: sqlite3.Connection, now: float) -> int:
    """Forget what was sent or given up long ago; how many."""
    last: int | None = connection.execute("SELECT max(number) FROM webhooks").fetchone()[0]
    old = "DELETE FROM webhooks WHERE status != 'pending' AND (number <= ? OR created_at < ?)"
    gone = connection.execute(old, ((last or 0) - KEPT, now - KEPT_SECONDS)).rowcount
    if gone:
        connection.execute("DELETE FROM webhook_attempts WHERE webhook NOT IN (SELECT number FROM webhooks)")
    return gone
