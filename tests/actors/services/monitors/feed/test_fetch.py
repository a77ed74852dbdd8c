"""Fetching from servers that are slow, large, moved, broken or hostile."""

import datetime as dt
import gzip
import os
import ssl
import zlib
from pathlib import Path

import pytest
import trio
import trustme
from hypothesis import given
from hypothesis import strategies as st

from actors.services.monitors.feed.fetch import (
    HOLD_BACK,
    Fetched,
    FetchFailed,
    Outcome,
    Unchanged,
    Validators,
    fetch_file,
    fetch_url,
    retry_after,
)
from tests.actors.services.monitors.web import Asked, a_web, answer

NONE = Validators()


async def fetch(url: str, validators: Validators = NONE, *, timeout: float = 20.0, **headers: str) -> Outcome:
    with trio.fail_after(30):
        return await fetch_url(url, headers=headers, validators=validators, timeout=timeout, max_bytes=10_000)


def failed(outcome: Outcome) -> str:
    assert isinstance(outcome, FetchFailed)
    return outcome.detail


async def test_a_document_comes_with_what_asks_for_the_next_and_that_is_asked() -> None:
    def reply(asked: Asked) -> bytes:
        if asked.headers.get("if-none-match") == '"1"' and asked.headers.get("if-modified-since") == "yesterday":
            return answer(status="304 Not Modified")
        return answer("news", content_type="text/xml", etag='"1"', last_modified="yesterday")

    async with a_web(reply) as web:
        first = await fetch(web.url(), x_key="secret")
        assert first == Fetched(b"news", "text/xml", Validators('"1"', "yesterday"), web.url())
        assert "if-none-match" not in web.asked[0].headers
        assert web.asked[0].headers["x_key"] == "secret"
        assert isinstance(first, Fetched)
        assert await fetch(web.url(), first.validators) == Unchanged()


@pytest.mark.parametrize(
    ("status", "wanted"),
    [("429 Too Many Requests", 7.0), ("503 Unavailable", 7.0), ("404 Not Found", 7.0), ("204 No Content", 7.0)],
)
async def test_any_other_status_is_a_failure_that_says_how_long_to_wait(status: str, wanted: float) -> None:
    async with a_web(answer(status=status, retry_after="7")) as web:
        assert await fetch(web.url()) == FetchFailed(f"status {status[:3]}", wanted)


@pytest.mark.parametrize("moved", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirects_are_followed_to_where_the_document_is(moved: str) -> None:
    def reply(asked: Asked) -> bytes:
        return answer("news") if asked.path == "/b/feed" else answer(status=moved, location="/b/feed")

    async with a_web(reply) as web:
        found = await fetch(web.url())
        assert isinstance(found, Fetched)
        assert (found.body, found.url) == (b"news", web.url("/b/feed"))


async def test_secrets_are_not_taken_along_to_another_server() -> None:
    async with a_web(answer("news")) as other, a_web(answer(status="302 Found", location=other.url())) as web:
        assert isinstance(await fetch(web.url(), authorization="secret", x_key="secret"), Fetched)
        assert web.asked[0].headers["authorization"] == web.asked[0].headers["x_key"] == "secret"
        assert not {"authorization", "x_key"} & set(other.asked[0].headers)


async def test_a_circle_of_redirects_has_an_end() -> None:
    async with a_web(answer(status="302 Found", location="/feed")) as web:
        assert "more than 5 redirects" in failed(await fetch(web.url()))
        assert len(web.asked) == 6


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://x/", "http://[", "gopher://127.0.0.1/"])
async def test_a_redirect_to_what_is_no_web_page_is_not_followed(to: str) -> None:
    async with a_web(answer(status="302 Found", location=to)) as web:
        failed(await fetch(web.url()))


async def test_https_is_checked_and_what_comes_in_the_clear_instead_is_not_taken(tmp_path: Path) -> None:
    authority, file = trustme.CA(), tmp_path / "ca.pem"
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)  # pyright: ignore[reportUnknownMemberType] - also takes what is not installed
    authority.cert_pem.write_to_path(str(file))
    async with (
        a_web(answer("in the clear")) as plain,
        a_web(answer(status="302 Found", location=plain.url()), tls=theirs) as web,
    ):
        assert "certificate" in failed(await fetch(web.url())).lower()
        found = await fetch_url(web.url(), headers={}, validators=NONE, timeout=20, max_bytes=10_000, ca_file=str(file))
        assert failed(found) == "redirected from https to http, which is not taken"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_packed_document_is_unpacked(coding: str) -> None:
    packed = gzip.compress(b"news") if coding == "gzip" else zlib.compress(b"news")
    async with a_web(answer(packed, content_encoding=coding)) as web:
        found = await fetch(web.url())
        assert isinstance(found, Fetched)
        assert found.body == b"news"


