"""The pages of the demo newsroom: a request in, an answer out, no sockets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from html import escape
from http import HTTPStatus
from pathlib import Path

from hamster.demo.inbox import Inbox
from hamster.demo.news import News, rss

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
PAGE_NAME = re.compile(r"[a-z0-9-]{1,40}\.(?:html|json)")
TYPES = {".html": HTML, ".json": JSON}
LINKS = (("/site/", "배포된 사이트"), ("/feed.xml", "RSS"), ("/reports/", "보고서"), ("/hooks/", "받은 웹훅"))
STYLE = "body{font:16px/1.6 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}pre{overflow:auto}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back. Lengths and the date are for whoever sends it."""

    status: HTTPStatus
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])


class Site:
    """Answers requests from the news and the inbox; several threads may use it."""

    def __init__(self, news: News, inbox: Inbox, url: str, started: datetime, published: Path | None = None) -> None:
        """*published* is a directory of pages that are served below `/site/`."""
        self.news = news
        self._published = published
        self.inbox = inbox
        self.url = url  # without a slash at its end
        self._mark = f"{started.timestamp():.0f}"  # item 3 of this start is not item 3 of the one before

    def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """The answer to a GET of *path* (without query); the names in *headers* are in lower case."""
        match path.strip("/").split("/"):
            case [""]:
                return self._index()
            case ["health"]:
                return _json({"status": "ok"})
            case ["feed.xml"]:
                return self._feed(headers)
            case ["news", number]:
                return self._item(number)
            case ["reports"]:
                return self._reports()
            case ["reports", name]:
                return self._report(name)
            case ["site"] if self._published is not None:
                return _published(self._published / "index.html")
            case ["site", name] if self._published is not None and PAGE_NAME.fullmatch(name):
                return _published(self._published / name)
            case ["hooks", "received.json"]:
                return _json(self.inbox.content())
            case ["hooks"] if "application/json" in headers.get("accept", ""):
                return _json(self.inbox.content())
            case ["hooks"]:
                return self._hooks()
            case _:
                return missing()

    def post(self, path: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Answer:
        """The answer to a POST to *path*: everything below /hooks/ is taken."""
        if not path.startswith("/hooks/"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"", {"Allow": "GET, HEAD"})
        self.inbox.take(path, headers, body, now)
        return Answer(HTTPStatus.NO_CONTENT)

    def _feed(self, headers: Mapping[str, str]) -> Answer:
        items = self.news.items()
        latest = items[0].published if items else datetime.fromtimestamp(int(self._mark), UTC)
        etag = f'"{self._mark}-{items[0].number if items else 0}"'
        validators = {
            "ETag": etag,
            "Last-Modified": format_datetime(latest.astimezone(UTC), usegmt=True),
            "Cache-Control": "no-cache",
        }
        if _unchanged(headers, etag, latest):
            return Answer(HTTPStatus.NOT_MODIFIED, b"", validators)
        body = rss(items, self.url).encode()
        return Answer(HTTPStatus.OK, body, validators | {"Content-Type": "application/rss+xml; charset=utf-8"})

    def _index(self) -> Answer:
        news = "".join(
            f'<li><a href="/news/{item.number}">{escape(item.title)}</a> {item.published:%H:%M:%S}</li>'
            for item in self.news.items()
        )
        links = " · ".join(f'<a href="{path}">{name}</a>' for path, name in LINKS)
        return _page("햄스터 뉴스룸", f"<p>{links}</p><ul>{news}</ul>")

    def _item(self, number: str) -> Answer:
        for item in self.news.items():
            if str(item.number) == number:
                at = item.published.isoformat(timespec="seconds")
                return _page(item.title, f"<p>{escape(item.text)}</p><p>{at} · {escape(item.category)}</p>")
        return missing()

    def _reports(self) -> Answer:
        reports = "".join(
            f'<li><a href="/reports/{r.name}">{r.name}</a> {r.written:%H:%M:%S} {escape(r.latest)}</li>'
            for r in self.news.reports()
        )
        return _page("보고서", f'<p><a href="/reports/latest.json">latest.json</a></p><ul>{reports}</ul>')

    def _report(self, name: str) -> Answer:
        for report in self.news.reports():
            if name in (report.name, "latest.json"):
                return _json(report.content())
        return missing()

    def _hooks(self) -> Answer:
        shown = "".join(
            f"<li value={r.number}>{r.received_at} <b>{escape(r.path)}</b> {r.bytes:,} bytes"
            f"<pre>{escape(r.body)}</pre></li>"
            for r in self.inbox.received()
        )
        return _page("받은 웹훅", f"<p>POST /hooks/…</p><ol>{shown}</ol>")


def _unchanged(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    """Whether the client has this already. Its tag, where it sends one, counts alone: RFC 9110, 13.1.3."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in tags.split(","))
    try:
        since = parsedate_to_datetime(headers.get("if-modified-since", ""))
        return modified.replace(microsecond=0) <= since
    except (ValueError, TypeError):  # no date, or one without a zone
        return False


def _published(path: Path) -> Answer:
    """A file of the site that is deployed."""
    try:
        body = path.read_bytes()
    except OSError:
        return missing()
    return Answer(HTTPStatus.OK, body, {"Content-Type": TYPES[path.suffix], "Cache-Control": "no-cache"})


def missing() -> Answer:
    """The answer where nothing is."""
    return Answer(HTTPStatus.NOT_FOUND, "찾을 수 없습니다\n".encode(), {"Content-Type": "text/plain; charset=utf-8"})


def _json(content: object) -> Answer:
    body = json.dumps(content, ensure_ascii=False, indent=2).encode()
    return Answer(HTTPStatus.OK, body, {"Content-Type": JSON, "Cache-Control": "no-cache"})


def _page(title: str, content: str) -> Answer:
    text = (
        f'<!doctype html><html lang="ko"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>{content}</html>"
    )
    # What others posted is shown here: nothing in it may run, even if an escape were missed.
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    headers = {"Content-Type": HTML, "Cache-Control": "no-cache", "Content-Security-Policy": policy}
    return Answer(HTTPStatus.OK, text.encode(), headers)
