"""`/api/news`: how each kind of news stands, what came, and having it looked for now."""

from collections.abc import Mapping, Sequence

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from actors.services.monitors.feed.messages import SourceView
from actors.services.news import News, NewsItem
from actors.system import System
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.masking import mask_text
from hamster.http.parameters import Query, reading
from hamster.http.problems import InvalidRequest
from hamster.http.times import Stamp

MOST = 1000
MOST_OFFSET = 10_000_000
NONE = "-"
"""For `last_update` where nothing came yet: it is never null."""


class RefreshBody(msgspec.Struct):
    """What is to be looked for."""

    news_types: list[str] | None = None
    force: bool = False


def register(app: QuartTrio, system: System, stamp: Stamp) -> None:
    """Add the routes to *app*."""
    news = system.news

    async def status() -> Response:
        with reading(request.args) as query:
            kind = read_type(query, news)
        found = await news.sources()
        return json_response([source_model(one, stamp) for one in found if kind in (None, one.source)])

    async def refresh() -> Response:
        body = await json_body(RefreshBody) if await request.get_data() else RefreshBody()
        unknown = [name for name in body.news_types or () if name not in news.types]
        if unknown:
            choices = ", ".join(news.types)
            raise InvalidRequest.of("news_types", errors_ko.FIELD_CHOICE.format(got=unknown[0], choices=choices))
        done = await news.refresh(body.news_types, force=body.force)
        text = texts_ko.NEWS_REFRESHED if not done.resting else texts_ko.NEWS_REFRESHED_PARTLY
        message = text.format(types=", ".join(done.types), resting=", ".join(done.resting))
        return json_response({"message": message, "news_types": done.types, "force": body.force})

    async def history() -> Response:
        with reading(request.args) as query:
            limit = query.integer("limit", default=50, low=1, high=MOST)
            offset = query.integer("offset", default=0, low=0, high=MOST_OFFSET)
            kind = read_type(query, news)
        total, found = await news.history(limit, offset, kind)
        page = {"total_count": total, "offset": offset, "limit": limit, "has_more": offset + len(found) < total}
        return json_response({"items": [item_model(one, stamp) for one in found], **page})

    async def clear() -> Response:
        with reading(request.args) as query:
            kind = read_type(query, news)
        count = await news.clear(kind)
        return json_response({"message": texts_ko.NEWS_CLEARED.format(count=count), "deleted_count": count})

    async def summary() -> Response:
        total, _ = await news.history(1, 0, None)
        return json_response(summary_model(await news.sources(), total, stamp))

    base = "/api/news"
    app.add_url_rule(f"{base}/status", "news.status", status, methods=["GET"])
    app.add_url_rule(f"{base}/refresh", "news.refresh", refresh, methods=["POST"])
    app.add_url_rule(f"{base}/history", "news.history", history, methods=["GET"])
    app.add_url_rule(f"{base}/history", "news.clear", clear, methods=["DELETE"])
    app.add_url_rule(f"{base}/summary", "news.summary", summary, methods=["GET"])


def read_type(query: Query, news: News) -> str | None:
    """`news_type`: one of those there are."""
    return query.choice("news_type", {name: name for name in news.types}, default=None)


def source_model(view: SourceView, stamp: Stamp) -> dict[str, object]:
    """How one kind of news stands."""
    return {
        "type": view.source,
        "status": view.status.value,
        "last_update": NONE if view.last_update is None else stamp(view.last_update),
        "expected_time": None if view.expected_time is None else stamp(view.expected_time),
        "delay_minutes": round(view.delay / 60, 1),
        "data": {
            "service_id": view.service_id or None,
            "title": view.title,
            "url": view.url,
            "checked_at": None if view.checked_at is None else stamp(view.checked_at),
        },
        "error_message": None if view.error is None else mask_text(view.error),
    }


def item_model(item: NewsItem, stamp: Stamp) -> dict[str, object]:
    """One piece of news."""
    return {
        "id": item.number,
        "news_type": item.news_type,
        "service_id": item.service_id,
        "title": item.title,
        "url": item.url,
        "published_at": None if item.published_at is None else stamp(item.published_at),
        "seen_at": stamp(item.seen_at),
    }


def summary_model(found: Sequence[SourceView], history: int, stamp: Stamp) -> Mapping[str, object]:
    """All kinds of news in figures; the worst of them is the status of all."""
    counts = dict.fromkeys(("latest", "delayed", "outdated", "error", "unknown"), 0)
    for view in found:
        counts[view.status.value] += 1
    order = ("error", "outdated", "delayed", "latest")
    updates = [view.last_update for view in found if view.last_update is not None]
    return {
        "overall_status": next((word for word in order if counts[word]), "unknown"),
        "total_news_types": len(found),
        "latest_count": counts["latest"],
        "delayed_count": counts["delayed"] + counts["outdated"],
        "error_count": counts["error"],
        "most_recent_update": stamp(max(updates)) if updates else None,
        "history_count": history,
        "outdated_count": counts["outdated"],
        "unknown_count": counts["unknown"],
    }
