"""Alerts in the store: those that last, those whose end is still to be told, and what was. Runs in its thread."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import attrs
import msgspec

from actors.alerts.messages import Alert, Silence, Standing
from actors.settings import MaintenanceWindow
from actors.store import Migrations

KEPT = 10_000
"""Alerts that are remembered; of more the oldest go, but for those that last."""

MIGRATIONS = Migrations(
    "alerts",
    (
        """CREATE TABLE alerts (
            number INTEGER PRIMARY KEY, source TEXT NOT NULL, key TEXT NOT NULL, level TEXT NOT NULL,
            code TEXT NOT NULL, detail TEXT NOT NULL, filled TEXT NOT NULL, service_id TEXT,
            raised_at REAL NOT NULL, changed_at REAL NOT NULL, cleared_at REAL, duration REAL,
            cleared_detail TEXT NOT NULL, told_level TEXT, told_end INTEGER NOT NULL, muted TEXT,
            acknowledged_at REAL, acknowledged_by TEXT, comment TEXT, silenced_until REAL, open INTEGER NOT NULL);
CREATE INDEX alerts_open ON alerts (number) WHERE open;
CREATE INDEX alerts_named ON alerts (source, key, number);
CREATE TABLE alert_silences (pattern TEXT PRIMARY KEY, until REAL NOT NULL, made_by TEXT, comment TEXT);
CREATE TABLE alert_windows (number INTEGER PRIMARY KEY, content TEXT NOT NULL)""",
    ),
)

_TIMES = ("raised_at", "changed_at", "cleared_at", "acknowledged_at", "silenced_until")
_COLUMNS = (
    "number", "source", "key", "level", "code", "detail", "filled", "service_id", "raised_at", "changed_at",
    "cleared_at", "duration", "cleared_detail", "told_level", "told_end", "muted", "acknowledged_at",
    "acknowledged_by", "comment", "silenced_until", "open",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Kept:
    """What was kept when we ended."""

    next_number: int
    active: Sequence[Alert]
    ending: Sequence[Alert]
    silences: Sequence[Silence]
    windows: Sequence[Standing]
    told: Sequence[tuple[str, str, datetime]]
    """Source, key, and when it was last raised, of alerts that people were told of."""


@attrs.frozen
class AlertPage:
    """Alerts, newest first, and how many there are in all."""

    alerts: tuple[Alert, ...]
    total: int


def load(connection: sqlite3.Connection) -> Kept:
    """What matters of what was kept."""
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM alerts WHERE open ORDER BY number").fetchall()  # noqa: S608
    alerts = [_alert(row) for row in rows]
    last = connection.execute("SELECT coalesce(max(number), 0) FROM alerts").fetchone()[0]
    told = connection.execute(
        "SELECT source, key, max(raised_at) FROM alerts WHERE told_level IS NOT NULL GROUP BY source, key "
        "ORDER BY max(number) DESC LIMIT 1000"
    ).fetchall()
    silences = connection.execute("SELECT pattern, until, made_by, comment FROM alert_silences").fetchall()
    windows = connection.execute("SELECT number, content FROM alert_windows ORDER BY number").fetchall()
    return Kept(
        next_number=last + 1,
        active=[alert for alert in alerts if alert.active],
        ending=[alert for alert in alerts if not alert.active],
        silences=[
            Silence(pattern=pattern, until=_instant(until), by=by, comment=comment)
            for pattern, until, by, comment in silences
        ],
        windows=[Standing(number, _window(content)) for number, content in windows],
        told=[(source, key, _instant(at)) for source, key, at in told],
    )


def save(connection: sqlite3.Connection, alert: Alert) -> None:
    """Keep *alert* as it is now; how often does not matter."""
    values = attrs.asdict(alert, recurse=False)
    values["filled"] = msgspec.json.encode(dict(alert.values)).decode()
    values["duration"] = None if alert.duration is None else alert.duration.total_seconds()
    values["open"] = alert.active or (alert.told_level is not None and not alert.told_end)
    for name in _TIMES:
        at = cast("datetime | None", values[name])
        values[name] = None if at is None else at.timestamp()
    marks = ", ".join(f":{name}" for name in _COLUMNS)
    connection.execute(
        f"INSERT OR REPLACE INTO alerts ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608
        {name: values[name] for name in _COLUMNS},
    )
    if not values["open"]:
        connection.execute(
            "DELETE FROM alerts WHERE NOT open AND number < "
            "(SELECT min(number) FROM (SELECT number FROM alerts ORDER BY number DESC LIMIT ?))",
            (KEPT,),
        )


def save_silence(connection: sqlite3.Connection, silence: Silence) -> None:
    """Keep *silence*, and forget those that are over by the time it is made."""
    connection.execute("DELETE FROM alert_silences WHERE until <= ?", (datetime.now(UTC).timestamp(),))
    connection.execute(
        "INSERT OR REPLACE INTO alert_silences VALUES (?, ?, ?, ?)",
        (silence.pattern, silence.until.timestamp(), silence.by, silence.comment),
    )


def save_window(connection: sqlite3.Connection, standing: Standing) -> None:
    """Keep a maintenance window."""
    content = {name: value for name, value in attrs.asdict(standing.window).items() if value not in (None, (), "")}
    for name in ("start", "end"):
        if name in content:
            content[name] = cast("datetime", content[name]).isoformat()
    connection.execute(
        "INSERT OR REPLACE INTO alert_windows VALUES (?, ?)", (standing.number, msgspec.json.encode(content).decode())
    )


def forget_window(connection: sqlite3.Connection, number: int) -> None:
    """Forget a maintenance window."""
    connection.execute("DELETE FROM alert_windows WHERE number = ?", (number,))


def page(connection: sqlite3.Connection, *, limit: int, skip: int, levels: Sequence[str] = ()) -> AlertPage:
    """Alerts, newest first: *limit* of them but for the newest *skip*; of all levels unless some are named."""
    where = f"WHERE level IN ({', '.join('?' * len(levels))})" if levels else ""
    total: int = connection.execute(f"SELECT count(*) FROM alerts {where}", levels).fetchone()[0]  # noqa: S608
    rows = connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM alerts {where} ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608
        (*levels, limit, skip),
    ).fetchall()
    return AlertPage(tuple(_alert(row) for row in rows), total)


def find(connection: sqlite3.Connection, number: int) -> Alert | None:
    """The alert of this number, if it is remembered."""
    row = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM alerts WHERE number = ?", (number,)).fetchone()  # noqa: S608
    return None if row is None else _alert(row)


def _alert(row: Sequence[Any]) -> Alert:
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    del values["open"]
    values["values"] = msgspec.json.decode(values.pop("filled"))
    values["told_end"] = bool(values["told_end"])
    if values["duration"] is not None:
        values["duration"] = timedelta(seconds=values["duration"])
    for name in _TIMES:
        if values[name] is not None:
            values[name] = _instant(values[name])
    return Alert(**values)


def _window(content: str) -> MaintenanceWindow:
    table = msgspec.json.decode(content, type=dict[str, Any])
    for name in ("start", "end"):
        if name in table:
            table[name] = datetime.fromisoformat(table[name])
    return MaintenanceWindow(**table)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
