"""Deployments in the database: each as it was before its last step."""

import sqlite3
from collections.abc import Sequence
from typing import cast

import attrs
import msgspec

from actors.deploy.messages import Deployment
from actors.store import Migrations

MIGRATIONS = Migrations(
    "deployments",
    (
        """CREATE TABLE deployments
        (number INTEGER PRIMARY KEY AUTOINCREMENT, over INTEGER NOT NULL DEFAULT 0, record TEXT NOT NULL)""",
    ),
)

KEPT = 1_000
"""Deployments; the oldest goes."""


def begun(connection: sqlite3.Connection, draft: Deployment) -> Deployment:
    """*draft* as it was kept, with its number."""
    cursor = connection.execute("INSERT INTO deployments (record) VALUES ('')")
    deployment = attrs.evolve(draft, id=f"deployment_{cursor.lastrowid}")
    put(connection, deployment)
    connection.execute("DELETE FROM deployments WHERE over AND number <= ?", (cast("int", cursor.lastrowid) - KEPT,))
    return deployment


def put(connection: sqlite3.Connection, deployment: Deployment) -> None:
    """Keep it as it is."""
    record = msgspec.json.encode(deployment).decode()
    number = int(deployment.id.rpartition("_")[2])
    connection.execute(
        "UPDATE deployments SET record = ?, over = ? WHERE number = ?", (record, deployment.is_over, number)
    )


def newest(connection: sqlite3.Connection, limit: int) -> Sequence[Deployment]:
    """The newest, newest first."""
    found = connection.execute("SELECT record FROM deployments ORDER BY number DESC LIMIT ?", (limit,))
    return [msgspec.json.decode(cast("str", row[0]), type=Deployment) for row in found]


def not_over(connection: sqlite3.Connection) -> Sequence[Deployment]:
    """Those that nobody ended, oldest first."""
    found = connection.execute("SELECT record FROM deployments WHERE NOT over ORDER BY number")
    return [msgspec.json.decode(cast("str", row[0]), type=Deployment) for row in found]
