"""What waits in the outbox, and what became of it: transactions of the store."""

import sqlite3
from collections.abc import Callable, Mapping

import attrs
import msgspec

from actors.webhooks.messages import WebhookType
from actors.webhooks.rules import Attempt, RetryPolicy

KEPT = 10_000
"""Notices that are remembered after they were sent or given up."""
KEPT_SECONDS = 90 * 86_400.0
"""For so long at most."""

TOO_MANY_REQUESTS = 429


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
    """Until when a receiver asked to be left alone, as far as something for it still waits."""
    query = "SELECT max(next_attempt_at) FROM webhooks WHERE receiver = ? AND status = 'pending' AND response_code = ?"
    return connection.execute(query, (receiver, TOO_MANY_REQUESTS)).fetchone()[0]


def take(receiver: str, now: float, policy: RetryPolicy) -> Callable[[sqlite3.Connection], Turn]:
    """The next notice of *receiver*: a repetition that is due, else the first that was never tried.

    The attempt is noted before it is made: one that kills us, over and over, comes to an end, too.
    """
    columns = (
        "number, key, uid, url, webhook_type, message, template_id, variables, created_at, attempts, first_attempt_at"
    )
    due = "receiver = ? AND status = 'pending' AND attempts > 0 AND next_attempt_at <= ? ORDER BY next_attempt_at"
    fresh = "receiver = ? AND status = 'pending' AND attempts = 0 ORDER BY number"

    worn_out = "receiver = ? AND status = 'pending' AND attempts >= ? AND next_attempt_at <= ?"

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
            later = "SELECT min(next_attempt_at) FROM webhooks WHERE receiver = ? AND status = 'pending'"
            return Turn(due_at=connection.execute(later, (receiver,)).fetchone()[0])
        notice = Waiting(*row)
        variables = msgspec.json.decode(row[7], type=dict[str, str])
        attempts, first = notice.attempts + 1, notice.first_attempt_at or now
        # Should we die in the middle of it, it is tried again as after a failure.
        again = now + policy.backoff.ceiling(notice.attempts)
        connection.execute(
            "UPDATE webhooks SET attempts = ?, first_attempt_at = ?, next_attempt_at = ? WHERE number = ?",
            (attempts, first, again, notice.number),
        )
        return Turn(attrs.evolve(notice, variables=variables, attempts=attempts, first_attempt_at=first))

    return transaction


def settle(
    number: int, attempt: Attempt, now: float, next_attempt_at: float | None
) -> Callable[[sqlite3.Connection], None]:
    """Note how an attempt went. Harmless when repeated."""
    status = "success" if attempt.sent else "failed" if next_attempt_at is None else "pending"

    def transaction(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE webhooks SET status = ?, next_attempt_at = ?, response_code = ?, error_message = ?,"
            " response_time_ms = ?, sent_at = coalesce(?, sent_at) WHERE number = ? AND status = 'pending'",
            (
                status,
                next_attempt_at,
                attempt.status,
                attempt.error,
                attempt.took * 1000.0,
                now if attempt.sent else None,
                number,
            ),
        )

    return transaction


def tidy(connection: sqlite3.Connection, now: float) -> int:
    """Forget what was sent or given up long ago; how many."""
    last: int | None = connection.execute("SELECT max(number) FROM webhooks").fetchone()[0]
    old = "DELETE FROM webhooks WHERE status != 'pending' AND (number <= ? OR created_at < ?)"
    return connection.execute(old, ((last or 0) - KEPT, now - KEPT_SECONDS)).rowcount
