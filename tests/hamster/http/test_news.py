"""`/api/news` over HTTP, of feeds in files."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import trio

from actors.services.news import TYPES
from actors.settings import PRESETS, FeedOptions, ServiceSettings, SourceOptions, SystemSettings
from tests.actors.webhooks.receiver import PATIENCE
from tests.hamster.http.asking import Asking, asking

STATUS = ["type", "status", "last_update", "expected_time", "delay_minutes", "data", "error_message"]


def write_feed(path: Path, *titles: str) -> None:
    at = datetime.now(UTC).isoformat()
    items = [
        {"id": title, "title": title, "url": f"https://example.com/{title}", "date_published": at} for title in titles
    ]
    path.write_text(json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "f", "items": items}))


def settings(directory: Path, feed: Path | None, *, autostart: bool = True) -> SystemSettings:
    if feed is None:
        return SystemSettings(data_dir=directory / "data")
    sources = {"exchange-rate": SourceOptions(title="rate"), "steel": SourceOptions(title="steel")}
    options = FeedOptions(file=str(feed), interval=3600.0, sources=sources, announce_first=True)
    service = ServiceSettings(id="posco_news", name="news", kind="feed", monitor=options, autostart=autostart)
    return SystemSettings(data_dir=directory / "data", services=(service,), zone="Asia/Seoul")


async def status(server: Asking, query: str = "") -> dict[str, dict[str, object]]:
    _, found = await server.ask("GET", f"/api/news/status{query}")
    return {str(one["type"]): one for one in cast("list[dict[str, object]]", found)}


async def items(server: Asking, query: str = "") -> Sequence[str]:
    found = await server.got("GET", f"/api/news/history{query}")
    return [str(item["title"]) for item in cast("list[dict[str, object]]", found["items"])]


async def seen(server: Asking, *titles: str) -> None:
    with trio.fail_after(PATIENCE):
        while set(await items(server)) != set(titles):  # noqa: ASYNC110 - asked from outside
            await trio.sleep(0.02)


async def test_the_three_kinds_are_always_there_and_nothing_is_invented_about_them(tmp_path: Path) -> None:
    assert set(TYPES) == set(PRESETS)
    async with asking(settings(tmp_path, None)) as server:
        found = await status(server)
        assert list(found) == ["exchange-rate", "newyork-market-watch", "kospi-close"]
        for one in found.values():
            assert list(one) == STATUS
            assert (one["status"], one["last_update"], one["error_message"]) == ("unknown", "-", None)
        assert await server.got("GET", "/api/news/history") == {
            "total_count": 0, "offset": 0, "limit": 50, "has_more": False, "items": [],
        }  # fmt: skip
        summary = await server.got("GET", "/api/news/summary")
        assert (summary["overall_status"], summary["total_news_types"]) == ("unknown", 3)
        assert summary["most_recent_update"] is None
        await server.refused("POST", "/api/news/refresh", status=409)


async def test_news_are_listed_page_by_page_and_counted(tmp_path: Path) -> None:
    feed = tmp_path / "feed.json"
    write_feed(feed, "rate 1", "rate 2", "steel 1")
    async with asking(settings(tmp_path, feed)) as server:
        await seen(server, "rate 1", "rate 2", "steel 1")
        page = await server.got("GET", "/api/news/history?limit=2")
        assert (page["total_count"], page["has_more"], len(cast("list[object]", page["items"]))) == (3, True, 2)
        rest = await server.got("GET", "/api/news/history?limit=2&offset=2")
        assert (rest["offset"], rest["has_more"]) == (2, False)
        assert set(await items(server, "?news_type=steel")) == {"steel 1"}
        with trio.fail_after(PATIENCE):
            while (await status(server))["steel"]["status"] != "latest":  # noqa: ASYNC110 - asked from outside
                await trio.sleep(0.02)
        assert list(await status(server)) == ["exchange-rate", "newyork-market-watch", "kospi-close", "steel"]
        assert list(await status(server, "?news_type=steel")) == ["steel"]
        summary = await server.got("GET", "/api/news/summary")
        assert (summary["total_news_types"], summary["history_count"]) == (4, 3)
        assert cast("int", summary["latest_count"]) >= 1
        for path in ("status", "history"):
            error = await server.refused("GET", f"/api/news/{path}?news_type=gossip", status=400)
            assert "gossip" in json.dumps(error, ensure_ascii=False)
        await server.refused("GET", "/api/news/history?limit=0", status=400)


async def test_a_refresh_looks_now_and_names_what_no_feed_looks_for(tmp_path: Path) -> None:
    feed = tmp_path / "feed.json"
    write_feed(feed, "rate 1")
    async with asking(settings(tmp_path, feed)) as server:
        await seen(server, "rate 1")
        write_feed(feed, "rate 1", "rate 2")
        found = await server.got("POST", "/api/news/refresh", {"news_types": ["exchange-rate"], "force": True})
        assert (found["news_types"], found["force"]) == (["exchange-rate"], True)
        await seen(server, "rate 1", "rate 2")
        everything = await server.got("POST", "/api/news/refresh", {})
        assert everything["news_types"] == ["exchange-rate", "steel"]
        assert "kospi-close" in str(everything["message"])
        await server.refused("POST", "/api/news/refresh", {"news_types": ["gossip"]}, status=400)
        await server.refused("POST", "/api/news/refresh", {"news_types": ["kospi-close"]}, status=409)
        await server.got("POST", "/api/services/posco_news/stop?wait=5")
        error = await server.refused("POST", "/api/news/refresh", {}, status=409)
        assert "posco_news" in str(error["detail"])


async def test_what_is_cleared_is_not_shown_and_is_not_news_again(tmp_path: Path) -> None:
    feed = tmp_path / "feed.json"
    write_feed(feed, "rate 1", "steel 1")
    async with asking(settings(tmp_path, feed)) as server:
        await seen(server, "rate 1", "steel 1")
        assert (await server.got("DELETE", "/api/news/history?news_type=steel"))["deleted_count"] == 1
        assert await items(server) == ["rate 1"]
        cleared = await server.got("DELETE", "/api/news/history")
        assert cleared == {"message": "뉴스 기록 1건이 삭제되었습니다", "deleted_count": 1}
        write_feed(feed, "rate 1", "steel 1", "steel 2")
        await server.got("POST", "/api/news/refresh", {"force": True})
        await seen(server, "steel 2")
    async with asking(settings(tmp_path, feed, autostart=False)) as server:
        found = await status(server)
        assert cast("dict[str, object]", found["steel"]["data"])["title"] == "steel 2"
        assert found["steel"]["last_update"] != "-", "what an earlier life knew is shown"
        assert await items(server) == ["steel 2"]
