import json
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest
import trio

from hamster.demo.newsroom import LARGEST, THREADS
from tests.hamster.demo.running import rest, running, until

MODULE = "hamster.demo.newsroom"
pytestmark = pytest.mark.slow


@asynccontextmanager
async def newsroom(*arguments: str) -> AsyncGenerator[tuple[httpx.AsyncClient, trio.Process], None]:
    """A newsroom on a free port, and a client of it."""
    async with running(MODULE, "--port", "0", *arguments) as up:
        assert " INFO newsroom listening on http://127.0.0.1:" in up.first
        async with httpx.AsyncClient(base_url=up.first.rpartition(" ")[2], trust_env=False) as client:
            yield client, up.process


def items(feed: httpx.Response) -> list[ET.Element]:
    return list(ET.fromstring(feed.content).iter("item"))  # noqa: S314 (our own program wrote it)


async def feed_with(client: httpx.AsyncClient, count: int) -> httpx.Response:
    """The feed once it has *count* items."""
    return await until(lambda: client.get("/feed.xml"), lambda feed: len(items(feed)) >= count)


async def test_the_feed_is_rss_with_korean_news_that_link_to_pages() -> None:
    async with newsroom() as (client, _):
        feed = await feed_with(client, 1)
        assert feed.headers["content-type"] == "application/rss+xml; charset=utf-8"
        channel = ET.fromstring(feed.content).find("channel")  # noqa: S314 (our own program wrote it)
        assert channel is not None
        assert [bool(channel.findtext(name)) for name in ("title", "link", "description")] == [True] * 3
        (item,) = items(feed)
        assert "원/달러" in (item.findtext("title") or "")
        assert parsedate_to_datetime(item.findtext("pubDate") or "").utcoffset() is not None
        page = await client.get(item.findtext("link") or "")
        assert page.status_code == 200
        assert (item.findtext("title") or "?") in page.text


async def test_new_items_and_reports_appear_by_themselves_newest_first() -> None:
    async with newsroom("--every", "0.05") as (client, _):
        feed = await feed_with(client, 4)
        guids = [item.findtext("guid") or "" for item in items(feed)]
        numbers = [int(guid.rpartition(":")[2]) for guid in guids]
        assert numbers == sorted(numbers, reverse=True)
        report = (await client.get("/reports/latest.json")).json()
        assert report["number"] >= numbers[0]
        assert report["items"] == sum(report["by_category"].values())
        assert f"report-{report['number']:06}.json" in (await client.get("/reports/")).text


