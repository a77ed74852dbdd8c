"""What stands in a document: items of RSS, Atom or JSON. In the reading process, within its limits."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, cast
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

from .dates import instant
from .wire import Answer, Item, Request

ITEMS = 5_000
"""Of one document; the first ones are taken, which are the newest by custom."""
TITLE, LINK, KEY = 500, 2_000, 500
"""Characters kept of each."""


class Unreadable(Exception):
    """The document is no feed that can be read."""


class Entry:
    """An item as it stands in the document."""

    __slots__ = ("id", "link", "published", "title")

    def __init__(self, id_: str, title: str, link: str, published: object) -> None:
        self.id = one_line(id_)
        self.title = one_line(title)[:TITLE]
        self.link = one_line(link)
        self.published = published


def read(request: Request, body: bytes) -> Answer:
    """The news in *body*.

    Raises:
        Unreadable: It is none.
    """
    if not body.strip(b" \t\r\n\0"):
        raise Unreadable("it is empty")
    form = request["format"]
    if form == "auto":
        form = "json" if looks_like_json(request["content_type"], body) else "xml"
    entries, odd = (read_json if form == "json" else read_xml)(request, body)
    items, left_out = chosen(request, entries)
    return {"format": form, "items": items, "left_out": left_out, "odd": odd}


def looks_like_json(content_type: str, body: bytes) -> bool:
    """Whether it is to be read as JSON: by its first character, which a server's word is not needed for."""
    kind = content_type.partition(";")[0].strip().lower()
    start = body[:64].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:1]
    return start in (b"{", b"[") or (start not in (b"<", b"") and kind.endswith("json"))


# -- JSON


def read_json(request: Request, body: bytes) -> tuple[Iterable[Entry], str]:
    """The items that the request's paths lead to.

    Raises:
        Unreadable: It is no JSON, or its items are not where they should be.
    """
    import jsonpath  # here: most documents are XML

    try:
        document: object = json.loads(_text_of_json(request["content_type"], body))
    except ValueError as error:
        raise Unreadable(f"it is no JSON: {error}") from error
    paths = {name: jsonpath.compile(path) for name, path in request["paths"].items()}
    try:
        found: list[object] = list(paths["items"].findall(cast("Any", document)))
    except jsonpath.JSONPathError as error:
        raise Unreadable(f"its items cannot be looked for: {error}") from error
    # One list where the items should be: the path names it, and not what is in it.
    if len(found) == 1 and isinstance(found[0], list):
        found = cast("list[object]", found[0])
    if not found and not _has_items(request["paths"]["items"], document):
        raise Unreadable(f"it has nothing at {request['paths']['items']!r}, where its items should be")

    def entries() -> Iterator[Entry]:
        for item in found:
            if not isinstance(item, dict | list):
                continue

            def first(name: str, item: object = item) -> object:
                return next(iter(paths[name].findall(cast("Any", item))), None)

            link = _plain(first("link"))
            yield Entry(_plain(first("id")), _plain(first("title")), link, first("published"))

    return entries(), ""


def _has_items(path: str, document: object) -> bool:
    """Whether the list that *path* goes through is there, though it is empty: a feed without news is none less."""
    import jsonpath

    list_path = re.sub(r"(\[\*\]|\.\*)$", "", path)
    return any(isinstance(found, list) for found in jsonpath.findall(list_path, cast("Any", document)))


