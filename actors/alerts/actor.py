"""The actor that keeps the alerts: one door in, each told once, state and notice committed together."""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import attrs
import trio

from actors.alerts import tables
from actors.alerts.book import Book
from actors.alerts.messages import (
    Alert,
    AlertBoard,
    AlertChanged,
    AlertCleared,
    AlertCommands,
    AlertRaised,
    Done,
    Silence,
    Standing,
)
from actors.alerts.notices import notice_of
from actors.alerts.sentences import Sentences
from actors.alerts.sources import (
    ACTORS,
    SERVICES,
    STORE,
    Told,
    alerts_of,
    of_service,
    outdated,
    store_broken,
    store_failed,
)
from actors.alerts.tables import AlertPage, Kept
from actors.runtime import Actor, ActorFailed, ActorStarted, Bus, Cell, Lagged, Message, Ref, Subscription
from actors.services.messages import Board, ServiceChanged, State
from actors.settings import AlertSettings, Level, MaintenanceWindow, ServiceSettings
from actors.store import Store, StoreError, StoreFailed, StoreRecovered, Transaction
from actors.webhooks.messages import Notice, NoticeError, NoticesAdded, put_notice

log = logging.getLogger("actors.alerts")

TICK_SECONDS = 1.0
"""How late the end of a silence, of a window or of a cooldown may be noticed. A look costs microseconds."""
KEEP_SECONDS = 2.0
"""How long a command waits to be kept; it holds in any case."""
LOAD_SECONDS = 2.0
"""How long the start waits for the alerts of before: the services wait for it."""
EVENTS = 20_000
"""How far we may be behind the bus: every change of every service passes, also in a storm."""

Events = AlertRaised | AlertCleared | Told


@attrs.define(eq=False)
class AlertsRecord:
    """What the alerts actor knows; outlives its incarnations."""

    settings: AlertSettings
    book: Book
    board: Cell[AlertBoard]
    events: Subscription[Events]
    """From before any other part starts: what comes while the actor is down waits here."""
    first_number: int
    """What has a lower number was raised before our start."""
    next_window: int = 1
    begun: bool = False
    holding: bool = False
    """We are ending: what stops with us is neither wrong nor right again, so nothing is raised or cleared any more."""

    def active(self, source: str) -> frozenset[str]:
        """Keys of the alerts of *source* that last."""
        return frozenset(alert.key for alert in self.book.active.values() if alert.source == source)


async def load(store: Store) -> Kept | None:
    """What was kept; None where the store cannot say, or not within `LOAD_SECONDS`."""
    with trio.move_on_after(LOAD_SECONDS):
        try:
            return await store.read(tables.load)
        except StoreError as error:
            log.error("alerts.not_loaded error=%s next=begin_with_none", error)
            return None
    log.error("alerts.not_loaded error=no_answer_in_time seconds=%g next=begin_with_none", LOAD_SECONDS)
    return None


def new_record(
    settings: AlertSettings,
    bus: Bus,
    kept: Kept | None,
    *,
    zone: tzinfo | None,
    find: Callable[[str], ServiceSettings | None],
) -> AlertsRecord:
    """The record of the beginning, made of what was *kept*; from now on no event is missed."""

    record: AlertsRecord | None = None

    def cooldown(alert: Alert) -> float:
        current = settings if record is None else record.settings
        rule = current.rules.get(alert.rule) if alert.source == "metrics" else None
        return 0.0 if rule is None else rule.cooldown

    book = Book(cooldown=cooldown, configured=settings.maintenance, zone=zone, find=find)
    window = 1
    if kept is None:
        # What is in the store has lower numbers: milliseconds since 1970 are behind all of them.
        book.next_number = int(datetime.now(UTC).timestamp() * 1000)
        window = book.next_number
    else:
        book.next_number = kept.next_number
        book.active = {(alert.source, alert.key): alert for alert in kept.active}
        book.ending = {alert.number: alert for alert in kept.ending}
        book.silences = {silence.pattern: silence for silence in kept.silences}
        book.windows = {standing.number: standing for standing in kept.windows}
        book.told_at = {(source, key): at for source, key, at in kept.told}
        window = max(book.windows, default=0) + 1
    events: Subscription[Any] = bus.subscribe(
        AlertRaised,
        AlertCleared,
        ServiceChanged,
        StoreFailed,
        StoreRecovered,
        ActorFailed,
        ActorStarted,
        capacity=EVENTS,
    )
    record = AlertsRecord(settings, book, Cell(_board(book)), events, book.next_number, window)  # for `cooldown`, too
    return record


