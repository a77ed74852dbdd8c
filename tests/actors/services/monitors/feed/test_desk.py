"""News are told once, whatever happens in between: a desk with a real store, a real server."""

import sqlite3
from pathlib import Path

import attrs
import pytest
import trio

from actors.services.monitors.feed.expectation import Status
from actors.services.monitors.feed.messages import NewsPublished, NewsSummed, SourceChanged
from actors.settings import FeedOptions, SourceOptions
from actors.store import OutcomeUnknown, StoreFull, Transaction
from tests.actors.services.monitors.feed.feeds import Served, a_newsroom, document, read_here
from tests.actors.services.monitors.web import Web, a_web, answer

pytestmark = pytest.mark.slow

HOOK = "https://hooks.example.com/abc"


@pytest.fixture(autouse=True)
def without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.services.monitors.feed.desk.read_document", read_here)


def feed(web: Web, **changes: object) -> FeedOptions:
    return attrs.evolve(FeedOptions(url=web.url()), **changes)


async def test_what_stands_there_at_first_is_known_and_what_comes_later_is_told_once_in_its_order(
    tmp_path: Path,
) -> None:
    served = Served(document("b", "a"))
    async with a_web(served.reply) as web, a_newsroom(tmp_path, feed(web, webhook_url=HOOK)) as room:
        look = await room.look()
        assert (look.ok, room.titles, look.figures) == (True, [], {"news": "unknown"})
        served.text = document("d", "c", "b", "a")
        await room.look()
        assert room.titles == ["c", "d"]
        first = next(event for event in room.told if isinstance(event, NewsPublished))
        assert (first.service_id, first.source, first.url) == ("news", "news", "https://n/c")
        assert [text.count("제목") for text in await room.outbox()] == [1, 1]
        assert "https://n/c" in (await room.outbox())[0]
        await room.look()
        served.text = document("a", "d", "b", "c")  # another order is no news
        await room.look()
        assert room.titles == []
        assert len(await room.outbox()) == 2
        assert room.view().status is Status.LATEST
        assert room.view().title == "d"


async def test_announce_first_tells_what_stands_there_at_first(tmp_path: Path) -> None:
    async with (
        a_web(Served(document("b", "a")).reply) as web,
        a_newsroom(tmp_path, feed(web, announce_first=True)) as room,
    ):
        await room.look()
        assert room.titles == ["a", "b"]


async def test_a_restart_neither_repeats_nor_loses_news_and_still_asks_for_changes_only(tmp_path: Path) -> None:
    served = Served(document("a"))
    async with a_web(served.reply) as web:
        async with a_newsroom(tmp_path, feed(web)) as room:
            await room.look()
        served.text = document("b", "a")
        async with a_newsroom(tmp_path, feed(web)) as room:
            await room.look()
            assert room.titles == ["b"]
        async with a_newsroom(tmp_path, feed(web)) as room:
            await room.look()
            assert room.titles == []
            assert room.view().status is Status.LATEST
        assert (len(web.asked), served.full) == (3, 2)


async def test_a_document_whose_server_knows_no_304_is_read_only_when_its_bytes_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_web(answer(document("a"))) as web, a_newsroom(tmp_path, feed(web)) as room:
        await room.look()
        monkeypatch.setattr("actors.services.monitors.feed.desk.read_document", None)  # it would be an error
        assert (await room.look()).ok


async def test_of_many_new_items_the_newest_are_told_alone_and_the_rest_together(tmp_path: Path) -> None:
    served = Served(document())
    async with a_web(served.reply) as web, a_newsroom(tmp_path, feed(web, announce_max=2, webhook_url=HOOK)) as room:
        await room.look()
        served.text = document(*(f"n{number}" for number in range(9, -1, -1)))
        await room.look()
        (summed,) = (event for event in room.told if isinstance(event, NewsSummed))
        assert (summed.count, summed.titles, summed.url) == (8, ("n7", "n6", "n5"), "https://n/n7")
        assert room.titles == ["n8", "n9"]
        digest, *single = await room.outbox()
        assert "n7 / n6 / n5" in digest
        assert len(single) == 2
        await room.look()
        assert room.told == []


