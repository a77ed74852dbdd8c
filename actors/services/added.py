"""Services that were added at run time, and are there again after a restart: their table in the store."""

import logging
import sqlite3
from collections.abc import Sequence
from typing import cast

import msgspec

from actors.setting_rules import SettingProblem
from actors.settings import ServiceSettings, read_service, service_problems, service_table
from actors.store import Migrations, Store

log = logging.getLogger("actors.services")

MIGRATIONS = Migrations(
    "services",
    ("CREATE TABLE added_services (id TEXT PRIMARY KEY, place INTEGER NOT NULL, keys TEXT NOT NULL)",),
)
"""`place` orders them by when they were added; `keys` are those of hamster.toml as JSON."""


async def read_added(store: Store) -> list[ServiceSettings]:
    """Those that were kept, oldest first. One that this version cannot read stays in the store and is logged.

    Raises:
        StoreUnavailable: As the store says.
    """

    def query(connection: sqlite3.Connection) -> list[tuple[str, str]]:
        return connection.execute("SELECT id, keys FROM added_services ORDER BY place").fetchall()

    found: list[ServiceSettings] = []
    for service_id, keys in await store.read(query):
        service, problems = _read(service_id, keys)
        if service is None:
            set_aside(service_id, problems)
        else:
            found.append(service)
    return found


def _read(service_id: str, keys: str) -> tuple[ServiceSettings | None, Sequence[object]]:
    try:
        table: object = msgspec.json.decode(keys)
    except msgspec.DecodeError as error:
        return None, [error]
    if not isinstance(table, dict):
        return None, ["no table"]
    return read_service(service_id, cast("dict[str, object]", table), origin="api")


def fitting(configured: Sequence[ServiceSettings], added: Sequence[ServiceSettings]) -> list[ServiceSettings]:
    """Those of *added* that can be beside the *configured* ones, which were given meanwhile and win; in order.

    The others stay in the store and are logged.
    """
    left = list(added)
    while problems := service_problems((*configured, *left)):
        culprits = _named(problems, left)
        if not culprits:
            return []  # the configured ones are at odds with each other: somebody else says so
        for service in culprits:
            left.remove(service)
            own = [problem for problem in problems if service.id in (problem.got, *problem.path)]
            set_aside(service.id, own or problems)
    return left


def _named(problems: Sequence[SettingProblem], added: Sequence[ServiceSettings]) -> list[ServiceSettings]:
    """The added services that *problems* are about; where a configured one's instances need their id, those."""
    words = {str(word) for problem in problems for word in (problem.got, *problem.path)}
    named = [service for service in added if service.id in words]
    text = " ".join(str(problem) for problem in problems)
    return named or [service for service in added if f"'{service.id}'" in text]


def set_aside(service_id: str, problems: Sequence[object]) -> None:
    """Say that a service is not there although it was added."""
    why = " | ".join(map(str, problems))
    log.error("services.set_aside service=%s why=%r next=keep_it_in_the_store", service_id, why)


async def keep(store: Store, service: ServiceSettings) -> None:
    """Keep *service*, in the place of one of the same id or as the last; it is on the disk when this returns.

    Raises:
        StoreError: As `Store.write` does.
    """
    keys = msgspec.json.encode(service_table(service)).decode()

    def transaction(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO added_services VALUES (?, (SELECT COALESCE(MAX(place), 0) + 1 FROM added_services), ?) "
            "ON CONFLICT (id) DO UPDATE SET keys = excluded.keys",
            (service.id, keys),
        )

    await store.write(transaction)


async def forget(store: Store, service_id: str) -> None:
    """Keep the service no longer. Raises as `keep` does."""

    def transaction(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM added_services WHERE id = ?", (service_id,))

    await store.write(transaction)