@attrs.frozen
class _Tick(Message["AlertsActor", None]):
    def deliver(self, to: "AlertsActor") -> None:
        to.tick()


class AlertsActor(Actor):
    """Takes what is raised and cleared, tells people by frames and notices, and carries out their commands.

    People hear over the bus at once, whatever the store does; the notice of a webhook and the state that says that it
    was told are committed together, so that neither a crash nor a restart sends it twice or not at all.
    """

    def __init__(
        self,
        record: AlertsRecord,
        services: Cell[Board],
        store: Store,
        bus: Bus,
        sentences: Sentences,
        zone: tzinfo | None,
    ) -> None:
        self._record = record
        self._book = record.book
        self._services = services
        self._store = store
        self._bus = bus
        self._sentences = sentences
        self._zone = zone

    async def on_start(self) -> None:
        if not self._record.begun:
            self._record.begun = True
            self._begin()
        self.context.start_soon(self._follow, name="alerts: events")
        self.context.every(TICK_SECONDS, lambda _: _Tick())

    def tick(self) -> None:
        """Some time has passed."""
        if self._record.holding:
            return
        now = _now()
        for event in outdated(self._book.active.values(), self._services.value):
            self._apply(self._book.cleared(event, now, trio.current_time()))
        if self._book.waits or self._book.silences or self._book.windows:
            silences, windows = dict(self._book.silences), dict(self._book.windows)
            changes = self._book.tick(now)
            if changes or silences != self._book.silences or windows != self._book.windows:
                self._apply(changes)
            for number in windows.keys() - self._book.windows.keys():
                self._store.write_later(_forgetting(number))

    # -- commands

    async def acknowledge(self, number: int, by: str | None, comment: str | None) -> Done:
        changes = self._book.acknowledge(number, by=by, comment=comment, now=_now())
        return await self._commanded(changes, number=number)

    async def silence(self, number: int, until: datetime | None) -> Done:
        return await self._commanded(self._book.silence(number, until, _now()), number=number)

    async def silence_rule(self, silence: Silence) -> Done:
        changes = self._book.silence_rule(silence, _now())
        return await self._commanded(changes, also=lambda connection: tables.save_silence(connection, silence))

    async def open_window(self, window: MaintenanceWindow) -> Done:
        standing = Standing(self._record.next_window, window)
        self._record.next_window += 1
        changes = self._book.open_window(standing, _now())
        done = await self._commanded(changes, also=lambda connection: tables.save_window(connection, standing))
        return attrs.evolve(done, number=standing.number)

    async def close_window(self, number: int) -> Done:
        changes = self._book.close_window(number, _now())
        return await self._commanded(changes, also=_forgetting(number))

    async def _commanded(
        self,
        changes: Sequence[AlertChanged],
        *,
        number: int | None = None,
        also: Transaction[None] | None = None,
    ) -> Done:
        self._tell(changes)
        kept = True
        try:
            await self._store.write_in_turn(self._transaction(changes, also), seconds=KEEP_SECONDS)
        except StoreError as error:
            kept = False
            log.error("alerts.command_not_kept error=%s next=it_holds_until_we_end", error)
        if any(change.told for change in changes):
            self._bus.publish(NoticesAdded())
        alert = next((change.alert for change in changes if change.alert.number == number), None)
        return Done(alert, kept)

    # -- events

    async def _follow(self) -> None:
        async for event in self._record.events:
            self._take(event)

    def _take(self, event: Events | Lagged) -> None:
        now, clock = _now(), trio.current_time()
        if self._record.holding:
            return
        match event:
            case AlertRaised():
                self._apply(self._book.raised(event, now, clock))
            case AlertCleared():
                self._apply(self._book.cleared(event, now, clock))
            case Lagged():
                log.error("alerts.events_missed count=%d next=look_at_every_service", event.missed)
                self._look_at_services()
            case _:
                for found in alerts_of(event):
                    self._take(found)
                if isinstance(event, ServiceChanged):
                    self._end_inherited(event)

    def _begin(self) -> None:
        """Take what is known at our start, and end what ended with us.

        Alerts about services are left as they are: of those that were given up, none has been tried again yet.
        """
        if self._store.failing is not None:
            self._take(store_failed(self._store.failing))
        else:
            self._take(AlertCleared(source=STORE, key="failed", detail="it works"))
        if self._store.moved_to is not None:
            self._take(store_broken(str(self._store.moved_to)))
        else:
            self._take(AlertCleared(source=STORE, key="broken", detail="it was sound at the start"))
        for key in self._record.active(ACTORS):
            self._take(AlertCleared(source=ACTORS, key=key, detail="WatchHamster was started again"))

    def _end_inherited(self, event: ServiceChanged) -> None:
        """A service runs again under us: that its log was lost before is over; were it so still, it is said anew."""
        alert = self._book.active.get((SERVICES, f"log_lost/{event.new.id}"))
        if event.new.state is State.RUNNING and alert is not None and alert.number < self._record.first_number:
            self._take(AlertCleared(source=alert.source, key=alert.key, detail="it was started again"))

    def _look_at_services(self) -> None:
        for view in self._services.value.values():
            for found in of_service(view):
                self._take(found)

    # -- telling and keeping

    def _apply(self, changes: Sequence[AlertChanged]) -> None:
        if not changes:
            self._show()
            return
        self._tell(changes)
        told = any(change.told for change in changes)

        def added(_: object) -> None:
            if told:
                self._bus.publish(NoticesAdded())

        self._store.write_later(self._transaction(changes, None), then=added, durable=told)

    def _tell(self, changes: Sequence[AlertChanged]) -> None:
        self._show()
        for change in changes:
            alert = change.alert
            log.log(
                logging.WARNING if change.what == "fired" else logging.INFO,
                "alerts.%s id=alert_%d key=%s/%s level=%s told=%s muted=%s detail=%s",
                change.what,
                alert.number,
                alert.source,
                alert.key,
                alert.level,
                change.told,
                alert.muted,
                alert.cleared_detail if change.what == "cleared" else alert.detail,
            )
            self._bus.publish(change)

    def _show(self) -> None:
        board = _board(self._book)
        if board != self._record.board.value:
            self._record.board.set(board)

    def _transaction(self, changes: Sequence[AlertChanged], also: Transaction[None] | None) -> Transaction[None]:
        notices = [notice_of(change, self._record.settings, self._sentences, self._zone) for change in changes]

        def transaction(connection: sqlite3.Connection) -> None:
            for change in changes:
                tables.save(connection, change.alert)
            for notice in notices:
                if notice is not None:
                    _put(connection, notice)
            if also is not None:
                also(connection)

        return transaction


