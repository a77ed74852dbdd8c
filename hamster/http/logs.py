"""`/api/logs`: pages, searches and statistics."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import attrs
from quart import Response, request
from quart_trio import QuartTrio

from actors.logs import LEVELS, OWN_LOG, Expression, Filter, InvalidExpression, Level, Logs, Page, Position
from actors.system import System
from hamster.http import errors_ko
from hamster.http.app import json_response
from hamster.http.log_models import entry_of, frontend_entry
from hamster.http.parameters import Query, reading
from hamster.http.times import Stamp, local_zone

LEVEL_NAMES: Mapping[str, Level] = {**{level: level for level in LEVELS}, "WARN": "WARNING", "FATAL": "CRITICAL"}
EVERYTHING = "*"
"""In place of a name: all logs."""
MOST = 1000
FRONTEND_MOST = 5000
MOST_OFFSET = 10_000_000
ERRORS_SHOWN = 10
ERROR_TEXT = 500
"""Characters of a message in the statistics."""


def register(app: QuartTrio, system: System, stamp: Stamp, zone: tzinfo | None) -> None:
    """Add the routes that read logs to *app*."""
    logs = system.logs

    def local() -> tzinfo:
        return local_zone(zone)

    async def entries() -> Response:
        with reading(request.args) as query:
            names = read_names(query)
            limit = query.integer("limit", default=100, low=1, high=MOST)
            offset = query.integer("offset", default=0, low=0, high=MOST_OFFSET)
            cursor = read_cursor(query, names)
            wanted = read_filter(query, local())
        page = await page_of(logs, names, wanted, limit, offset, cursor, with_total=False)
        return json_response([entry_of(entry, stamp) for entry in page.entries], headers=page_headers(page))

    async def search() -> Response:
        with reading(request.args) as query:
            text = query.text("query")
            names = read_names(query)
            limit = query.integer("limit", default=100, low=1, high=MOST)
            offset = query.integer("offset", default=0, low=0, high=MOST_OFFSET)
            cursor = read_cursor(query, names)
            cased = query.boolean("case_sensitive", default=False)
            by_expression = query.boolean("regex", default=False)
            wanted = attrs.evolve(read_filter(query, local()), cased=cased)
            if not text:
                query.problem("query", errors_ko.FIELD_MISSING)
            elif by_expression:
                wanted = attrs.evolve(wanted, expression=read_expression(query, "query", text, cased=cased))
            else:
                wanted = attrs.evolve(wanted, text=text)
        page = await page_of(logs, names, wanted, limit, offset, cursor)
        found = {
            "query": text,
            "file_name": EVERYTHING if names is None else ",".join(names),
            "total_matches": page.total,
            "logs": [entry_of(entry, stamp) for entry in page.entries],
        }
        return json_response(found, headers=page_headers(page))

    async def statistics() -> Response:
        with reading(request.args) as query:
            name = query.text("file_name", default=OWN_LOG)
            hours = query.integer("hours", default=24, low=1, high=168)
        return json_response(await statistics_of(logs, name, hours, stamp, local()))

    async def frontend_page() -> Response:
        with reading(request.args) as query:
            page_number = query.integer("page", default=1, low=1, high=MOST_OFFSET)
            limit = query.integer("limit", default=100, low=1, high=FRONTEND_MOST)
            levels = query.choices("levels", LEVEL_NAMES)
            names = query.words("sources")
            text = query.text("search")
            start, end = read_span(query, local())
        wanted = Filter(levels=levels or None, text=text or None, start=start, end=end)
        sources = [s for s in await logs.sources() if s.log.service is not None]
        chosen = [source for source in sources if not names or source.log.service in names]
        page = await logs.reader.merged(chosen, wanted, limit, offset=(page_number - 1) * limit)
        now = stamp(datetime.now(UTC))
        found = {
            "logs": [frontend_entry(entry, stamp, now) for entry in page.entries],
            "total": page.total,
            "hasMore": page.next is not None,
        }
        return json_response(found)

    async def files() -> Response:
        found = [
            {
                "name": file.name,
                "path": f"logs/{file.name}",
                "size": file.size,
                "modified_time": stamp(datetime.fromtimestamp(file.modified, UTC)),
                "is_active": not file.is_archive,
                "service": file.service,
                "log": file.log,
            }
            for file in await logs.files()
        ]
        return json_response(found)

    # With its slash it is the contract's list, without it the frontend's page.
    app.add_url_rule("/api/logs/", "logs.entries", entries, methods=["GET"], strict_slashes=True)
    app.add_url_rule("/api/logs", "logs.page", frontend_page, methods=["GET"], strict_slashes=True)
    app.add_url_rule("/api/logs/search", "logs.search", search, methods=["GET"])
    app.add_url_rule("/api/logs/statistics", "logs.statistics", statistics, methods=["GET"])
    app.add_url_rule("/api/logs/files", "logs.files", files, methods=["GET"])


async def page_of(
    logs: Logs,
    names: Sequence[str] | None,
    wanted: Filter,
    limit: int,
    offset: int,
    cursor: Position | None,
    *,
    with_total: bool = True,
) -> Page:
    """A page of one log, or of several by time. One of several has no cursor: it goes on by its offset."""
    if names is not None and len(names) == 1:
        source = await logs.source(names[0])
        return await logs.reader.page(source, wanted, limit, offset=offset, cursor=cursor, with_total=with_total)
    sources = await logs.sources() if names is None else [await logs.source(name) for name in names]
    page = await logs.reader.merged(sources, wanted, limit, offset=offset, with_total=with_total)
    return attrs.evolve(page, next=None)


def page_headers(page: Page) -> Mapping[str, str] | None:
    """Where the next page begins; None: there is none."""
    return None if page.next is None else {"X-Next-Cursor": str(page.next)}


def read_names(query: Query) -> tuple[str, ...] | None:
    """Of which logs; None: of all."""
    names = query.words("file_name") or (OWN_LOG,)
    return None if EVERYTHING in names else names


def read_levels(query: Query, name: str = "level") -> tuple[Level, ...] | None:
    """One level or several; None: all."""
    return query.choices(name, LEVEL_NAMES) or None


def read_cursor(query: Query, names: Sequence[str] | None, name: str = "cursor") -> Position | None:
    """A place in the one log of *names*; None: none was given."""
    text = query.text(name, limit=64)
    if text and (names is None or len(names) > 1):
        query.problem(name, errors_ko.CURSOR_OF_SEVERAL)
        return None
    if not text:
        return None
    found = Position.parse(text)
    if found is None:
        query.problem(name, errors_ko.FIELD_CURSOR.format(got=repr(text)))
    return found


def read_span(query: Query, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """From when and until when."""
    start, end = query.instant("start_time", zone=zone), query.instant("end_time", zone=zone)
    if start is not None and end is not None and start > end:
        query.problem("start_time", errors_ko.START_AFTER_END)
    return start, end


def read_filter(query: Query, zone: tzinfo) -> Filter:
    """Levels, a text and a time."""
    start, end = read_span(query, zone)
    return Filter(levels=read_levels(query), text=query.text("search") or None, start=start, end=end)


def read_expression(query: Query, name: str, text: str, *, cased: bool) -> Expression | None:
    """A regular expression."""
    try:
        return Expression(text, caseless=not cased)
    except InvalidExpression as error:
        query.problem(name, errors_ko.FIELD_EXPRESSION.format(got=repr(text[:60]), why=error.why))
        return None


async def statistics_of(logs: Logs, name: str, hours: int, stamp: Stamp, zone: tzinfo) -> Mapping[str, object]:
    """The contract's statistics of the last *hours*."""
    found = await logs.statistics(name, hours)
    counts: dict[str, int] = {}
    for minute, count in found.minutes.items():
        hour = f"{datetime.fromtimestamp(minute * 60, zone):%Y-%m-%d %H}:00"
        counts[hour] = counts.get(hour, 0) + count
    since = datetime.now(UTC) - timedelta(hours=hours)
    worst = Filter(levels=("ERROR", "CRITICAL"), start=since)
    page = await logs.reader.page(await logs.source(name), worst, ERRORS_SHOWN, with_total=False)
    return {
        "total_logs": found.total,
        "level_counts": found.levels,
        "hourly_counts": counts,
        "top_loggers": found.loggers,
        "error_messages": [
            {
                "timestamp": None if entry.record.timestamp is None else stamp(entry.record.timestamp),
                "level": entry.record.level,
                "message": entry.record.message[:ERROR_TEXT],
            }
            for entry in page.entries
        ],
    }
