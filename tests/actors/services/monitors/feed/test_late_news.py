"""News that is late, by a clock that the test sets: told once, and told again when it comes."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import pytest
import trio

from actors.alerts.messages import AlertCleared, AlertRaised
from actors.services.monitors.feed.expectation import Status
from actors.services.monitors.feed.messages import NewsPublished, SourceChanged
from actors.settings import FeedOptions, SourceOptions
from tests.actors.services.monitors.feed.feeds import Newsroom, Served, a_newsroom, document, item, read_here
from tests.actors.services.monitors.web import a_web, answer

pytestmark = pytest.mark.slow

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture(autouse=True)
def without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.services.monitors.feed.desk.read_document", read_here)


def seoul(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=SEOUL)


async def at(room: Newsroom, text: str, *, everything: bool = True) -> None:
    """One look at that time in Seoul."""
    room.wall = lambda: seoul(text).timestamp()
    await room.look(everything=everything)


MONDAY = item("월요일 증시마감", seoul("2024-06-03T15:41"))
TUESDAY = item("화요일 증시마감", seoul("2024-06-04T17:00"))
CLOSE = FeedOptions(sources={"kospi-close": SourceOptions(title="증시")})


async def test_the_close_report_that_is_late_is_an_alert_once_and_its_coming_says_by_how_much(tmp_path: Path) -> None:
    served = Served(document(MONDAY))
    async with a_web(served.reply) as web, a_newsroom(tmp_path) as room:
        options = attrs.evolve(CLOSE, url=web.url())
        room.configure(options)
        await at(room, "2024-06-04T09:00")
        view = room.view("kospi-close")
        assert (view.status, view.last_update) == (Status.LATEST, seoul("2024-06-03T15:41"))
        assert view.expected_time == seoul("2024-06-04T15:40")
        await at(room, "2024-06-04T16:09")
        assert room.alerts() == []

        await at(room, "2024-06-04T16:10")
        (alert,) = room.alerts()
        assert isinstance(alert, AlertRaised)
        assert (alert.key, alert.code, alert.level) == ("news_late/news/kospi-close", "news_late", "warning")
        assert alert.detail == "news: kospi-close was expected at 2024-06-04T15:40:00+09:00, and is not there"
        view = room.view("kospi-close")
        assert (view.status, view.delay) == (Status.DELAYED, 1800)
        assert view.expected_time == seoul("2024-06-04T15:40")
        (changed,) = (event for event in room.told if isinstance(event, SourceChanged))
        assert (changed.old.status, changed.new.status) == (Status.LATEST, Status.DELAYED)

        for minute in ("16:11", "16:40"):
            await at(room, f"2024-06-04T{minute}")
            assert room.alerts() == []

        served.text = document(TUESDAY, MONDAY)
        await at(room, "2024-06-04T17:02")
        (cleared,) = room.alerts()
        assert isinstance(cleared, AlertCleared)
        assert cleared.key == alert.key
        assert cleared.detail == "kospi-close: came 4800 s after it was expected"
        assert cleared.values == {"delay_s": 4800}
        view = room.view("kospi-close")
        assert (view.status, view.delay) == (Status.LATEST, 4800)
        assert [event.title for event in room.told if isinstance(event, NewsPublished)] == ["화요일 증시마감"]


async def test_an_alert_is_the_same_one_after_a_restart_and_its_end_is_not_lost(tmp_path: Path) -> None:
    served = Served(document(MONDAY))
    async with a_web(served.reply) as web:
        options = attrs.evolve(CLOSE, url=web.url())
        async with a_newsroom(tmp_path, options) as room:
            await at(room, "2024-06-04T16:10")
            (first,) = room.alerts()
        async with a_newsroom(tmp_path, options) as room:
            await at(room, "2024-06-04T16:20")
            (again,) = room.alerts()  # raised once more, as whoever keeps alerts may not have heard it
            assert again.key == first.key
        served.text = document(TUESDAY, MONDAY)
        async with a_newsroom(tmp_path, options) as room:
            await at(room, "2024-06-04T17:02")
            (cleared,) = room.alerts()
            assert isinstance(cleared, AlertCleared)
            assert cleared.values == {"delay_s": 4800}


async def test_a_second_report_that_is_missing_makes_it_outdated_and_the_alert_critical(tmp_path: Path) -> None:
    async with a_web(Served(document(MONDAY)).reply) as web, a_newsroom(tmp_path) as room:
        room.configure(attrs.evolve(CLOSE, url=web.url()))
        await at(room, "2024-06-04T18:00")
        await at(room, "2024-06-05T18:00")
        (alert,) = room.alerts()
        assert isinstance(alert, AlertRaised)
        assert (alert.key, alert.level) == ("news_late/news/kospi-close", "critical")
        assert room.view("kospi-close").status is Status.OUTDATED
        assert room.view("kospi-close").expected_time == seoul("2024-06-05T15:40")


async def test_nothing_is_called_late_that_could_not_be_looked_for(tmp_path: Path) -> None:
    served = Served(document(MONDAY))
    async with a_web(served.reply) as web, a_newsroom(tmp_path) as room:
        room.configure(attrs.evolve(CLOSE, url=web.url(), failures=2))
        await at(room, "2024-06-04T09:00")
        web.reply = lambda _: answer(status="500 Oops")
        await at(room, "2024-06-04T16:10")
        assert room.view("kospi-close").status is Status.LATEST
        await at(room, "2024-06-04T16:20")
        assert room.view("kospi-close").status is Status.ERROR
        assert room.alerts() == []
        served.text = document(TUESDAY, MONDAY)
        web.reply = served.reply
        await at(room, "2024-06-04T17:02")
        assert room.alerts() == []
        assert room.view("kospi-close").status is Status.LATEST


async def test_the_calendar_asks_for_a_look_at_its_times_however_long_the_interval_is(tmp_path: Path) -> None:
    async with a_web(Served(document(MONDAY)).reply) as web, a_newsroom(tmp_path) as room:
        sources = {"kospi-close": SourceOptions(check_times=(dt.time(12),))}
        room.configure(FeedOptions(url=web.url(), sources=sources, interval=86_400, due_interval=60))
        assert room.desk is not None
        looks = ("09:00", "11:59", "12:00", "12:01", "15:39", "15:40", "16:10", "16:11")
        asked: list[str] = []
        for time in looks:
            before = len(web.asked)
            await at(room, f"2024-06-04T{time}", everything=False)
            if len(web.asked) > before:
                asked.append(time)
        assert asked == ["09:00", "12:00", "15:40", "16:10"]


async def test_what_is_due_is_looked_for_more_often_until_it_comes(tmp_path: Path) -> None:
    served = Served(document(MONDAY))
    async with a_web(served.reply) as web, a_newsroom(tmp_path) as room:
        room.configure(attrs.evolve(CLOSE, url=web.url(), interval=1000, due_interval=10))
        assert room.desk is not None
        await at(room, "2024-06-04T15:30")
        assert 500 < room.desk.due_at() - trio.current_time() <= 600  # until it is due
        await at(room, "2024-06-04T15:40")
        assert room.desk.due_at() - trio.current_time() <= 10
        served.text = document(item("화요일 증시마감", seoul("2024-06-04T15:41")), MONDAY)
        await at(room, "2024-06-04T15:42")
        assert room.desk.due_at() - trio.current_time() > 900


async def test_a_clock_that_is_set_back_and_forth_tells_nothing_twice_and_stops_no_looks(tmp_path: Path) -> None:
    served = Served(document(MONDAY))
    async with a_web(served.reply) as web, a_newsroom(tmp_path) as room:
        room.configure(attrs.evolve(CLOSE, url=web.url()))
        await at(room, "2024-06-04T16:10")
        assert len(room.alerts()) == 1
        for time in ("2024-06-04T10:00", "2024-06-04T16:11", "2024-06-04T15:45"):
            await at(room, time)
            assert [alert for alert in room.alerts() if isinstance(alert, AlertCleared)] == []
        served.text = document(item("앞으로", seoul("2031-01-01T00:00")), MONDAY)
        await at(room, "2024-06-04T16:20")  # a feed whose clock is ahead of ours: here it is now
        assert room.view("kospi-close").last_update != seoul("2031-01-01T00:00")
        assert room.desk is not None
        assert room.desk.due_at() - trio.current_time() <= 300


async def test_stopping_ends_the_alert_since_nobody_looks_any_more(tmp_path: Path) -> None:
    async with a_web(Served(document(MONDAY)).reply) as web, a_newsroom(tmp_path) as room:
        room.configure(attrs.evolve(CLOSE, url=web.url()))
        await at(room, "2024-06-04T16:10")
        assert room.desk is not None
        with room.bus.subscribe(AlertCleared, capacity=10) as events:
            room.desk.drop_alerts()
            (cleared,) = await events.receive_batch()
        assert isinstance(cleared, AlertCleared)
        assert cleared.detail == "kospi-close: nobody looks any more"


async def test_a_source_that_is_taken_out_of_the_settings_takes_its_alert_along(tmp_path: Path) -> None:
    async with a_web(Served(document(MONDAY)).reply) as web, a_newsroom(tmp_path) as room:
        room.configure(attrs.evolve(CLOSE, url=web.url()))
        await at(room, "2024-06-04T16:10")
        room.configure(FeedOptions(url=web.url(), sources={"other": SourceOptions()}))
        await at(room, "2024-06-04T16:20")
        assert [type(alert) for alert in room.alerts()] == [AlertCleared]
        assert set(room.memory.board.value) == {"other"}
