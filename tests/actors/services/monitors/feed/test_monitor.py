"""A feed as a service of a whole system: real actors, a real store, a real server, the real reading process."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trio

from actors import ServiceSettings, System, SystemSettings, open_system
from actors.runtime import Lagged
from actors.services import Health, ServiceUnconfigured, State
from actors.services.messages import Configure
from actors.services.monitors.feed.expectation import Status
from actors.services.monitors.feed.messages import NewsPublished, SourceView
from actors.settings import FeedOptions, SourceOptions
from tests.actors.services.monitors.feed.feeds import Served, document
from tests.actors.services.monitors.web import a_web, answer

pytestmark = pytest.mark.slow


def settings(directory: Path, options: FeedOptions) -> SystemSettings:
    feed = ServiceSettings(id="news", kind="feed", monitor=options, autostart=True)
    return SystemSettings(data_dir=directory, zone="Asia/Seoul", services=(feed,))


async def until(system: System, condition: Callable[[SourceView], bool]) -> None:
    """Return once *condition* holds for the feed's only source."""
    cell = system.services.news("news")
    assert cell is not None
    watch = cell.subscribe()
    with watch.changes, trio.fail_after(30):
        board = watch.value
        while not board or not condition(next(iter(board.values()))):
            changed = await watch.changes.receive()
            board = cell.value if isinstance(changed, Lagged) else changed.value


def looked(view: SourceView) -> bool:
    return view.checked_at is not None


def latest(view: SourceView) -> bool:
    return view.status is Status.LATEST


def failing(view: SourceView) -> bool:
    return view.status is Status.ERROR


async def test_a_feed_runs_tells_its_news_and_is_well_or_down_as_its_server_is(tmp_path: Path) -> None:
    served = Served(document("a"))
    async with a_web(served.reply) as web:
        options = FeedOptions(url=web.url(), interval=0.1, retry_interval=0.05, retry_max=0.05, failures=2)
        async with open_system(settings(tmp_path, options)) as system:
            await until(system, looked)
            with system.bus.subscribe(NewsPublished, capacity=100) as news, trio.fail_after(30):
                served.text = document("b", "a")
                event = await news.receive()
                assert isinstance(event, NewsPublished)
                assert event.title == "b"
            await until(system, latest)
            assert system.services.view("news").health is Health.HEALTHY
            web.reply = lambda _: answer(status="500 Oops")
            await until(system, failing)
            with trio.fail_after(30):
                board = await system.services.wait_until(lambda board: board["news"].health is Health.UNHEALTHY)
            failure = board["news"].last_failure
            assert failure is not None
            assert "status 500" in failure.detail
            web.reply = served.reply
            await until(system, latest)
            await system.services.stop("news")
            assert system.services.view("news").state is State.STOPPED
        assert "look.failed" in (tmp_path / "logs" / "news.log").read_text()


async def test_a_feed_without_an_address_says_which_key_it_needs(tmp_path: Path) -> None:
    async with open_system(settings(tmp_path, FeedOptions())) as system:
        view = system.services.view("news")
        assert (view.state, view.available) == (State.STOPPED, False)
        with pytest.raises(ServiceUnconfigured, match=r"services\.news\.url is not set"):
            await system.services.start("news")


async def test_a_source_with_an_address_of_its_own_is_enough(tmp_path: Path) -> None:
    async with a_web(Served(document("a")).reply) as web:
        options = FeedOptions(sources={"rates": SourceOptions(url=web.url())}, interval=0.1)
        async with open_system(settings(tmp_path, options)):
            await web.until(2)


async def test_checking_now_looks_now(tmp_path: Path) -> None:
    async with a_web(Served(document("a")).reply) as web:
        options = FeedOptions(url=web.url(), interval=1000)
        async with open_system(settings(tmp_path, options)) as system:
            await web.until(1)
            with trio.fail_after(30):
                look = await (await system.services.check("news")).wait()
                look = await (await system.services.check("news")).wait()
            assert look.ok
            assert len(web.asked) >= 2


async def test_the_data_for_the_webhook_is_in_the_outbox_of_the_same_system(tmp_path: Path) -> None:
    served = Served(document("a"))
    async with a_web(served.reply) as web, a_web(answer(status="204 No Content")) as hook:
        options = FeedOptions(url=web.url(), interval=0.1, webhook_url=hook.url("/hook"))
        async with open_system(settings(tmp_path, options)) as system:
            await until(system, looked)
            with system.bus.subscribe(NewsPublished, capacity=100) as news, trio.fail_after(30):
                served.text = document("새 소식", "a")
                await news.receive()

            def sent(connection: sqlite3.Connection) -> list[tuple[str, str]]:
                return connection.execute("SELECT template_id, message FROM webhooks").fetchall()

            ((template, message),) = await system.store.read(sent)
            assert template == "posco_news_alert"
            assert "새 소식" in message


async def test_a_changed_configuration_is_followed_without_a_restart(tmp_path: Path) -> None:
    async with a_web(Served(document("a")).reply) as old, a_web(Served(document("b")).reply) as new:
        first = settings(tmp_path, FeedOptions(url=old.url(), interval=1000))
        async with open_system(first) as system:
            await old.until(1)
            changed = attrs.evolve(first.services[0], monitor=FeedOptions(url=new.url(), interval=1000))
            await configure(system, changed)
            await new.until(1)


async def configure(system: System, changed: ServiceSettings) -> None:
    """Have the running service take other settings."""
    await system.services.ref("news").ask(Configure(changed))
