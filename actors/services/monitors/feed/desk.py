"""One feed's desk: fetches what is due, remembers what is new, tells it, and says what is late."""

import datetime as dt
import hashlib
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from random import Random

import attrs
import trio

from actors.masking import mask_addresses
from actors.runtime import Bus, Cell
from actors.services.look import Look
from actors.services.monitors.feed.expectation import Status, Verdict, is_due, judge, look_at
from actors.services.monitors.feed.fetch import (
    Fetched,
    FetchFailed,
    Outcome,
    Unchanged,
    Validators,
    fetch_file,
    fetch_url,
)
from actors.services.monitors.feed.late_alerts import late, over
from actors.services.monitors.feed.lateness import LATE, follow
from actors.services.monitors.feed.messages import NewsBoard, SourceChanged, SourceView
from actors.services.monitors.feed.notices import Mail
from actors.services.monitors.feed.reading.client import (
    Document,
    Question,
    UnreadableDocument,
    read_document,
    readers,
)
from actors.services.monitors.feed.sources import Endpoint, Source, sources_of
from actors.services.monitors.feed.table import (
    Batch,
    DocumentRow,
    Place,
    SourceRow,
    document_rows,
    last_number,
    put_document,
    put_lateness,
    remove_source,
    source_rows,
    take,
    told_after,
)
from actors.services.monitors.feed.telling import events_of, instant
from actors.services.monitors.feed.views import viewed
from actors.services.monitors.feed.visits import Visits
from actors.settings import FeedOptions, ServiceSettings
from actors.store import Store, StoreError
from actors.webhooks.messages import NoticesAdded

log = logging.getLogger("actors.services.feed")


@attrs.define(eq=False)
class FeedMemory:
    """What is known of a feed; outlives the incarnations of its actor."""

    board: Cell[NewsBoard] = attrs.field(factory=lambda: Cell[NewsBoard]({}))
    visits: dict[str, Visits] = attrs.field(factory=dict[str, Visits])
    """By endpoint."""
    told_number: int | None = None
    """Of the last item that the bus was told; None before anything was read."""
    judged: dict[str, SourceRow] = attrs.field(factory=dict[str, SourceRow])
    """By source, as it was judged last: that is written behind, so the store may not have it yet."""


@attrs.frozen(kw_only=True)
class Surface:
    """What a desk works with."""

    store: Store
    bus: Bus
    zone: dt.tzinfo
    random: Random
    wall: Callable[[], float] = time.time
    """The clock on the wall, in seconds since 1970."""


