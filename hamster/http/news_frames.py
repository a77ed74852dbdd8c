"""What news looks like in frames."""

from collections.abc import Mapping
from typing import assert_never

from actors.services.monitors.feed.messages import NewsEvent, NewsPublished, NewsSummed, SourceChanged, SourceView
from hamster.http.masking import mask_text
from hamster.http.times import Stamp


def news_data(event: NewsEvent, stamp: Stamp) -> Mapping[str, object]:
    """The `data` of a `news_update`; `what` says which of the three it is: `item`, `items` or `status`."""
    match event:
        case NewsPublished():
            return {
                "what": "item",
                "service_id": event.service_id,
                "news_type": event.source,
                "id": event.number,
                "title": event.title,
                "url": event.url,
                "published_at": None if event.published_at is None else stamp(event.published_at),
                "seen_at": stamp(event.seen_at),
            }
        case NewsSummed():
            return {
                "what": "items",
                "service_id": event.service_id,
                "news_type": event.source,
                "count": event.count,
                "titles": event.titles,
                "url": event.url,
                "seen_at": stamp(event.seen_at),
            }
        case SourceChanged():
            return {"what": "status", **source_data(event.new, stamp)}
        case _:
            assert_never(event)


def source_data(view: SourceView, stamp: Stamp) -> Mapping[str, object]:
    """What is known of one source."""
    return {
        "service_id": view.service_id,
        "news_type": view.source,
        "status": view.status.value,
        "last_update": None if view.last_update is None else stamp(view.last_update),
        "title": view.title,
        "url": view.url,
        "expected_time": None if view.expected_time is None else stamp(view.expected_time),
        "delay_minutes": round(view.delay / 60, 1),
        "error_message": None if view.error is None else mask_text(view.error),
    }
