"""What was sent, what waits and what was given up: questions to the store, and what may still be done about it."""

import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias, cast

import attrs

from actors.masking import mask_addresses
from actors.webhooks.messages import WebhookType

Status: TypeAlias = Literal["pending", "success", "failed"]
STATUSES: tuple[Status, ...] = ("pending", "success", "failed")

MEASURED = 10_000
"""The latest attempts, of which times are told."""
CANCELLED = "cancelled"


class UnknownWebhook(LookupError):
    """There is no notice of this id, or it is forgotten."""

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"there is no webhook {webhook_id!r}; it may be so old that it is forgotten")
        self.webhook_id = webhook_id


class NotPossible(Exception):
    """It is in a state in which that cannot be done."""

    def __init__(self, webhook_id: str, status: Status) -> None:
        super().__init__(f"{webhook_id} is {status}")
        self.webhook_id = webhook_id
        self.status = status


@attrs.frozen
class AttemptMade:
    """One attempt to send a notice."""

    attempt: int
    began_at: datetime
    took_ms: float
    response_code: int | None
    error_message: str | None
    answer: str
    """The beginning of it, without secrets."""


@attrs.frozen(kw_only=True)
class Sent:
    """A notice and what became of it; its address is masked."""

    id: str
    address: str
    message: str
    webhook_type: WebhookType
    template_id: str | None
    status: Status
    attempts: int
    created_at: datetime
    sent_at: datetime
    """When it was accepted until it is sent."""
    next_attempt_at: datetime | None
    response_code: int | None
    error_message: str | None
    response_time_ms: float | None
    message_type: str | None
    priority: str | None
    event_type: str | None
    receiver_id: str | None
    card: str | None
    """In JSON; see `Card`."""


@attrs.frozen(kw_only=True)
class Wanted:
    """Which notices are asked for."""

    webhook_type: str | None = None
    status: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    receiver_id: str | None = None
    cards: bool = False
    """Only those with a card."""


_COLUMNS = (
    "number, url, message, webhook_type, template_id, status, attempts, created_at, sent_at, next_attempt_at, "
    "response_code, error_message, response_time_ms, message_type, priority, event_type, receiver_id, card"
)


def number_of(webhook_id: str) -> int:
    """The number in `webhook_<number>`.

    Raises:
        UnknownWebhook: It is no such id.
    """
    digits = webhook_id.removeprefix("webhook_")
    if digits == webhook_id or not (digits.isascii() and digits.isdecimal() and len(digits) < 16):
        raise UnknownWebhook(webhook_id)
    return int(digits)


def page(wanted: Wanted, limit: int, skip: int) -> Callable[[sqlite3.Connection], tuple[int, Sequence[Sent]]]:
    """How many are wanted, and a page of them, the newest first."""

    def query(connection: sqlite3.Connection) -> tuple[int, Sequence[Sent]]:
        where, values = _where(wanted)
        total: int = connection.execute(f"SELECT count(*) FROM webhooks {where}", values).fetchone()[0]  # noqa: S608 - ours
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM webhooks {where} ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608 - ours
            (*values, limit, skip),
        )
        return total, [_sent(row) for row in rows]

    return query


def _where(wanted: Wanted) -> tuple[str, tuple[object, ...]]:
    asked: dict[str, object] = {
        "webhook_type = ?": wanted.webhook_type,
        "status = ?": wanted.status,
        "receiver_id = ?": wanted.receiver_id,
        "created_at >= ?": None if wanted.start is None else wanted.start.timestamp(),
        "created_at < ?": None if wanted.end is None else wanted.end.timestamp(),
    }
    found = {condition: value for condition, value in asked.items() if value is not None}
    conditions = [*found, *(["card IS NOT NULL"] if wanted.cards else [])]
    return ("WHERE " + " AND ".join(conditions) if conditions else ""), tuple(found.values())


def one(webhook_id: str) -> Callable[[sqlite3.Connection], tuple[Sent, Sequence[AttemptMade]]]:
    """A notice, and its attempts, the first one first. Raises `UnknownWebhook`."""
    number = number_of(webhook_id)

    def query(connection: sqlite3.Connection) -> tuple[Sent, Sequence[AttemptMade]]:
        row = connection.execute(f"SELECT {_COLUMNS} FROM webhooks WHERE number = ?", (number,)).fetchone()  # noqa: S608 - ours
        if row is None:
            raise UnknownWebhook(webhook_id)
        attempts = connection.execute(
            "SELECT attempt, began_at, took_ms, response_code, error_message, answer FROM webhook_attempts"
            " WHERE webhook = ? ORDER BY attempt",
            (number,),
        )
        made = [AttemptMade(attempt, _instant(began), *rest) for attempt, began, *rest in attempts]
        return _sent(row), made

    return query


def retry(webhook_id: str) -> Callable[[sqlite3.Connection], None]:
    """Have a notice that was given up sent again, as if for the first time; its earlier attempts stay.

    Raises:
        UnknownWebhook: There is none.
        NotPossible: It was sent, or still waits.
    """
    return _changing(
        webhook_id,
        "failed",
        "UPDATE webhooks SET status = 'pending', attempts = 0, first_attempt_at = NULL, next_attempt_at = :now,"
        " error_message = NULL WHERE number = :number",
    )