class Desk:
    """One feed, by one set of options. Used by one task at a time."""

    def __init__(self, settings: ServiceSettings, options: FeedOptions, memory: FeedMemory, surface: Surface) -> None:
        self._settings = settings
        self._options = options
        self._memory = memory
        self._surface = surface
        self._sources: tuple[Source, ...] = ()
        self._rows: dict[str, SourceRow] = {}
        self._documents: dict[str, DocumentRow] = {}
        self._open = False

    @property
    def service(self) -> str:
        """Its id."""
        return self._settings.id

    async def look(self, *, everything: bool = False, force: bool = False) -> Look:
        """Visit what is due, and judge what is known.

        Args:
            everything: Visit also what is not due; but no server that wants to be left alone.
            force: Those, too, and have each document come whether it has changed or not.
        """
        began = trio.current_time()
        try:
            await self._opened()
        except StoreError as error:
            return Look(ok=False, detail=str(error), latency=trio.current_time() - began, ours=True)
        async with trio.open_nursery() as nursery:
            for endpoint in self._endpoints():
                if force or self._is_due(endpoint, everything=everything):
                    nursery.start_soon(self._visit, endpoint, force)
        await self._judge()
        return self._look(trio.current_time() - began)

    def due_at(self) -> float:
        """When the next visit is due, on Trio's clock; a past time for now."""
        if not self._open:
            return -math.inf
        return min((self._visit_at(endpoint) for endpoint in self._endpoints()), default=math.inf)

    def drop_alerts(self) -> None:
        """Nobody looks any more: nothing is late."""
        for source, row in self._rows.items():
            if row.late_slot is not None:
                self._write_behind(attrs.evolve(row, late_slot=None))
                self._no_more(source, "nobody looks any more")

    # -- when

    def _endpoints(self) -> Sequence[Endpoint]:
        return tuple({source.endpoint.id: source.endpoint for source in self._sources}.values())

    def _visits(self, endpoint: Endpoint) -> Visits:
        return self._memory.visits.setdefault(endpoint.id, Visits())

    def _sources_of(self, endpoint: Endpoint) -> list[Source]:
        return [source for source in self._sources if source.endpoint.id == endpoint.id]

    def _is_due(self, endpoint: Endpoint, *, everything: bool) -> bool:
        now = trio.current_time()
        if everything:
            return now >= self._visits(endpoint).held_until
        return now >= self._visit_at(endpoint)

    def _visit_at(self, endpoint: Endpoint) -> float:
        return self._visits(endpoint).next_at(self._calendar_at(endpoint))

    def _calendar_at(self, endpoint: Endpoint) -> float:
        """When the calendar asks for a visit, on Trio's clock."""
        looked_at, now = self._visits(endpoint).looked_at, self._surface.wall()
        if looked_at == -math.inf:
            return -math.inf
        since = instant(min(looked_at, now))  # a clock that was set back leaves it in the future
        found = math.inf
        for source in self._sources_of(endpoint):
            if source.expectation is not None:
                when = look_at(source.expectation, now=since, published=self._published(source))
                if when is not None:
                    found = min(found, when.timestamp())
        return -math.inf if found <= now else trio.current_time() + found - now

    def _published(self, source: Source) -> dt.datetime | None:
        row = self._rows.get(source.name)
        return None if row is None or row.published is None else instant(row.published)

    # -- a visit

    async def _visit(self, endpoint: Endpoint, force: bool) -> None:
        options, visits = self._options, self._visits(endpoint)
        visits.begin(options, trio.current_time(), self._surface.wall())
        outcome = await self._fetch(endpoint, force=force)
        if isinstance(outcome, Fetched):
            outcome = await self._taken(endpoint, outcome)
        now, at = trio.current_time(), instant(self._surface.wall())
        if isinstance(outcome, FetchFailed):
            error = mask_addresses(outcome.detail)
            visits.fail(options, now, error, outcome.retry_after, self._surface.random.random())
            return
        awaited = any(
            source.expectation is not None and is_due(source.expectation, now=at, published=self._published(source))
            for source in self._sources_of(endpoint)
        )
        visits.succeed(options, now, at, awaited=awaited)

    async def _fetch(self, endpoint: Endpoint, *, force: bool) -> Outcome:
        options = self._options
        known = self._documents.get(endpoint.id)
        # What its sources have not been read out of must come, whether it has changed or not.
        here = known is not None and not force and self._read_before(endpoint)
        validators = known.validators if known is not None and here else Validators()
        if endpoint.file is not None:
            return await fetch_file(
                endpoint.file, validators=validators, timeout=options.timeout, max_bytes=options.max_bytes
            )
        return await fetch_url(
            endpoint.url or "",
            headers=endpoint.headers,
            validators=validators,
            timeout=options.timeout,
            max_bytes=options.max_bytes,
        )

    def _read_before(self, endpoint: Endpoint) -> bool:
        rows = ((self._rows.get(source.name), source) for source in self._sources_of(endpoint))
        return all(row is not None and row.identity == source.identity for row, source in rows)

    async def _taken(self, endpoint: Endpoint, fetched: Fetched) -> Unchanged | FetchFailed:
        """Remember and tell what is new in a document."""
        digest = hashlib.sha256(fetched.body).hexdigest()
        row = DocumentRow(fetched.validators, digest)
        known = self._documents.get(endpoint.id)
        try:
            if known is not None and known.digest == digest and self._read_before(endpoint):
                if known != row:
                    await self._write_document(endpoint, row)
                return Unchanged()
            document = await self._read(endpoint, fetched)
            if document.odd:
                log.info("feed.odd service=%s why=%r next=read_what_can_be", self.service, document.odd)
            if document.left_out:
                log.warning("feed.items_left_out service=%s count=%d", self.service, document.left_out)
            await self._remember(endpoint, row, document)
        except UnreadableDocument as error:
            return FetchFailed(f"the document cannot be read: {error}")
        except StoreError as error:
            # Neither seen nor told: the next visit finds it all again.
            return FetchFailed(f"what is new cannot be remembered: {error}")
        return Unchanged()

    async def _read(self, endpoint: Endpoint, fetched: Fetched) -> Document:
        sources = self._sources_of(endpoint)
        question = Question(
            format=endpoint.format,
            content_type=fetched.content_type,
            paths=attrs.asdict(endpoint.paths),
            patterns=[source.title for source in sources],
            zones=[source.zone for source in sources],
            base=fetched.url,
        )
        return await read_document(question, fetched.body, limiter=readers())

    async def _write_document(self, endpoint: Endpoint, row: DocumentRow) -> None:
        await self._surface.store.write(lambda connection: put_document(connection, self.service, endpoint.id, row))
        self._documents[endpoint.id] = row

    async def _remember(self, endpoint: Endpoint, row: DocumentRow, document: Document) -> None:
        sources = self._sources_of(endpoint)
        batch = Batch(
            service=self.service,
            endpoint=endpoint.id,
            document=row,
            places=[Place(source.name, source.identity) for source in sources],
            items=document.items,
            now=self._surface.wall(),
            announce_first=self._options.announce_first,
            announce_max=self._options.announce_max,
            remember=self._options.remember,
        )
        zones = {source.name: source.zone for source in sources}
        mail = Mail(self.service, endpoint.id, self._options, zones)
        with trio.CancelScope(shield=True):  # bounded by the store: cut off, nobody would know what was told
            await self._surface.store.write(lambda connection: take(connection, batch, mail.send))
            self._documents[endpoint.id] = row
            await self._tell()

    # -- telling

    async def _opened(self) -> None:
        """Know what is remembered, and tell what an earlier incarnation committed but did not come to tell."""
        store, service = self._surface.store, self.service
        if not self._open:
            self._sources = await trio.to_thread.run_sync(sources_of, self._options, self._surface.zone)
            self._rows = self._as_judged(await store.read(lambda connection: source_rows(connection, service)))
            self._documents = await store.read(lambda connection: document_rows(connection, service))
            if self._memory.told_number is None:  # whoever listens now was not there when those came
                self._memory.told_number = await store.read(last_number)
            await self._forget_strangers()
            self._open = True
        await self._tell()

    async def _forget_strangers(self) -> None:
        """Forget sources and documents that are not in the settings any more."""
        names = {source.name for source in self._sources}
        for name in [name for name in self._rows if name not in names]:
            row = self._rows.pop(name)
            self._memory.judged.pop(name, None)
            await self._surface.store.write(_remove(self.service, name))
            if row.late_slot is not None:
                self._no_more(name, "is not watched any more")
        endpoints = {endpoint.id for endpoint in self._endpoints()}
        for gone in [endpoint for endpoint in self._memory.visits if endpoint not in endpoints]:
            del self._memory.visits[gone]
        ordered = [source.name for source in self._sources]
        board = self._memory.board.value
        views = {name: board.get(name) or SourceView(service_id=self.service, source=name) for name in ordered}
        self._memory.board.set(views)

    async def _tell(self) -> None:
        """Tell the bus, once, every item that is remembered as new."""
        store, after = self._surface.store, self._memory.told_number or 0
        rows = await store.read(lambda connection: told_after(connection, self.service, after))
        found = await store.read(lambda connection: source_rows(connection, self.service))
        self._rows.update(self._as_judged(found))
        # From here on without a wait: what is told is noted as told. Another visit may have told some meanwhile.
        fresh = [row for row in rows if row.number > (self._memory.told_number or 0)]
        if not fresh:
            return
        self._memory.told_number = fresh[-1].number
        for event in events_of(self.service, fresh):
            self._surface.bus.publish(event)
        self._surface.bus.publish(NoticesAdded())

    def _as_judged(self, rows: dict[str, SourceRow]) -> dict[str, SourceRow]:
        """*rows* of the store, but how late each is as we know it."""
        judged = self._memory.judged
        return {
            name: attrs.evolve(row, late_slot=judged[name].late_slot, delay=judged[name].delay)
            if name in judged
            else row
            for name, row in rows.items()
        }

    # -- judging

    async def _judge(self) -> None:
        now = instant(self._surface.wall())
        changed: list[SourceRow] = []
        for source in self._sources:
            visits, row = self._visits(source.endpoint), self._rows.get(source.name)
            before = self._memory.board.value.get(source.name)
            view = before or SourceView(service_id=self.service, source=source.name)
            view = attrs.evolve(view, checked_at=visits.checked_at, error=visits.error if visits.errors else None)
            if row is not None and not visits.errors:
                verdict = judge(
                    source.expectation,
                    now=now,
                    published=self._published(source),
                    watched_since=instant(row.watched_since),
                )
                after = self._follow(source, row, verdict)
                if after != row:
                    changed.append(after)
                view = viewed(source, view, after, verdict, now=now, down=visits.down)
            elif visits.down:
                view = attrs.evolve(view, status=Status.ERROR)
            self._show(before, view)
        for after in changed:
            self._write_behind(after)

    def _write_behind(self, row: SourceRow) -> None:
        """Remember how late a source is. Not waited for: what is told again after a crash is told as the same alert."""
        self._rows[row.source] = self._memory.judged[row.source] = row
        self._surface.store.write_later(_late(self.service, row))

    def _follow(self, source: Source, row: SourceRow, verdict: Verdict) -> SourceRow:
        found = follow(row, verdict, source.expectation)
        if found.came:
            delay = found.row.delay
            self._no_more(source.name, f"came {delay:.0f} s after it was expected", delay_s=round(delay))
        elif found.dropped:
            self._no_more(source.name, "is not expected then any more")
        if verdict.status in LATE:
            before = self._memory.board.value.get(source.name)
            known = before is not None and before.status is verdict.status
            # Also what an earlier process has told, perhaps: raising it again does no harm.
            if not known or found.row.late_slot != row.late_slot:
                self._surface.bus.publish(late(self._settings, source, verdict))
        return found.row

    def _no_more(self, source: str, why: str, **values: float) -> None:
        self._surface.bus.publish(over(self.service, source, why, **values))

    def _show(self, before: SourceView | None, view: SourceView) -> None:
        if view == before:
            return
        self._memory.board.set({**self._memory.board.value, view.source: view})
        old = before or SourceView(service_id=self.service, source=view.source)
        if (old.status, old.last_update, old.title) != (view.status, view.last_update, view.title):
            self._surface.bus.publish(SourceChanged(old, view))

    def _look(self, latency: float) -> Look:
        board = self._memory.board.value
        visited = [self._visits(endpoint) for endpoint in self._endpoints()]
        words = [f"{name} {view.status.value}" for name, view in board.items()]
        words += dict.fromkeys(visits.error for visits in visited if visits.error is not None)
        figures: dict[str, float | str] = {name: view.status.value for name, view in board.items()}
        ok = not any(visits.down for visits in visited)
        return Look(ok=ok, detail=", ".join(words), latency=latency, figures=figures)


def _late(service: str, row: SourceRow) -> Callable[[sqlite3.Connection], None]:
    return lambda connection: put_lateness(connection, service, row)


def _remove(service: str, source: str) -> Callable[[sqlite3.Connection], None]:
    return lambda connection: remove_source(connection, service, source)
