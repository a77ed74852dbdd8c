"""What stands in documents: of all kinds, encodings and degrees of care."""

import datetime as dt
import json
from typing import cast
from zoneinfo import ZoneInfo

import attrs
import pytest

from actors.services.monitors.feed.reading.document import Unreadable, read
from actors.services.monitors.feed.reading.wire import Answer, Request
from actors.settings import JsonPaths

SEOUL = ZoneInfo("Asia/Seoul")
AT = dt.datetime(2024, 6, 4, 15, 40, tzinfo=SEOUL).timestamp()

REQUEST: Request = {
    "format": "auto",
    "content_type": "",
    "paths": attrs.asdict(JsonPaths()),
    "patterns": [None],
    "zones": ["Asia/Seoul"],
    "base": "https://news.example.com/feed",
    "memory": 0,
    "cpu": 0,
}

RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss version="2.0"><channel><title>뉴스</title><link>https://news.example.com/</link>
<item><title>증시 마감 &amp; 환율</title><link>/1</link><guid>one</guid>
<pubDate>Tue, 04 Jun 2024 15:40:00 +0900</pubDate></item>
<item><title>둘째</title><link>https://news.example.com/2</link><guid>two</guid></item>
</channel></rss>"""
ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><id>f</id><updated>2024-06-04T06:40:00Z</updated>
<entry><id>tag:1</id><title type="html">A &lt;b&gt;bold&lt;/b&gt; title</title>
<link href="https://a.example/1"/><updated>2024-06-04T06:40:00Z</updated></entry></feed>"""
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "t",
    "items": [{"id": 7, "title": "일곱", "url": "https://a.example/7", "date_published": "2024-06-04T15:40:00+09:00"}],
}


class Found:
    """What was read."""

    def __init__(self, answer: Answer) -> None:
        self.format, self.items = answer.get("format"), answer.get("items", [])
        self.left_out, self.odd = answer.get("left_out"), answer.get("odd")


def read_in(body: bytes | str, **changes: object) -> Found:
    content = body.encode() if isinstance(body, str) else body
    return Found(read(cast("Request", {**REQUEST, **changes}), content))


def test_rss_is_read_with_absolute_links_and_its_times() -> None:
    found = read_in(RSS.format(encoding="utf-8"))
    assert (found.format, found.odd, found.left_out) == ("xml", "", 0)
    first, second = found.items
    assert (first["key"], first["title"], first["link"], first["published"]) == (
        "id:one",
        "증시 마감 & 환율",
        "https://news.example.com/1",
        [AT],
    )
    assert (second["key"], second["published"]) == ("id:two", [None])


def test_atom_without_a_publication_uses_its_update_and_titles_are_plain() -> None:
    (item,) = read_in(ATOM).items
    assert (item["key"], item["title"], item["published"]) == ("id:tag:1", "A bold title", [AT])


def test_json_feed_needs_no_paths() -> None:
    (item,) = read_in(json.dumps(JSON_FEED)).items
    assert (item["key"], item["title"], item["link"], item["published"]) == (
        "id:7",
        "일곱",
        "https://a.example/7",
        [AT],
    )


def test_any_json_is_read_by_paths_with_times_in_the_zone_of_the_source() -> None:
    paths = {"items": "$.data.list", "id": "$.no", "title": "$.head.text", "link": "$.href", "published": "$.ymd"}
    body = {
        "data": {"list": [{"no": "a1", "head": {"text": "환율"}, "href": "/r", "ymd": "20240604154000"}, "x", None]}
    }
    (item,) = read_in(json.dumps(body), paths=paths, zones=["Asia/Seoul"]).items
    assert (item["key"], item["title"], item["link"], item["published"]) == (
        "id:a1",
        "환율",
        "https://news.example.com/r",
        [AT],
    )


