"""Notes what became of attempts, several in one transaction, and takes the next ones along with it."""

import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable

import attrs
import trio

from actors.store import Store, StoreError
from actors.webhooks import rows
from actors.webhooks.rules import RetryPolicy

log = logging.getLogger("actors.webhooks")

AHEAD = 8
"""Notices whose attempt is noted before it is their turn, at most: so many attempts more a kill may cost. Twice as many
are taken as outcomes were noted together: with a slow receiver that is two, and with a fast one the disk waits less."""


@attrs.define(eq=False)
class Desk:
    """What is remembered of a sender beside it, so that the next incarnation goes on where this one was."""

    receiver: str
    woken: bool = False
    """It was told that there is something, and has not looked yet."""
    rests_until: float | None = None
    """On Trio's clock; None: not yet looked up."""
    failures: int = 0
    """In a row."""
    turns: deque[rows.Waiting] = attrs.field(factory=deque[rows.Waiting])
    under_way: int | None = None
    """Number of the notice that is being sent: it is not to be taken a second time, however long that takes."""
    """What was taken and noted already, in its order."""
    due_at: float | None = None
    """When there is something again, seconds since 1970, where nothing is now; None: all is done."""
    outcomes: list[rows.Outcome] = attrs.field(factory=list[rows.Outcome])
    """What became of attempts and is not noted yet."""


class Notes:
    """The notes of one sender. One note at a time; what comes meanwhile is noted together, next."""

    def __init__(
        self,
        desk: Desk,
        store: Store,
        policy: RetryPolicy,
        told: Callable[[rows.Outcome, str | None], None],
    ) -> None:
        """*told* is called with each outcome once it is noted, and with why its address is disabled by it."""
        self._desk = desk
        self._store = store
        self._policy = policy
        self._told = told
        self._lock = trio.Lock()

    async def take(self) -> None:
        """Have the next turn at hand, if there is one.

        Raises:
            StoreError: Nobody would know afterwards, so nothing is to be sent.
        """
        async with self._lock:
            if not self._desk.turns:
                await self._write(take=1)

    async def settle(self, *, take: bool) -> None:
        """Note all outcomes so far, and with *take* have turns at hand. A store that fails does so later."""
        async with self._lock:
            desk = self._desk
            if not desk.outcomes:
                return  # somebody else noted them
            wanted = min(AHEAD, 2 * len(desk.outcomes)) - len(desk.turns) if take else 0
            try:
                await self._write(take=max(0, wanted))
            except StoreError as error:
                # Not sent a second time meanwhile: an attempt is made only after it could be noted.
                log.warning("webhooks.outcome_not_noted error=%s next=later", error)
                for outcome in self._emptied():
                    self._store.write_later(rows.settle(outcome, self._policy))
                    self._told(outcome, None)

    async def give_back(self) -> None:
        """Have what was taken and is not going to be sent soon as if it had not been taken."""
        async with self._lock:
            turns = tuple(self._desk.turns)
            if turns:
                self._desk.turns.clear()
                self._store.write_later(lambda connection: rows.give_back(connection, turns))

    def _emptied(self) -> list[rows.Outcome]:
        outcomes, self._desk.outcomes = self._desk.outcomes, []
        return outcomes

    async def _write(self, *, take: int) -> None:
        desk, policy = self._desk, self._policy
        outcomes = tuple(desk.outcomes)
        settling = [rows.settle(outcome, policy) for outcome in outcomes]
        known = [turn.number for turn in desk.turns]
        if desk.under_way is not None:
            known.append(desk.under_way)

        def transaction(connection: sqlite3.Connection) -> tuple[list[str | None], list[rows.Turn]]:
            why = [settle(connection) for settle in settling]
            turns: list[rows.Turn] = []
            while len(turns) < take:
                taken = [turn.notice.number for turn in turns if turn.notice is not None]
                turn = rows.take(desk.receiver, time.time(), policy, (*known, *taken))(connection)
                turns.append(turn)
                if turn.notice is None:
                    break
            return why, turns

        # A power cut that undoes this, or the outcome, costs one more attempt with the same id.
        why, turns = await self._store.write(transaction, durable=False)
        desk.outcomes = desk.outcomes[len(outcomes) :]
        for turn in turns:
            if turn.notice is not None:
                desk.turns.append(turn.notice)
            else:
                desk.due_at = turn.due_at
        for outcome, disabled in zip(outcomes, why, strict=True):
            self._told(outcome, disabled)
