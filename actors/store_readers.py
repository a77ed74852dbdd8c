"""Reading from the store, in a thread."""

import sqlite3
import threading
from contextlib import suppress
from typing import TypeVar

import trio

from actors.store_errors import StoreUnavailable
from actors.store_file import StoreFile
from actors.store_jobs import Transaction

T = TypeVar("T")

LOOK_STEPS = 10_000
"""Steps of SQLite's machine between two looks whether the reader was cancelled: some hundred microseconds."""


class Readers:
    """Connections that cannot change anything, kept for the next who reads."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    def read(self, query: Transaction[T]) -> T:
        """What *query* returns, of one instant. Blocks, in a thread of Trio; cancelled, it ends within moments.

        Raises:
            StoreUnavailable: Closed or broken.
        """
        if self._closed:
            raise StoreUnavailable(self._file.path, "it is closed")
        stopped = threading.Event()

        def look_around() -> int:
            try:
                trio.from_thread.check_cancelled()
            except trio.Cancelled:
                stopped.set()
                return 1
            return 0

        try:
            connection = self._taken()
            connection.set_progress_handler(look_around, LOOK_STEPS)
            try:
                connection.execute("BEGIN")
                return query(connection)
            finally:
                connection.set_progress_handler(None, 0)
                self._give_back(connection)
        except sqlite3.Error as error:
            if stopped.is_set():
                trio.from_thread.check_cancelled()
            raise self._file.explained(error) from error

    def close(self) -> None:
        """Close those that nobody uses; the others are closed by who does."""
        self._closed = True
        while self._idle:
            close(self._idle.pop())

    def _taken(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()  # in one step: threads do this at the same time
        except IndexError:
            return self._file.connect(read_only=True)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        if self._closed:
            close(connection)
        else:
            self._idle.append(connection)


def close(connection: sqlite3.Connection) -> None:
    """Close *connection*, whatever state it is in."""
    with suppress(sqlite3.Error):
        connection.close()
