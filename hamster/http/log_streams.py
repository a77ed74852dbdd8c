"""Logs as they are written: `GET /api/logs/stream` and the WebSocket `/api/logs/ws`."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence

import msgspec
import trio
from quart import Response, request, websocket
from quart_trio import QuartTrio

from actors.logs import Entry, Filter, Level, Logs, Position, Told
from actors.runtime import Lagged, Subscription
from actors.system import System
from hamster.http import errors_ko
from hamster.http.log_models import entry_of, told_json
from hamster.http.logs import read_levels, read_names
from hamster.http.parameters import Query, reading
from hamster.http.times import Stamp

HEARTBEAT_SECONDS = 15.0
CLIENT_RECORDS = 2000
"""How far a client may be behind: seconds of a busy log, about 2 MB at most for usual lines."""
BATCH = 200
FIRST_LINES = 50
MOST_POSITIONS = 100
"""Logs of one stream whose positions fit into an id."""

Places = dict[str, Position]
"""By log, where what was not told yet begins."""


def register(app: QuartTrio, system: System, stamp: Stamp) -> None:
    """Add the streams to *app*."""
    logs = system.logs

    async def stream() -> Response:
        with reading(request.args) as query:
            names = read_names(query)
            levels = read_levels(query)
            lines = query.integer("lines", default=0, low=0, high=1000)
            given = request.headers.get("last-event-id") or query.text("last_event_id", limit=8000)
            after = read_places(query, given, names)
        if names is not None:
            for name in names:
                await logs.find(name)
        body = _events(logs, stamp, names, levels, after, lines)
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return Response(body, 200, headers, content_type="text/event-stream; charset=utf-8")

    async def socket() -> None:
        with reading(websocket.args) as query:
            names = read_names(query)
            levels = read_levels(query)
            lines = query.integer("lines", default=FIRST_LINES, low=0, high=1000)
        if names is not None:
            for name in names:
                await logs.find(name)
        await websocket.accept()  # pyright: ignore[reportUnknownMemberType] - a bare dict in Quart
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send_records, logs, stamp, names, levels, lines)
            await _answer_pings()
            nursery.cancel_scope.cancel()

    app.add_url_rule("/api/logs/stream", "logs.stream", stream, methods=["GET"])
    app.add_websocket("/api/logs/ws", "logs.ws", socket)


def read_places(query: Query, text: str, names: Sequence[str] | None) -> Places | None:
    """Where a stream goes on: `generation:offset` of its one log, or `log=generation:offset,...` of several.

    None: it begins now.
    """
    if not text:
        return None
    found: Places = {}
    for part in text.split(","):
        name, equals, place = part.rpartition("=")
        position = Position.parse(place.strip())
        if not equals and names is not None and len(names) == 1:
            name = names[0]
        if position is None or not name:
            query.problem("last_event_id", errors_ko.FIELD_EVENT_ID.format(got=repr(text[:60])))
            return None
        found[name.strip()] = position
    return found


# -- server-sent events


async def _events(
    logs: Logs,
    stamp: Stamp,
    names: Sequence[str] | None,
    levels: Collection[Level] | None,
    after: Places | None,
    lines: int,
) -> AsyncGenerator[bytes, None]:
    one = names is not None and len(names) == 1
    with logs.feed(names, levels=levels, capacity=CLIENT_RECORDS) as feed:
        places = _places(logs, names)
        yield b": connected\n\n"
        if after is not None:
            async for entry in _missed(logs, levels, after, places):
                places[entry.log.name] = Position(entry.generation, entry.record.end)
                yield _event(msgspec.json.encode(entry_of(entry, stamp)), _id(places, one=one))
        elif lines:
            for entry in await _last(logs, names, levels, lines, places):
                yield _event(msgspec.json.encode(entry_of(entry, stamp)), _id(places, one=one))
        while True:
            batch: Sequence[Told | Lagged] = ()
            with trio.move_on_after(HEARTBEAT_SECONDS):
                batch = await feed.receive_batch(BATCH)
            out: list[bytes] = []
            for told in batch:
                if isinstance(told, Lagged):
                    out.append(b'event: dropped\ndata: {"dropped": %d}\n\n' % told.missed)
                elif told.position >= places.get(told.log.name, told.position):
                    places[told.log.name] = told.after
                    out.append(_event(told_json(told, stamp), _id(places, one=one)))
            yield b"".join(out) if out else b": heartbeat\n\n"


def _event(data: bytes, at: str) -> bytes:
    # JSON has no line feed of its own, whatever is in a line.
    return b"id: %b\ndata: %b\n\n" % (at.encode(), data) if at else b"data: %b\n\n" % data


def _id(places: Mapping[str, Position], *, one: bool) -> str:
    if one:
        return str(next(iter(places.values())))
    if len(places) > MOST_POSITIONS:
        return ""
    return ",".join(f"{name}={place}" for name, place in places.items())


def _places(logs: Logs, names: Sequence[str] | None) -> Places:
    """Where each log is now."""
    return {
        name: state.reached
        for name, state in logs.followed.items()
        if state.reached is not None and (names is None or name in names)
    }


async def _missed(
    logs: Logs, levels: Collection[Level] | None, after: Places, now: Places
) -> AsyncGenerator[Entry, None]:
    """What was written to each log between *after* and *now*, log by log."""
    for name, reached in dict(now).items():
        place: Position | None = after.get(name)
        if place is None or place >= reached:
            continue
        source = await logs.source(name)
        while place is not None:
            found, place = await logs.reader.backlog(source, Filter(levels=levels), place)
            for entry in found:
                if entry.position < reached:
                    yield entry
        # Not further, wherever the log is by now: what has come since is told by the feed.
        now[name] = max(now[name], reached)


async def _last(
    logs: Logs, names: Sequence[str] | None, levels: Collection[Level] | None, lines: int, now: Places
) -> list[Entry]:
    """The last records that were told before *now*, the oldest first."""
    sources = [await logs.source(name) for name in now] if names is None else [await logs.source(n) for n in names]
    page = await logs.reader.merged(sources, Filter(levels=levels), lines, with_total=False)
    return [entry for entry in reversed(page.entries) if entry.position < now.get(entry.log.name, entry.position)]


# -- the WebSocket


async def _send_records(
    logs: Logs, stamp: Stamp, names: Sequence[str] | None, levels: Collection[Level] | None, lines: int
) -> None:
    with logs.feed(names, levels=levels, capacity=CLIENT_RECORDS) as feed:
        places = _places(logs, names)
        if lines:
            for entry in await _last(logs, names, levels, lines, places):
                await websocket.send(msgspec.json.encode(entry_of(entry, stamp)).decode())
        await _send_live(feed, places, lambda told: told_json(told, stamp))


async def _send_live(feed: Subscription[Told], places: Places, encode: Callable[[Told], bytes]) -> None:
    async for told in feed:
        if isinstance(told, Lagged):
            await websocket.send(msgspec.json.encode({"dropped": told.missed}).decode())
        elif told.position >= places.get(told.log.name, told.position):
            await websocket.send(encode(told).decode())


async def _answer_pings() -> None:
    while True:
        received = await websocket.receive()
        text = received if isinstance(received, str) else received.decode("utf-8", errors="replace")
        if text.strip() == "ping" or text.replace(" ", "") == '{"type":"ping"}':
            await websocket.send("pong" if text.strip() == "ping" else '{"type":"pong"}')