async def test_an_item_of_two_sources_is_told_by_the_first_and_both_know_it(tmp_path: Path) -> None:
    sources = {"rates": SourceOptions(title="환율"), "all": SourceOptions()}
    served = Served(document())
    async with a_web(served.reply) as web, a_newsroom(tmp_path, feed(web, sources=sources)) as room:
        await room.look()
        served.text = document("증시", "환율")
        await room.look()
        assert [(e.source, e.title) for e in room.told if isinstance(e, NewsPublished)] == [
            ("rates", "환율"),
            ("all", "증시"),
        ]
        assert [room.view("rates").title, room.view("all").title] == ["환율", "증시"]
        assert len(web.asked) == 2  # one document, however many sources


async def test_a_source_that_is_added_or_asks_for_other_titles_begins_with_what_is_there(tmp_path: Path) -> None:
    served = Served(document("증시 1", "환율 1"))
    async with a_web(served.reply) as web, a_newsroom(tmp_path) as room:
        room.configure(feed(web, sources={"a": SourceOptions(title="환율")}))
        await room.look()
        room.configure(feed(web, sources={"a": SourceOptions(title="증시"), "b": SourceOptions(title="환율")}))
        await room.look()
        assert room.titles == []
        served.text = document("증시 2", "환율 2", "증시 1", "환율 1")
        await room.look()
        assert sorted(room.titles) == ["증시 2", "환율 2"]


async def test_what_is_news_to_one_source_is_told_though_another_just_begins_with_it(tmp_path: Path) -> None:
    served = Served(document("a"))
    async with a_web(served.reply) as web, a_newsroom(tmp_path) as room:
        room.configure(feed(web, sources={"old": SourceOptions()}))
        await room.look()
        served.text = document("b", "a")
        room.configure(feed(web, sources={"new": SourceOptions(title="b"), "old": SourceOptions()}))
        await room.look()
        assert [(e.source, e.title) for e in room.told if isinstance(e, NewsPublished)] == [("old", "b")]


async def test_what_is_remembered_is_bounded_but_never_forgets_what_the_feed_holds(tmp_path: Path) -> None:
    served = Served(document(*(f"{number}" for number in range(150))))
    async with a_web(served.reply) as web, a_newsroom(tmp_path, feed(web, remember=100)) as room:
        await room.look()
        for begin in (100, 200, 300):
            served.text = document(*(f"{number}" for number in range(begin, begin + 150)))
            await room.look()

        def rows(connection: sqlite3.Connection) -> int:
            return connection.execute("SELECT count(*) FROM news").fetchone()[0]

        assert await room.store.read(rows) == 150
        served.text = document(*(f"{number}" for number in range(449, 299, -1)))
        await room.look()
        assert [event for event in room.told if not isinstance(event, SourceChanged)] == []


# -- in between


class Interrupted(Exception):
    """Of a test."""


async def test_news_and_what_is_sent_of_it_are_remembered_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(document())
    async with a_web(served.reply) as web, a_newsroom(tmp_path, feed(web, webhook_url=HOOK)) as room:
        await room.look()
        served.text = document("b", "a")
        with monkeypatch.context() as patched:
            patched.setattr("actors.services.monitors.feed.table.put_document", fail)
            with pytest.raises(Interrupted):
                try:
                    await room.look()
                except* Interrupted as group:
                    raise group.exceptions[0] from None
        assert await room.outbox() == []
        room.configure(feed(web, webhook_url=HOOK))
        await room.look()
        assert room.titles == ["a", "b"]
        assert len(await room.outbox()) == 2


def fail(*_: object) -> None:
    raise Interrupted


async def test_a_full_disk_tells_nothing_and_the_next_look_tells_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(document())
    async with a_web(served.reply) as web, a_newsroom(tmp_path, feed(web, failures=1)) as room:
        await room.look()
        served.text = document("a")

        async def full(_: Transaction[object]) -> None:
            await trio.lowlevel.checkpoint()
            raise StoreFull(tmp_path)

        with monkeypatch.context() as patched:
            patched.setattr(room.store, "write", full)
            look = await room.look()
        assert not look.ok
        assert "cannot be remembered" in look.detail
        assert room.titles == []
        assert (await room.look()).ok
        assert room.titles == ["a"]


