"""What happened to services: kept as it happens, and asked for later."""

import logging
import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import attrs
import trio

from actors.runtime import Actor, Bus, Cell, ChildSpec, Lagged, Message, Supervisor
from actors.services import history_rows as rows
from actors.services.history_rows import Entry, Event, Snapshot
from actors.services.messages import Board, Happened, ServiceView, Wanted
from actors.services.uptime import Share, shares
from actors.store import Store
from actors.store_errors import OutcomeUnknown, StoreError

log = logging.getLogger("actors.services")

BEHIND = 10_000
"""Events that may wait to be written down; more are missed, which is said."""
ALIVE_SECONDS = 30.0
"""Between two signs of life: so much of the last moments before a SIGKILL is not counted as watched."""
TRIM_SECONDS = 3600.0
TRIM_EVENTS = 2_000
"""After so many it is trimmed, too: what comes fast does not wait for the hour."""
WANTED_SECONDS = 2.0
"""How long our start waits to hear what was wanted."""
COMMAND_SECONDS = 1.0
"""How long the answer to a command waits for the command to be safe on the disk."""


class History:
    """What happened to the services of a system, over all of its lives.

    Lives beside the actor that writes: while that one is down, events wait for the next.
    """

    def __init__(self, store: Store, bus: Bus, board: Cell[Board]) -> None:
        self._store = store
        self._board = board
        self._happened = bus.subscribe(Happened, capacity=BEHIND)
        self._life = secrets.randbits(62)
        self._began = time.time() - trio.current_time()
        """Seconds since 1970 at 0 of Trio's clock, as it was when this life began."""
        self._now: dict[str, Snapshot] = {}
        """What each service is like, as far as that is written down."""
        self._since_trim = 0
        self._kept: dict[str, Wanted] = {}
        """What was commanded, as the store has it or is about to."""
        self._ended = False

    # -- questions

    async def events(
        self,
        service_id: str | None = None,
        *,
        limit: int = 100,
        before: int | None = None,
        what: Iterable[rows.What] = (),
    ) -> tuple[Event, ...]:
        """The newest events, newest first.

        Args:
            service_id: Of this service, which may be no more; None: of all.
            limit: So many at most.
            before: Only those with a lower number: where the last page ended.
            what: Only of these kinds; none: of all.

        Raises:
            StoreError: The database does not answer.
        """
        return await self._store.read(rows.events(service_id, limit=limit, before=before, what=what))

    async def uptime(self, view: ServiceView) -> Mapping[str, Share]:
        """How much of the last 24 hours, 7 days and 30 days a service was up, by `uptime.WINDOWS`.

        Raises:
            StoreError: The database does not answer.
        """
        now = self._steady()
        found = await self._store.read(rows.marks(view.id, now, monitor=view.settings.kind != "process"))
        return shares(found, now, self._life)

    async def wanted(self) -> Mapping[str, Wanted]:
        """What was last commanded of each service, in this life or an earlier one.

        None where the store fails or does not answer within `WANTED_SECONDS`: services must run without it.
        """
        found: Mapping[str, str] | None = None
        why: object = f"no answer within {WANTED_SECONDS:g} s"
        with trio.move_on_after(WANTED_SECONDS):
            try:
                found = await self._store.read(rows.wanted)
            except StoreError as error:
                why = error
        if found is None:
            log.error("services.wanted_unknown error=%s next=autostart", why)
            return {}
        self._kept = {service: Wanted(value) for service, value in found.items()}
        return dict(self._kept)

    # -- what is kept

    async def remember(self, service_id: str) -> None:
        """Keep what is wanted of a service now, because it was commanded; before the command is answered.

        A store that fails or is slow delays the answer by `COMMAND_SECONDS` at most, and never makes it an error.
        """
        view = self._board.value.get(service_id)
        if view is None or self._kept.get(service_id) is view.wanted:
            return
        self.take_down()  # in the same turn as the command: a kill right after the answer loses neither
        # Before any wait: of two commands at the same time the later one stays.
        self._kept[service_id] = view.wanted
        transaction = rows.put_wanted(service_id, view.wanted.value, time.time())
        if self._store.failing is not None:
            self._store.write_later(transaction, durable=True)
            return
        try:
            with trio.CancelScope(shield=True):  # bounded: the command has been carried out in any case
                await self._store.write_in_turn(transaction, seconds=COMMAND_SECONDS)
        except OutcomeUnknown as error:
            log.warning("service.wanted_not_kept service=%s error=%s next=later", service_id, error)
        except StoreError as error:
            log.warning("service.wanted_not_kept service=%s error=%s next=give_up", service_id, error)
            self._kept.pop(service_id, None)

    def begin(self) -> None:
        """Begin this life: those that were cut off end where they were last alive."""
        self._store.write_later(rows.begin(self._life, self._steady()))
        for service_id in self._board.value:
            self._watch(service_id, "start")

    def end(self) -> None:
        """End this life in order."""
        self.take_down()
        for service_id in tuple(self._now):
            self._unwatch(service_id, "shut_down")
        self._ended = True
        self._store.write_later(rows.stay_alive(self._life, self._steady(), ended=True))

    def stay_alive(self) -> None:
        """Give a sign of life."""
        self._store.write_later(rows.stay_alive(self._life, self._steady()))

    def trim(self) -> None:
        """Forget what is too old or too much."""
        self._since_trim = 0
        self._store.write_later(rows.trim(self._steady()))

    async def follow(self) -> None:
        """Write down what happens, for ever. By one task at a time."""
        while True:
            self._take(await self._happened.receive_batch())

    def take_down(self) -> None:
        """Write down what has happened so far."""
        batch: list[Happened | Lagged] = []
        try:
            while True:
                batch.append(self._happened.receive_nowait())
        except trio.WouldBlock:
            self._take(batch)

    # -- work

    def _take(self, batch: Iterable[Happened | Lagged]) -> None:
        if self._ended:
            return
        entries: list[Entry] = []
        for event in batch:
            if isinstance(event, Lagged):
                log.error("services.history_missed events=%d next=go_on_from_here", event.missed)
                entries += self._caught_up()
                continue
            if event.service_id not in self._now:
                entries.append(self._entry(_monitored(event.service_id, None, "begin", "added")))
            entries.append(self._entry(event))
            if (event.what, event.new) == ("configured", "removed"):
                entries.append(self._entry(_monitored(event.service_id, "begin", "end", "removed")))
                del self._now[event.service_id]
                self._kept.pop(event.service_id, None)
                self._store.write_later(rows.forget_wanted(event.service_id))
        self._add(entries)

    def _caught_up(self) -> Iterable[Entry]:
        """What became different while events were missed."""
        for service_id, view in self._board.value.items():
            before = self._now.get(service_id, Snapshot())
            axes: tuple[tuple[rows.What, str, str], ...] = (
                ("wanted", before.wanted, view.wanted.value),
                ("state", before.state, view.state.value),
                ("health", before.health, view.health.value),
            )
            for what, old, new in axes:
                if old != new:
                    detail = "what led to it was missed"
                    yield self._entry(Happened(service_id, datetime.now(UTC), what, old, new, "missed", detail))

    def _watch(self, service_id: str, reason: str) -> None:
        self._add([self._entry(_monitored(service_id, None, "begin", reason))])

    def _unwatch(self, service_id: str, reason: str) -> None:
        self._add([self._entry(_monitored(service_id, "begin", "end", reason))])
        del self._now[service_id]

    def _entry(self, event: Happened) -> Entry:
        after = self._now.get(event.service_id, Snapshot()).after(event)
        self._now[event.service_id] = after
        return Entry(event, self._steady(), after)

    def _add(self, entries: list[Entry]) -> None:
        if entries:
            self._store.write_later(rows.add(self._life, entries))
            self._since_trim += len(entries)
            if self._since_trim >= TRIM_EVENTS:
                self.trim()

    def _steady(self) -> float:
        return self._began + trio.current_time()


def _monitored(service_id: str, old: str | None, new: str, reason: str) -> Happened:
    return Happened(service_id, datetime.now(UTC), "monitored", old, new, reason)


class HistoryActor(Actor):
    """Writes the history down, and gives signs of life."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def on_start(self) -> None:
        self.context.start_soon(self._history.follow)
        self.context.every(ALIVE_SECONDS, lambda _: _StayAlive())
        self.context.every(TRIM_SECONDS, lambda _: _Trim())

    def stay_alive(self) -> None:
        """See `History`."""
        self._history.stay_alive()

    def trim(self) -> None:
        """See `History`."""
        self._history.trim()


@attrs.frozen
class _StayAlive(Message[HistoryActor, None]):
    def deliver(self, to: HistoryActor) -> None:
        to.stay_alive()


@attrs.frozen
class _Trim(Message[HistoryActor, None]):
    def deliver(self, to: HistoryActor) -> None:
        to.trim()


async def open_history(history: History, supervisor: Supervisor) -> None:
    """Begin a life, and start the actor that writes it down."""
    history.begin()
    history.trim()
    await supervisor.start(ChildSpec("recorder", lambda: HistoryActor(history)))