def _plain(value: object) -> str:
    """A text or a number as text; nothing else is one."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _text_of_json(content_type: str, body: bytes) -> str:
    """*body* as text: in its own encoding, as its bytes show it, else as the server says, else as a Korean one."""
    charset = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
    named = [charset[1]] if charset else []
    for encoding in (json.detect_encoding(body), *named, "cp949"):
        try:
            return body.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise Unreadable("its characters are in no encoding that is known")


# -- RSS and Atom


def read_xml(request: Request, body: bytes) -> tuple[Iterable[Entry], str]:
    """The items of RSS or Atom, also of one with mistakes.

    Raises:
        Unreadable: It is neither.
    """
    feedparser: Any = import_module("feedparser")  # here: some documents are JSON; untyped
    # A stream: a text, and bytes as well, are taken for an address or a path first, and opened. Without an address to
    # resolve against, which would become part of the ids. What is to be shown is escaped where it is shown, so that
    # nothing needs to be cleaned here.
    stream = io.BytesIO(body)
    headers = {"content-type": request["content_type"] or "application/xml"}
    parsed = feedparser.parse(stream, response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    if not parsed.get("version") and not parsed.entries:
        why = parsed.get("bozo_exception")
        raise Unreadable(f"it is neither RSS nor Atom nor JSON{f': {one_line(str(why))[:200]}' if why else ''}")
    odd = one_line(str(parsed.bozo_exception))[:200] if parsed.get("bozo") else ""

    def entries() -> Iterator[Entry]:
        for entry in cast("list[Mapping[str, object]]", parsed.entries):
            published = entry.get("published") or entry.get("updated") or entry.get("created")
            title = re.sub(r"<[^<>]{0,1000}>", "", _plain(entry.get("title")))
            yield Entry(_plain(entry.get("id")), title, _plain(entry.get("link")), published)

    return entries(), odd


# -- both


def chosen(request: Request, entries: Iterable[Entry]) -> tuple[list[Item], int]:
    """The items that belong to a source, each key once, at most `ITEMS`; and how many more there are."""
    zones = [_zone(name) for name in request["zones"]]
    matches = [_matcher(pattern) for pattern in request["patterns"]]
    items: list[Item] = []
    seen: set[str] = set()
    left_out = 0
    for entry in entries:
        sources = [number for number, matches_title in enumerate(matches) if matches_title(entry.title)]
        key = key_of(entry)
        if not sources or not key or key in seen:
            continue
        if len(items) >= ITEMS:
            left_out += 1
            continue
        seen.add(key)
        published = [instant(entry.published, zone) for zone in zones]
        link = web_link(request["base"], entry.link)
        items.append({
            "key": key, "title": entry.title, "link": link, "published": published, "sources": sources,
        })  # fmt: skip
    return items, left_out


def key_of(entry: Entry) -> str:
    """What makes an item this item, however it is edited: its id, else its address, else its title and time.

    Empty for an item that has nothing.
    """
    if entry.id:
        return _short(f"id:{entry.id}")
    if entry.link:
        return _short(f"link:{entry.link}")
    if not entry.title:
        return ""
    whole = f"{entry.title}\0{'' if entry.published is None else entry.published}"
    return f"hash:{hashlib.sha256(whole.encode(errors='replace')).hexdigest()}"


def web_link(base: str, link: str) -> str:
    """*link* as an absolute address of the web; empty where it is none, as a script would be."""
    try:
        whole = urljoin(base, link) if link else ""
        right = urlsplit(whole).scheme in ("http", "https")
    except ValueError:
        return ""
    return whole if right and len(whole) <= LINK else ""


def one_line(text: str) -> str:
    """*text* without line breaks, controls and what no encoding has."""
    clean = "".join(c if c.isprintable() or c in "\u200d\u200c" else " " for c in text[: 4 * LINK])
    return " ".join(clean.split()).encode(errors="replace").decode()


def _short(key: str) -> str:
    if len(key) <= KEY:
        return key
    return f"{key[: KEY - 65]}#{hashlib.sha256(key.encode(errors='replace')).hexdigest()}"


def _matcher(pattern: str | None) -> Callable[[str], bool]:
    if pattern is None:
        return lambda _: True
    compiled = re.compile(pattern)
    return lambda title: compiled.search(title) is not None


def _zone(name: str) -> dt.tzinfo:
    offset = re.fullmatch(r"([+-])(\d{2}):(\d{2})", name)
    if not offset:
        return ZoneInfo(name)
    shift = dt.timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    return dt.timezone(-shift if offset[1] == "-" else shift)