class Alerts:
    """The alerts of a system: what is, what was, and the ref for commands."""

    def __init__(self, record: AlertsRecord, ref: Ref[AlertCommands], store: Store) -> None:
        self.ref = ref
        self._record = record
        self._store = store

    @property
    def board(self) -> Cell[AlertBoard]:
        """What is now."""
        return self._record.board

    @property
    def settings(self) -> AlertSettings:
        """Who is told, by which rules, and when nobody is."""
        return self._record.settings

    def configure(self, settings: AlertSettings) -> None:
        """Go by *settings* from now on; whoever measures goes by the new rules by itself."""
        self._record.settings = settings
        self._record.book.configured = settings.maintenance

    def hold(self) -> None:
        """Raise and clear nothing any more, because everything is being stopped; commands go on."""
        self._record.holding = True

    async def page(self, *, limit: int, skip: int = 0, levels: Sequence[Level] = ()) -> AlertPage:
        """What was and is, newest first, out of the store.

        Raises:
            StoreError: It cannot be read.
        """
        return await self._store.read(lambda connection: tables.page(connection, limit=limit, skip=skip, levels=levels))

    async def find(self, number: int) -> Alert | None:
        """The alert of this number: of those that last, else out of the store; None when it is not remembered.

        Raises:
            StoreError: The store cannot be read.
        """
        for alert in self.board.value.active:
            if alert.number == number:
                return alert
        return await self._store.read(lambda connection: tables.find(connection, number))


def _put(connection: sqlite3.Connection, notice: Notice) -> None:
    """Put *notice* into the outbox; with a template that cannot be filled, in our own words: it must be told."""
    try:
        put_notice(connection, notice)
    except NoticeError as error:
        log.error("alerts.notice_refused key=%s error=%s next=plain_text", notice.key, error)
        try:
            put_notice(connection, attrs.evolve(notice, template_id=None))
        except NoticeError as again:
            log.error("alerts.notice_lost key=%s error=%s", notice.key, again)


def _forgetting(number: int) -> Transaction[None]:
    return lambda connection: tables.forget_window(connection, number)


def _board(book: Book) -> AlertBoard:
    return AlertBoard(
        active=tuple(sorted(book.active.values(), key=lambda alert: alert.number)),
        silences=tuple(book.silences.values()),
        windows=tuple(book.windows.values()),
        refused=book.refused,
    )


def _now() -> datetime:
    return datetime.now(UTC)