def test_each_source_has_the_items_whose_titles_it_asks_for() -> None:
    found = read_in(RSS.format(encoding="utf-8"), patterns=["마감", "둘|환율", "없음"], zones=["Asia/Seoul"] * 3)
    assert [item["sources"] for item in found.items] == [[0, 1], [1]]


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        ("utf-8", "utf-8", "application/rss+xml"),
        ("utf-8", "utf-8", "text/xml"),
        ("euc-kr", "euc-kr", "application/xml"),
        ("euc-kr", "euc-kr", "text/xml"),
        ("cp949", "EUC-KR", "text/xml"),
        ("euc-kr", "euc-kr", "text/xml; charset=euc-kr"),
        ("euc-kr", "utf-8", "text/xml; charset=euc-kr"),
        ("utf-8", "utf-8", "text/xml; charset=iso-8859-1"),
        ("utf-8", "utf-8", "text/xml; charset=nonsense"),
        ("utf-8", "utf-8", "text/html"),
        ("utf-16", "utf-16", "application/xml"),
        ("utf-8-sig", "utf-8", "application/xml"),
    ],
)
def test_the_encoding_is_found_out_when_the_server_and_the_document_disagree(
    encoding: str, declared: str, content_type: str
) -> None:
    body = RSS.format(encoding=declared).encode(encoding)
    found = read_in(body, content_type=content_type)
    assert [item["title"] for item in found.items] == ["증시 마감 & 환율", "둘째"]


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("cp949", "application/json; charset=EUC-KR"), ("cp949", "")],
)
def test_json_is_read_in_its_encoding(encoding: str, content_type: str) -> None:
    body = json.dumps(JSON_FEED, ensure_ascii=False).encode(encoding)
    (item,) = read_in(body, content_type=content_type).items
    assert item["title"] == "일곱"


def test_xml_with_mistakes_is_read_as_far_as_it_goes_and_called_odd() -> None:
    body = "<rss version='2.0'><channel><item><title>A & B</title><guid>1</guid></item><item><title>cut"
    found = read_in(body)
    assert found.items[0]["title"] == "A & B"
    assert found.odd


ITEMS = "<rss version='2.0'><channel>{}</channel></rss>"


def test_an_item_without_an_id_is_known_by_its_link_and_one_without_either_by_title_and_time() -> None:
    entries = (
        "<item><title>a</title><link>https://a/1</link></item><item><title>b</title></item>"
        "<item><title>b</title><pubDate>Tue, 04 Jun 2024 15:40:00 +0900</pubDate></item><item></item>"
    )
    keys = [item["key"] for item in read_in(ITEMS.format(entries)).items]
    assert keys[0] == "link:https://a/1"
    assert keys[1].startswith("hash:")
    assert len(set(keys)) == len(keys) == 3


def test_an_edited_item_keeps_its_key_and_one_that_stands_there_twice_is_taken_once() -> None:
    one = "<item><guid isPermaLink='false'>1</guid><title>{}</title><link>https://a/{}</link></item>"
    before = read_in(ITEMS.format(one.format("old", 1)))
    after = read_in(ITEMS.format(one.format("new", 2) + one.format("again", 3)))
    assert [item["key"] for item in before.items] == [item["key"] for item in after.items] == ["id:1"]


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "http://[", "data:text/html,x"])
def test_a_link_that_is_no_page_is_none(link: str) -> None:
    body = {"items": [{"id": 1, "title": "t", "url": link}]}
    (item,) = read_in(json.dumps(body)).items
    assert item["link"] == ""


def test_controls_and_line_breaks_in_a_title_are_spaces_and_long_titles_are_cut() -> None:
    body = {"items": [{"id": "1", "title": "a\nb\x1b[31m\u202ec\ud800" + "x" * 9000}]}
    (item,) = read_in(json.dumps(body)).items
    assert item["title"].startswith("a b [31m c? x") or item["title"].startswith("a b [31m c")
    assert "\n" not in item["title"]
    assert "\x1b" not in item["title"]
    assert len(item["title"]) == 500


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "it is empty"),
        (b" \n\0", "it is empty"),
        (b"<html><body>503</body></html>", "neither RSS nor Atom nor JSON"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10, "neither RSS nor Atom nor JSON"),
        (b"{", "no JSON"),
        (b'{"a": 1}', "where its items should be"),
        (b'{"items": 3}', "where its items should be"),
    ],
)
def test_what_is_no_feed_says_why(body: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_in(body)


def test_a_feed_without_items_is_a_feed() -> None:
    assert read_in(ITEMS.format("")).items == []
    assert read_in('{"items": []}').items == []


@pytest.mark.slow
def test_of_a_huge_document_the_first_items_are_taken_and_the_others_counted() -> None:
    body = json.dumps({"items": [{"id": number, "title": "t"} for number in range(5010)]})
    found = read_in(body)
    assert (len(found.items), found.left_out) == (5000, 10)
    assert found.items[-1]["key"] == "id:4999"