async def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    async with a_web(answer(gzip.compress(b"\0" * 50_000_000), content_encoding="gzip")) as web:
        assert failed(await fetch(web.url())) == "larger than 10000 bytes"


@pytest.mark.parametrize(
    ("body", "coding", "why"),
    [
        (b"garbage", "gzip", "cannot be decoded"),
        (gzip.compress(b"news" * 100, mtime=0)[:20], "gzip", "breaks off"),
        (b"x", "br", "not asked for"),
    ],
)
async def test_what_is_not_packed_as_it_says_is_a_failure(body: bytes, coding: str, why: str) -> None:
    async with a_web(answer(body, content_encoding=coding)) as web:
        assert why in failed(await fetch(web.url()))


async def test_a_document_without_end_ends_at_the_limit() -> None:
    async with a_web(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n") as web:
        web.endless = b"x" * 1000
        assert failed(await fetch(web.url())) == "larger than 10000 bytes"


@pytest.mark.slow
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", answer("half", content_length="100")])
async def test_a_server_that_falls_silent_is_given_up(begun: bytes) -> None:
    async with a_web(begun) as web:
        web.silent = True
        assert failed(await fetch(web.url(), timeout=0.3)).startswith("no whole answer within 0.3 s, ")


@pytest.mark.parametrize(
    "bytes_", [b"", b"\0\xff garbage", b"HTTP/1.1 abc\r\n\r\n", answer("half", content_length="9")]
)
async def test_what_is_no_answer_is_a_failure(bytes_: bytes) -> None:
    async with a_web(bytes_) as web:
        failed(await fetch(web.url()))


async def test_nobody_there_is_a_failure() -> None:
    async with a_web(b"") as web:
        url = web.url()
    failed(await fetch(url))
    failed(await fetch("http://name.invalid/"))


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    async with a_web(answer("news")) as web:
        assert isinstance(await fetch(web.url()), Fetched)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("-1", None),
        ("soon", None),
        ("99999999999999999999", HOLD_BACK),
        ("Tue, 04 Jun 2024 12:01:00 GMT", 60.0),
        ("Tue, 04 Jun 2024 11:00:00 GMT", None),
        ("Tue, 04 Jun 2054 12:01:00 GMT", HOLD_BACK),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_for_ever(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now=dt.datetime(2024, 6, 4, 12, tzinfo=dt.UTC)) == seconds


@given(st.text())
def test_no_retry_after_breaks_anything(header: str) -> None:
    found = retry_after(header)
    assert found is None or 0 <= found <= HOLD_BACK


# -- files


async def read(path: Path, validators: Validators = NONE) -> Outcome:
    with trio.fail_after(20):
        return await fetch_file(str(path), validators=validators, timeout=5, max_bytes=100)


async def test_a_file_is_read_again_only_when_it_was_written_again(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_text("one")
    first = await read(path)
    assert isinstance(first, Fetched)
    assert first.body == b"one"
    assert await read(path, first.validators) == Unchanged()
    path.write_text("other")
    second = await read(path, first.validators)
    assert isinstance(second, Fetched)
    assert second.body == b"other"


async def test_what_is_no_file_fails_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 101)
    assert "no such file" in failed(await read(tmp_path / "none"))
    assert "no regular file" in failed(await read(tmp_path / "pipe"))
    assert "no regular file" in failed(await read(tmp_path)) or "directory" in failed(await read(tmp_path)).lower()
    assert "no regular file" in failed(await read(Path("/dev/zero")))
    assert "larger than 100 bytes" in failed(await read(tmp_path / "large"))
