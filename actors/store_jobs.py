"""A write on its way to the store's thread."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

import attrs
import outcome

T = TypeVar("T")

log = logging.getLogger("actors.store")

Transaction: TypeAlias = Callable[[sqlite3.Connection], T]
"""Called with a connection, in a worker thread; everything it does is committed together or not at all."""


@attrs.define(eq=False)
class Job(Generic[T]):
    """One write on its way to the thread: begun there, or given up here, never both."""

    transaction: Transaction[T]
    durable: bool
    lock: threading.Lock = attrs.field(factory=threading.Lock)
    begun: bool = False
    given_up: bool = False

    def begin(self) -> bool:
        with self.lock:
            self.begun = not self.given_up
            return self.begun

    def give_up(self) -> bool:
        """Whether it is certain that it will not be carried out."""
        with self.lock:
            self.given_up = True
            return not self.begun


@attrs.frozen(eq=False)
class Later:
    """One write that nobody waits for in a thread."""

    transaction: Transaction[Any]
    then: Callable[[outcome.Outcome[Any]], object] | None
    durable: bool

    def done(self, result: outcome.Outcome[Any]) -> None:
        if self.then is None:
            return
        try:
            self.then(result)
        except Exception:  # somebody else's; the store goes on
            log.exception("store.follow_up_failed next=go_on")
