"""Documents read by a real process: the limits hold against those that are made to break them."""

import json
import os
import socket
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import pytest
import trio

from actors.services.monitors.feed.reading import client
from actors.services.monitors.feed.reading.client import Document, Question, UnreadableDocument, read_document
from actors.settings import JsonPaths

pytestmark = pytest.mark.slow

QUESTION = Question(
    format="auto",
    content_type="",
    paths=attrs.asdict(JsonPaths()),
    patterns=[None],
    zones=[ZoneInfo("Asia/Seoul")],
    base="https://news.example.com/feed",
)
RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>
<item><title>하나</title><link>/1</link><guid>one</guid><pubDate>Tue, 04 Jun 2024 15:40:00 +0900</pubDate></item>
</channel></rss>"""


async def read(body: bytes | str, **changes: object) -> Document:
    content = body.encode() if isinstance(body, str) else body
    with trio.fail_after(60):
        question = attrs.evolve(QUESTION, **changes)
        return await read_document(question, content, limiter=trio.CapacityLimiter(1))


async def test_what_the_process_reads_arrives_whole() -> None:
    (item,) = (await read(RSS)).items
    assert (item.key, item.title, item.link) == ("id:one", "하나", "https://news.example.com/1")
    assert (item.published, item.sources) == ((1717483200.0,), (0,))


@pytest.mark.parametrize("body", [b"", b"<html></html>"])
async def test_what_is_no_feed_says_why(body: bytes) -> None:
    with pytest.raises(UnreadableDocument, match="it is"):
        await read(body)


async def test_deep_nesting_is_refused() -> None:
    with pytest.raises(UnreadableDocument, match="nested too deeply"):
        await read(b"[" * 100_000 + b"]" * 100_000)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "'
    + "A" * 1000
    + '">'.join(f'<!ENTITY b{n} "{("&a;" if n == 0 else f"&b{n - 1};") * 10}">' for n in range(9))
    + ']><rss version="2.0"><channel><item><title>&b8;</title><guid>1</guid></item></channel></rss>'
)


async def test_an_entity_bomb_is_not_expanded() -> None:
    try:
        found = await read(BOMB)
    except UnreadableDocument:
        return
    assert all(len(item.title) <= 500 for item in found.items)


async def test_external_entities_are_neither_fetched_nor_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        for target in (f"file://{secret}", str(secret), address):
            body = (
                f'<?xml version="1.0"?><!DOCTYPE r SYSTEM "{target}" [<!ENTITY x SYSTEM "{target}">]>'
                '<rss version="2.0"><channel><item><title>[&x;]</title><guid>1</guid></item></channel></rss>'
            )
            try:
                found = await read(body)
            except UnreadableDocument:
                continue
            assert all("hunter2" not in item.title for item in found.items)
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_a_document_that_is_a_path_or_an_address_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(RSS)
    with pytest.raises(UnreadableDocument):
        await read(str(tmp_path / "feed.xml"), format="xml")


@pytest.mark.parametrize("body", [b"<rss version='2.0'><channel>" + b"<a>" * 1_500_000, b"<rss>" + b"<a " * 1_500_000])
async def test_nesting_and_open_tags_that_would_take_hours_end_in_time(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CPU_SECONDS", 1)
    began = trio.current_time()
    with pytest.raises(UnreadableDocument, match="takes more"):
        await read(body)
    assert trio.current_time() - began < 10


async def test_a_pattern_that_would_take_for_ever_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CPU_SECONDS", 1)
    body = json.dumps({"items": [{"id": 1, "title": "a" * 400 + "!"}]})
    with pytest.raises(UnreadableDocument, match="processor time"):
        await read(body, patterns=["^(a+)+$"])


async def test_memory_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MEMORY", 100 * 1024 * 1024)
    with pytest.raises(UnreadableDocument, match="memory"):
        await read(b"[" + b"[]," * 1_500_000 + b"[]]")


async def test_a_caller_that_gives_up_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    with trio.move_on_after(0.3) as scope:
        await read(json.dumps({"items": [{"id": 1, "title": "a" * 400 + "!"}]}), patterns=["^(a+)+$"])
    assert scope.cancelled_caught
    assert children() <= before


def children() -> set[str]:
    """Our child processes."""
    found: set[str] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue  # it ended meanwhile
        if parent == str(os.getpid()):
            found.add(stat.parent.name)
    return found
