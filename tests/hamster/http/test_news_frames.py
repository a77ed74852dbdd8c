"""News becomes `news_update` frames, one for each thing that is told."""

import datetime as dt
import json

import attrs
import pytest

from actors.services.monitors.feed.expectation import Status
from actors.services.monitors.feed.messages import NewsEvent, NewsPublished, NewsSummed, SourceChanged, SourceView
from tests.hamster.http.showcase import hub_of, process, shown
from tests.hamster.http.test_times import NOON

VIEW = SourceView(service_id="posco_news", source="kospi-close")
LATE = attrs.evolve(
    VIEW,
    status=Status.DELAYED,
    last_update=NOON,
    title="증시",
    url="https://n/1",
    expected_time=NOON + dt.timedelta(hours=3),
    delay=2730.0,
    error="cannot reach 'http://u:hunter2@h/'",
)
PUBLISHED = NewsPublished(
    service_id="posco_news", source="kospi-close", number=7, title="증시 마감", url="", published_at=None, seen_at=NOON
)
SUMMED = NewsSummed(
    service_id="posco_news", source="kospi-close", count=9, titles=("a", "b"), url="https://n/1", seen_at=NOON
)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            PUBLISHED,
            {
                "what": "item",
                "service_id": "posco_news",
                "news_type": "kospi-close",
                "id": 7,
                "title": "증시 마감",
                "url": "",
                "published_at": None,
                "seen_at": "2024-01-01T21:00:00.000+09:00",
            },
        ),
        (
            SUMMED,
            {
                "what": "items",
                "service_id": "posco_news",
                "news_type": "kospi-close",
                "count": 9,
                "titles": ["a", "b"],
                "url": "https://n/1",
                "seen_at": "2024-01-01T21:00:00.000+09:00",
            },
        ),
        (
            SourceChanged(VIEW, LATE),
            {
                "what": "status",
                "service_id": "posco_news",
                "news_type": "kospi-close",
                "status": "delayed",
                "last_update": "2024-01-01T21:00:00.000+09:00",
                "title": "증시",
                "url": "https://n/1",
                "expected_time": "2024-01-02T00:00:00.000+09:00",
                "delay_minutes": 45.5,
                "error_message": "cannot reach 'http://***@h/'",
            },
        ),
    ],
)
def test_each_event_is_one_frame_of_its_feed(event: NewsEvent, expected: dict[str, object]) -> None:
    (frame,) = hub_of(shown(process("one"))).maker.of(event)
    assert (frame.type, frame.service_id) == ("news_update", "posco_news")
    assert json.loads(frame.text)["data"] == expected


async def test_the_hub_hands_news_on() -> None:
    system = shown(process("one"))
    hub = hub_of(system)
    client = hub.join()
    for event in (PUBLISHED, SUMMED, SourceChanged(VIEW, LATE)):
        system.bus.publish(event)
    hub.close()
    await hub.run()
    frames = await client.frames.receive_batch()
    assert len(frames) == 3
