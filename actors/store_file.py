"""The database's file: opening it, what becomes of one that is broken, and its companions on the disk. Blocks."""

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import attrs

from actors.store_errors import NewerSchema, StoreFull, StoreUnavailable

log = logging.getLogger("actors.store")

BUSY_SECONDS = 10.0
"""How long a statement waits for another process that has the file locked, such as a backup."""
CHECK_SECONDS = 0.5
"""How long the file is looked over when it is opened: services wait for it. Tens of megabytes are read in that."""
WAL_LIMIT = 8 * 1024 * 1024
"""Bytes to which the write-ahead log is cut once nobody reads from it any more."""
WAL_CHECKPOINT_PAGES = 1000
"""Pages of 4 KiB in that log after which SQLite moves them into the database: its own default, said here to be seen."""
BALLAST_BYTES = 1024 * 1024
"""A file beside the database that is removed to make room on a full disk: after SQLITE_FULL even DELETE fails."""
BALLAST_ROOM = 8
"""So many times its size must be free before it is laid down again, or it would fill the disk itself."""

_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_COMPANIONS = ("", "-wal", "-shm")


@attrs.frozen
class Migrations:
    """The tables of one domain: each script leads from one version to the next, and is never changed again."""

    domain: str
    scripts: tuple[str, ...]


class StoreFile:
    """The file at *path*, its write-ahead log and its ballast."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ballast = path.with_name(path.name + ".ballast")
        self.moved_to: Path | None = None
        """Where a broken database was put when it was opened."""

    def open(self, domains: Sequence[Migrations]) -> sqlite3.Connection:
        """A connection for writing, with every table up to date.

        A file that is no database any more is moved aside and a new one begun.

        Raises:
            NewerSchema: A later version wrote it.
            StoreFull: No room to open it.
            StoreUnavailable: It cannot be opened.
        """
        try:
            try:
                return self._opened(domains)
            except sqlite3.DatabaseError as error:
                if code_of(error) not in _BROKEN:
                    raise
                self._move_aside(error)
                return self._opened(domains)
        except sqlite3.Error as error:
            raise self.explained(error) from error
        except OSError as error:
            raise StoreUnavailable(self.path, str(error)) from error

    def connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        """A connection. Used by one thread at a time, though not always the same one."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
            if read_only:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def explained(self, error: sqlite3.Error) -> Exception:
        """What a caller gets for *error*: a mistake in a statement is a bug, and goes up as it is."""
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
            return error
        code = code_of(error)
        if code == sqlite3.SQLITE_FULL:
            return StoreFull(self.path)
        if code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE):
            return error
        return StoreUnavailable(self.path, str(error))

    # -- room

    def drop_ballast(self) -> bool:
        """Make room by removing the ballast; False when there is none any more."""
        try:
            self.ballast.unlink()
        except OSError:
            return False
        return True

    def lay_ballast(self) -> bool:
        """Have the ballast lie there, if there is room for it; whether it does."""
        try:
            if self.ballast.exists() and self.ballast.stat().st_size == BALLAST_BYTES:
                return True
            if shutil.disk_usage(self.path.parent).free < BALLAST_ROOM * BALLAST_BYTES:
                return False
            # Random bytes: a file system that compresses would keep no room for zeros.
            with self.ballast.open("wb") as file:
                file.write(os.urandom(BALLAST_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                self.ballast.unlink(missing_ok=True)
            return False
        return True

    def wal_bytes(self) -> int:
        """How large the write-ahead log is."""
        try:
            return self.path.with_name(self.path.name + "-wal").stat().st_size
        except OSError:
            return 0

    # -- opening

    def _opened(self, domains: Sequence[Migrations]) -> sqlite3.Connection:
        connection = self.connect()
        try:
            _look_over(connection)
            for domain in domains:
                self._migrate(connection, domain)
        except BaseException:
            with suppress(sqlite3.Error):
                connection.close()
            raise
        return connection

    def _move_aside(self, error: sqlite3.Error) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        target = self.path.with_name(f"{self.path.name}.broken-{stamp}")
        for companion in _COMPANIONS:
            source = self.path.with_name(self.path.name + companion)
            if source.exists():
                source.rename(target.with_name(target.name + companion))
        self.moved_to = target
        log.error("store.broken path=%s error=%s moved_to=%s next=begin_a_new_one", self.path, error, target)

    def _migrate(self, connection: sqlite3.Connection, domain: Migrations) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS schema_versions (domain TEXT PRIMARY KEY, version INTEGER)")
        row = connection.execute("SELECT version FROM schema_versions WHERE domain = ?", (domain.domain,)).fetchone()
        found: int = row[0] if row else 0
        if found > len(domain.scripts):
            raise NewerSchema(self.path, domain.domain, found, len(domain.scripts))
        for number, script in enumerate(domain.scripts[found:], found + 1):
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in script.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute("INSERT OR REPLACE INTO schema_versions VALUES (?, ?)", (domain.domain, number))
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back already
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def code_of(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _look_over(connection: sqlite3.Connection) -> None:
    """Read through the file for `CHECK_SECONDS`.

    Raises:
        sqlite3.DatabaseError: SQLITE_CORRUPT, it is broken.
    """
    until = time.monotonic() + CHECK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
    try:
        found: tuple[str] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if code_of(error) != sqlite3.SQLITE_INTERRUPT:  # time is up, and nothing was found so far
            raise
    else:
        if found[0] != "ok":
            broken = sqlite3.DatabaseError(found[0])
            broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise broken
    finally:
        connection.set_progress_handler(None, 0)
