"""The tables of what happened to services, and the transactions on them."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import attrs

from actors.services.messages import Happened
from actors.services.uptime import DAY, WINDOWS, Mark
from actors.store import Migrations

What: TypeAlias = Literal["state", "health", "wanted", "configured", "monitored"]

KEPT = 10_000
"""Events of one service that are kept."""
KEPT_SECONDS = 90 * DAY

# `at` is the time of day of an event, for people; `steady` is where it is on the line that uptime is counted on. Every
# row says what the service was like after it: what is left of a history that was trimmed needs nothing before it.
_EVENTS = """
CREATE TABLE service_events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    life INTEGER NOT NULL,
    service TEXT NOT NULL,
    at REAL NOT NULL,
    steady REAL NOT NULL,
    what TEXT NOT NULL,
    old TEXT,
    new TEXT,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    pid INTEGER,
    exit_code INTEGER,
    signal TEXT,
    state TEXT NOT NULL,
    wanted TEXT NOT NULL,
    health TEXT NOT NULL
);
CREATE INDEX service_events_of ON service_events (service, number);
CREATE INDEX service_events_at ON service_events (steady);
CREATE TABLE service_lives (
    life INTEGER PRIMARY KEY,
    alive REAL NOT NULL,
    ended INTEGER NOT NULL
);
CREATE TABLE service_wanted (
    service TEXT PRIMARY KEY,
    wanted TEXT NOT NULL,
    at REAL NOT NULL
);
"""

MIGRATIONS = Migrations("service_history", (_EVENTS,))


@attrs.frozen
class Snapshot:
    """What a service is like, by the values of its enumerations."""

    state: str = "stopped"
    wanted: str = "down"
    health: str = "unknown"

    def after(self, event: Happened) -> "Snapshot":
        """What it is like after *event*."""
        if event.what in ("state", "wanted", "health") and event.new is not None:
            return attrs.evolve(self, **{event.what: event.new})
        return self


@attrs.frozen
class Entry:
    """One row to be."""

    event: Happened
    steady: float
    after: Snapshot


@attrs.frozen
class Event:
    """One thing that happened, and its number: those of all services rise with time."""

    number: int
    happened: Happened


def add(life: int, entries: Sequence[Entry]) -> Callable[[sqlite3.Connection], None]:
    """Keep *entries*."""
    values = [
        (
            life,
            e.event.service_id,
            e.event.at.timestamp(),
            e.steady,
            e.event.what,
            e.event.old,
            e.event.new,
            e.event.reason,
            e.event.detail,
            e.event.pid,
            e.event.exit_code,
            e.event.signal,
            e.after.state,
            e.after.wanted,
            e.after.health,
        )
        for e in entries
    ]

    def transaction(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO service_events (life, service, at, steady, what, old, new, reason, detail, pid, exit_code,"
            " signal, state, wanted, health) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )

    return transaction


def begin(life: int, now: float) -> Callable[[sqlite3.Connection], None]:
    """Begin a life, and end those that were cut off, with all that they watched, where they were last alive."""
    last = (
        "SELECT number FROM service_events AS later"
        " WHERE later.service = service_events.service ORDER BY number DESC LIMIT 1"
    )

    def transaction(connection: sqlite3.Connection) -> None:
        cut_off = connection.execute("SELECT life, alive FROM service_lives WHERE NOT ended").fetchall()
        for other, alive in cut_off:
            # What a service did last it did alive, too.
            connection.execute(
                "INSERT INTO service_events (life, service, at, steady, what, old, new, reason, detail, state, wanted,"  # noqa: S608 - ours
                " health) SELECT life, service, max(at, ?), max(steady, ?), 'monitored', 'begin', 'end', 'killed',"
                " 'WatchHamster ended without a word', state, wanted, health FROM service_events"
                f" WHERE life = ? AND number = ({last}) AND NOT (what = 'monitored' AND new = 'end')",
                (alive, alive, other),
            )
        connection.execute("DELETE FROM service_lives")
        connection.execute("INSERT INTO service_lives VALUES (?, ?, 0)", (life, now))

    return transaction


def stay_alive(life: int, now: float, *, ended: bool = False) -> Callable[[sqlite3.Connection], None]:
    """Note that *life* goes on, or that it *ended* in order."""

    def transaction(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE service_lives SET alive = ?, ended = ? WHERE life = ?", (now, ended, life))

    return transaction


def trim(now: float) -> Callable[[sqlite3.Connection], int]:
    """Forget what is too old or too much; how many."""

    def transaction(connection: sqlite3.Connection) -> int:
        gone = connection.execute("DELETE FROM service_events WHERE steady < ?", (now - KEPT_SECONDS,)).rowcount
        many = "SELECT service FROM service_events GROUP BY service HAVING count(*) > ?"
        for (service,) in connection.execute(many, (KEPT,)).fetchall():
            oldest = "SELECT number FROM service_events WHERE service = ? ORDER BY number DESC LIMIT 1 OFFSET ?"
            (number,) = connection.execute(oldest, (service, KEPT)).fetchone()
            old = "DELETE FROM service_events WHERE service = ? AND number <= ?"
            gone += connection.execute(old, (service, number)).rowcount
        return gone

    return transaction


def events(
    service: str | None, *, limit: int, before: int | None, what: Iterable[str]
) -> Callable[[sqlite3.Connection], tuple[Event, ...]]:
    """The newest *limit* events, newest first: of one service or all, below number *before*, of these kinds or all."""
    kinds = tuple(what)
    conditions = ["1"]
    values: list[object] = []
    if service is not None:
        conditions.append("service = ?")
        values.append(service)
    if before is not None:
        conditions.append("number < ?")
        values.append(before)
    if kinds:
        conditions.append(f"what IN ({', '.join('?' * len(kinds))})")
        values += kinds
    query = (
        "SELECT number, service, at, what, old, new, reason, detail, pid, exit_code, signal FROM service_events"  # noqa: S608 - ours
        f" WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?"
    )

    def transaction(connection: sqlite3.Connection) -> tuple[Event, ...]:
        return tuple(
            Event(number, Happened(of, datetime.fromtimestamp(at, UTC), *rest))
            for number, of, at, *rest in connection.execute(query, (*values, limit))
        )

    return transaction


def marks(service: str, now: float, *, monitor: bool) -> Callable[[sqlite3.Connection], tuple[Mark, ...]]:
    """What uptime is made of, as far back as the longest window goes, and one mark more.

    A service is to be up while that is wanted of it and it did not end as it should: a job that is done, or waits for
    its time, is not down. It is up while it runs; a monitor only if what it watches is not down.
    """
    start = now - max(WINDOWS.values())
    query = (
        "SELECT life, steady, what, new, state, wanted, health FROM service_events WHERE service = ? AND number >="
        " coalesce((SELECT max(number) FROM service_events WHERE service = ? AND steady < ?), 0) ORDER BY number"
    )

    def transaction(connection: sqlite3.Connection) -> tuple[Mark, ...]:
        found: list[Mark] = []
        for life, at, what, new, state, wanted, health in connection.execute(query, (service, service, start)):
            watched = not (what == "monitored" and new == "end")
            counted = watched and wanted == "up" and state not in ("exited", "stopped")
            up = state == "running" and not (monitor and health == "unhealthy")
            found.append(Mark(life, at, counted, up))
        return tuple(found)

    return transaction


def wanted(connection: sqlite3.Connection) -> Mapping[str, str]:
    """What was last commanded of each service that was ever commanded anything."""
    return dict(connection.execute("SELECT service, wanted FROM service_wanted").fetchall())


def put_wanted(service: str, wanted: str, now: float) -> Callable[[sqlite3.Connection], None]:
    """Keep what was commanded of a service."""

    def transaction(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR REPLACE INTO service_wanted VALUES (?, ?, ?)", (service, wanted, now))

    return transaction


def forget_wanted(service: str) -> Callable[[sqlite3.Connection], None]:
    """Forget what was commanded of a service that is no more."""

    def transaction(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM service_wanted WHERE service = ?", (service,))

    return transaction
