"""What reports remember: the last one that was due and made, and what has been counted since."""

import sqlite3

import attrs

from actors.services.monitors.report.tally import Tally, decoded
from actors.store import Migrations
from actors.webhooks.messages import Notice, NoticeError, put_notice

_TABLES = """
CREATE TABLE reports (
    service TEXT PRIMARY KEY,
    done_until REAL NOT NULL,
    tally TEXT NOT NULL
);
"""

MIGRATIONS = Migrations("reports", (_TABLES,))


@attrs.frozen
class ReportRow:
    """What is remembered of one report."""

    done_until: float
    """The due time, in seconds since 1970, of the last one that was made; or when it was first watched."""
    tally: Tally | None
    """None where a later version wrote it."""


def report_row(connection: sqlite3.Connection, service: str) -> ReportRow | None:
    """What is remembered of one report; None for a new one."""
    row = connection.execute("SELECT done_until, tally FROM reports WHERE service = ?", (service,)).fetchone()
    return None if row is None else ReportRow(row[0], decoded(row[1]))


def begin(connection: sqlite3.Connection, service: str, now: float, tally: str) -> None:
    """A report is watched for the first time: what was due before is none of its business."""
    connection.execute("INSERT OR IGNORE INTO reports VALUES (?, ?, ?)", (service, now, tally))


def keep(connection: sqlite3.Connection, service: str, tally: str) -> None:
    """Remember what was counted so far."""
    connection.execute("UPDATE reports SET tally = ? WHERE service = ?", (tally, service))


def make(connection: sqlite3.Connection, service: str, due: float, following: str, notice: Notice, plain: str) -> str:
    """Send the report that was due, unless it was made already; in one transaction, so that each is made once.

    Args:
        connection: Within a transaction of the store.
        service: Whose report.
        due: When it was due.
        following: The tally that begins now.
        notice: The message, with its template.
        plain: What is sent instead if the template cannot be used.

    Returns:
        `made`; `made_plain`; `refused`, where the address takes no message; or `known`, where it was made before.
    """
    row = connection.execute("SELECT done_until FROM reports WHERE service = ?", (service,)).fetchone()
    if row is not None and row[0] >= due:
        return "known"
    connection.execute("INSERT OR REPLACE INTO reports VALUES (?, ?, ?)", (service, due, following))
    for attempt, word in ((notice, "made"), (attrs.evolve(notice, template_id=None, message=plain), "made_plain")):
        try:
            put_notice(connection, attempt)
        except NoticeError:
            continue
        return word
    return "refused"