def cancel(webhook_id: str) -> Callable[[sqlite3.Connection], None]:
    """Give a notice up that waits; an attempt that is on comes to its end. Raises as `retry`."""
    return _changing(
        webhook_id,
        "pending",
        f"UPDATE webhooks SET status = 'failed', next_attempt_at = NULL, error_message = '{CANCELLED}'"  # noqa: S608 - ours
        " WHERE number = :number AND :now > 0",
    )


def _changing(webhook_id: str, status: Status, statement: str) -> Callable[[sqlite3.Connection], None]:
    number = number_of(webhook_id)

    def transaction(connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT status FROM webhooks WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise UnknownWebhook(webhook_id)
        if row[0] != status:
            raise NotPossible(webhook_id, cast("Status", row[0]))
        connection.execute(statement, {"number": number, "now": time.time()})

    return transaction


@attrs.frozen(kw_only=True)
class Figures:
    """How some notices went."""

    total: int
    success: int
    failed: int
    pending: int
    last_sent: datetime | None
    p50_ms: float | None
    """Of the attempts that were taken, the latest ten thousand."""
    p95_ms: float | None

    @property
    def success_rate(self) -> float:
        """Percent of those that came to an end; 0 before the first."""
        ended = self.success + self.failed
        return 100.0 * self.success / ended if ended else 0.0


@attrs.frozen
class Statistics:
    """How all went, by type, and by receiver (masked addresses)."""

    whole: Figures
    types: Mapping[str, Figures]
    receivers: Mapping[str, Figures]


def figures(*, cards: bool = False) -> Callable[[sqlite3.Connection], Statistics]:
    """How the notices went that are remembered; *cards*: only those with a card."""

    def query(connection: sqlite3.Connection) -> Statistics:
        condition = "WHERE card IS NOT NULL" if cards else ""
        rows = connection.execute(
            "SELECT webhook_type, url, status, count(*), max(CASE WHEN status = 'success' THEN sent_at END)"  # noqa: S608 - ours
            f" FROM webhooks {condition} GROUP BY webhook_type, url, status"
        ).fetchall()
        times = connection.execute(
            "SELECT webhook_type, url, response_time_ms FROM webhooks"  # noqa: S608 - ours
            f" {condition or 'WHERE 1'} AND status = 'success' ORDER BY number DESC LIMIT ?",
            (MEASURED,),
        ).fetchall()
        counted = [(kind, mask_addresses(url), *rest) for kind, url, *rest in rows]
        timed = [(kind, mask_addresses(url), took) for kind, url, took in times]
        return Statistics(
            _figures(counted, timed),
            {
                kind: _figures([r for r in counted if r[0] == kind], [t for t in timed if t[0] == kind])
                for kind in sorted({row[0] for row in counted})
            },
            {
                address: _figures([r for r in counted if r[1] == address], [t for t in timed if t[1] == address])
                for address in sorted({row[1] for row in counted})
            },
        )

    return query


def _figures(rows: Sequence[tuple[object, ...]], timed: Sequence[tuple[object, ...]]) -> Figures:
    counts = dict.fromkeys(STATUSES, 0)
    last: float | None = None
    for row in rows:
        counts[cast("Status", row[2])] += cast("int", row[3])
        if row[4] is not None:
            last = max(last or 0.0, cast("float", row[4]))
    times = sorted(cast("float", row[2]) for row in timed if row[2] is not None)
    cuts = statistics.quantiles(times, n=20, method="inclusive") if len(times) > 1 else [times[0]] * 19 if times else []
    return Figures(
        total=sum(counts.values()),
        success=counts["success"],
        failed=counts["failed"],
        pending=counts["pending"],
        last_sent=None if last is None else _instant(last),
        p50_ms=cuts[9] if cuts else None,
        p95_ms=cuts[18] if cuts else None,
    )


def _sent(row: Sequence[object]) -> Sent:
    (number, url, message, kind, template, status, attempts, created, sent_at, again_at, *rest) = row
    code, error, took, message_type, priority, event_type, receiver_id, card = rest
    return Sent(
        id=f"webhook_{number}",
        address=mask_addresses(cast("str", url)),
        message=cast("str", message),
        webhook_type=cast("WebhookType", kind),
        template_id=cast("str | None", template),
        status=cast("Status", status),
        attempts=cast("int", attempts),
        created_at=_instant(cast("float", created)),
        sent_at=_instant(cast("float", sent_at)),
        next_attempt_at=None if again_at is None or status != "pending" else _instant(cast("float", again_at)),
        response_code=cast("int | None", code),
        error_message=cast("str | None", error),
        response_time_ms=cast("float | None", took),
        message_type=cast("str | None", message_type),
        priority=cast("str | None", priority),
        event_type=cast("str | None", event_type),
        receiver_id=cast("str | None", receiver_id),
        card=cast("str | None", card),
    )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