async def test_a_reader_that_has_the_latest_is_told_so() -> None:
    async with newsroom() as (client, _):
        feed = await feed_with(client, 1)
        tag, modified = feed.headers["etag"], feed.headers["last-modified"]
        for headers, status in (
            ({"If-None-Match": tag}, 304),
            ({"If-None-Match": f'"other", W/{tag}'}, 304),
            ({"If-None-Match": '"other"', "If-Modified-Since": modified}, 200),
            ({"If-Modified-Since": modified}, 304),
            ({"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, 200),
            ({"If-Modified-Since": "yesterday"}, 200),
        ):
            answer = await client.get("/feed.xml", headers=headers)
            assert (answer.status_code, bool(answer.content)) == (status, status == 200), headers


async def test_a_posted_webhook_is_shown_newest_first_and_escaped() -> None:
    async with newsroom() as (client, _):
        first = await client.post("/hooks/discord/1", json={"content": "<script>안녕</script>"})
        await client.post("/hooks/slack?x=1", content=b"\xff\x00plain")
        assert first.status_code == 204
        for answer in (
            await client.get("/hooks/received.json"),
            await client.get("/hooks/", headers={"Accept": "application/json"}),
        ):
            content = answer.json()
            assert content["total"] == 2
            assert [r["path"] for r in content["received"]] == ["/hooks/slack", "/hooks/discord/1"]
            assert json.loads(content["received"][1]["body"]) == {"content": "<script>안녕</script>"}
            assert content["received"][0]["bytes"] == 7
        page = await client.get("/hooks/")
        assert "<script>" not in page.text
        assert "&lt;script&gt;안녕" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_only_the_last_hundred_webhooks_are_kept() -> None:
    async with newsroom() as (client, _):
        for number in range(103):
            await client.post(f"/hooks/{number}", content=b"x")
        content = (await client.get("/hooks/received.json")).json()
        assert content["total"] == 103
        assert [r["path"] for r in content["received"]] == [f"/hooks/{n}" for n in range(102, 2, -1)]


async def test_a_body_over_a_mebibyte_is_refused_and_the_refusal_arrives() -> None:
    async with newsroom() as (client, _):
        assert (await client.post("/hooks/a", content=b"x" * LARGEST)).status_code == 204
        assert (await client.post("/hooks/a", content=b"x" * (LARGEST + 1))).status_code == 413
        assert (await client.get("/hooks/received.json")).json()["total"] == 1


async def test_what_is_not_there_or_not_allowed_is_said() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"chunked"

    async with newsroom() as (client, _):
        assert (await client.get("/health")).json() == {"status": "ok"}
        for path in ("/nothing", "/reports/../x", "/reports/report-999999.json", "/news/0", "/news/x"):
            assert (await client.get(path)).status_code == 404
        assert (await client.post("/", content=b"x")).status_code == 405
        assert (await client.post("/hooks/a", content=pieces())).status_code == 411
        head = await client.head("/")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 0


async def test_every_request_is_a_line_of_its_own_whatever_its_path() -> None:
    async with newsroom("--every", "1000") as (client, process):
        await feed_with(client, 1)
        port = client.base_url.port
        assert port is not None
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"GET /a\x1b[31m\x08ERROR HTTP/1.0\r\n\r\n")
            assert b"404" in await stream.receive_some(100)
        process.terminate()
        lines = (await rest(process)).splitlines()
        assert sum(" GET /feed.xml 200 " in line for line in lines) >= 1
        assert all("\x1b" not in line and line[4] == "-" for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be handled there")
async def test_sigterm_ends_it_at_once_with_exit_0_also_in_the_middle_of_a_request() -> None:
    async with newsroom() as (client, process):
        port = client.base_url.port
        assert port is not None
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"POST /hooks/a HTTP/1.0\r\nContent-Length: 10\r\n\r\nhalf")
            process.send_signal(signal.SIGTERM)
            with trio.fail_after(2):
                assert await process.wait() == 0


async def test_silent_clients_take_no_more_than_their_share() -> None:
    async with newsroom() as (client, _):
        port = client.base_url.port
        assert port is not None
        silent = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(THREADS)]
        assert (await client.get("/health")).status_code == 503
        for stream in silent:
            await stream.aclose()
        await until(lambda: client.get("/health"), lambda answer: answer.status_code == 200)


async def test_a_port_in_use_is_one_sentence_and_exit_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with trio.fail_after(20):
            done = await trio.run_process(
                [sys.executable, "-m", MODULE, "--port", str(port)], check=False, capture_stderr=True
            )
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.startswith(f"newsroom: port {port} of 127.0.0.1 cannot be used: ")
    assert said.count("\n") == 1


async def test_reports_are_written_whole_into_the_directory_and_the_oldest_go(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "reports"
    async with newsroom("--every", "0.005", "--directory", str(directory)) as (client, process):
        await until(lambda: client.get("/reports/"), lambda answer: "report-000060" in answer.text)
        process.terminate()
        await process.wait()
    reports = sorted(directory.glob("report-*.json"))
    assert 50 <= len(reports) <= 51  # it may have ended between writing one and removing another
    assert all(json.loads(report.read_text("utf-8"))["items"] > 0 for report in reports)
    assert not (directory / "report-000001.json").exists()


@pytest.mark.parametrize("module", [MODULE, "hamster.demo.flaky"])
async def test_it_needs_nothing_but_the_standard_library(module: str) -> None:
    code = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    with trio.fail_after(20):
        done = await trio.run_process([sys.executable, "-c", code], capture_stdout=True)
    loaded = set(done.stdout.decode().split())
    # What the interpreter loads by itself, as its site packages ask, is not the program's.
    with trio.fail_after(20):
        bare = await trio.run_process([sys.executable, "-c", "import sys; print(*sys.modules)"], capture_stdout=True)
    foreign = loaded - {name.partition(".")[0] for name in bare.stdout.decode().split()}
    assert foreign - set(sys.stdlib_module_names) == {"hamster"}