async def test_a_commit_of_unknown_outcome_is_told_once_it_is_known_to_have_been_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(document())
    async with a_web(served.reply) as web, a_newsroom(tmp_path, feed(web, webhook_url=HOOK)) as room:
        await room.look()
        served.text = document("a")
        real = room.store.write

        async def late(transaction: Transaction[object]) -> None:
            await real(transaction)
            raise OutcomeUnknown(tmp_path, 1.0)

        with monkeypatch.context() as patched:
            patched.setattr(room.store, "write", late)
            await room.look()
        assert room.titles == []
        await room.look()
        assert room.titles == ["a"]
        await room.look()
        assert room.titles == []
        assert len(await room.outbox()) == 1


async def test_a_template_that_is_gone_or_asks_for_more_does_not_hold_up_the_news(tmp_path: Path) -> None:
    served = Served(document())
    async with a_web(served.reply) as web, a_newsroom(tmp_path) as room:
        room.configure(feed(web, webhook_url=HOOK, template="nobody's"))
        await room.look()
        served.text = document("a")
        await room.look()
        assert room.titles == ["a"]
        (text,) = await room.outbox()
        assert text.startswith("a\nhttps://n/a\n")


# -- errors


async def test_errors_are_waited_out_longer_and_longer_and_the_server_is_obeyed(tmp_path: Path) -> None:
    async with a_web(answer(status="500 Oops")) as web, a_newsroom(tmp_path) as room:
        room.configure(feed(web, retry_interval=100, retry_max=300, failures=3))
        assert room.desk is not None
        waits: list[float] = []
        for number in range(1, 5):
            look = await room.look()
            assert look.ok is (number < 3)
            waits.append(room.desk.due_at() - trio.current_time())
        for wait, longest in zip(waits, (100, 200, 300, 300), strict=True):
            assert longest * 0.7 < wait <= longest
        assert room.view().status is Status.ERROR
        assert room.view().error == "status 500"
        web.reply = lambda _: answer(status="429 Slow down", retry_after="1000")
        await room.look()
        assert room.desk.due_at() - trio.current_time() > 990
        asked = len(web.asked)
        await room.look()  # not even on command
        assert len(web.asked) == asked


async def test_a_feed_that_comes_back_is_latest_again_and_tells_what_it_has(tmp_path: Path) -> None:
    served = Served(document("a"))
    async with a_web(served.reply) as web, a_newsroom(tmp_path, feed(web, failures=1)) as room:
        await room.look()
        web.reply = lambda _: answer("<html>we are away</html>")
        look = await room.look()
        assert not look.ok
        assert "neither RSS nor Atom nor JSON" in look.detail
        assert room.view().status is Status.ERROR
        served.text = document("b", "a")
        web.reply = served.reply
        assert (await room.look()).ok
        assert room.titles == ["b"]
        assert (room.view().status, room.view().error) == (Status.LATEST, None)


async def test_one_document_that_fails_holds_up_no_other(tmp_path: Path) -> None:
    served = Served(document())
    async with a_web(served.reply) as good, a_web(answer(status="500 Oops")) as bad, a_newsroom(tmp_path) as room:
        sources = {"a": SourceOptions(url=bad.url()), "b": SourceOptions(url=good.url())}
        room.configure(FeedOptions(sources=sources, failures=1))
        await room.look()
        served.text = document("x")
        look = await room.look()
        assert room.titles == ["x"]
        assert not look.ok
        assert [room.view("a").status, room.view("b").status] == [Status.ERROR, Status.LATEST]


async def test_a_file_is_a_feed_as_well(tmp_path: Path) -> None:
    path = tmp_path / "feed.json"
    path.write_text(document("a"))
    async with a_newsroom(tmp_path, FeedOptions(file=str(path))) as room:
        await room.look()
        path.write_text(document("bb", "a"))
        await room.look()
        assert room.titles == ["bb"]


async def test_a_desk_looks_only_at_what_is_due(tmp_path: Path) -> None:
    async with a_web(Served().reply) as web, a_newsroom(tmp_path, feed(web, interval=1000)) as room:
        assert room.desk is not None
        await room.look(everything=False)
        await room.look(everything=False)
        assert len(web.asked) == 1
        assert 990 < room.desk.due_at() - trio.current_time() <= 1000
