"""A built single-page application, served as it lies in its directory."""

import os
import re
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import attrs
import trio
from quart import Response, request

from actors.logs.files.ranges import ByteRange, NotSatisfiable, byte_range
from hamster.http.file_slices import OpenFile, nothing, slices
from hamster.http.problems import HttpProblem

INDEX = "index.html"
OURS = ("api", "ws", "docs", "redoc", "openapi.json", "metrics", "health", "dashboard")
"""First parts of paths that are never the application's."""
LONGEST_PATH = 1024
YEAR = "public, max-age=31536000, immutable"
FRESH = "no-cache"
CODINGS = (("br", ".br"), ("gzip", ".gz"))
"""Files that were packed beforehand, the smaller first."""
TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".ico": "image/vnd.microsoft.icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
    ".pdf": "application/pdf",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
"""By extension; the machine's own table would be another on each."""
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' {ws}; worker-src 'self' blob:; manifest-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""Of the application's pages: styles are put in at run time, and scripts are its own files."""

_HASHED_DIRECTORIES = frozenset({"assets", "static", "_app", "_next", "build", "chunks"})
_HASH = re.compile(r"[-.](?P<hash>[A-Za-z0-9_-]{8,})(?:\.chunk)?\.[a-z0-9.]+$")


_NOT_AT_ALL = re.compile(r"q=0(\.0*)?")


class NoFrontend(Exception):
    """A directory that holds no application; says what is missing."""


@attrs.frozen
class Found:
    """A file that is open, and what is said of it."""

    file: OpenFile
    size: int
    modified: datetime
    etag: str
    content_type: str
    encoding: str | None
    varies: bool
    cache: str


class Frontend:
    """The files below one directory.

    Raises:
        NoFrontend: It has no `index.html`. Blocks for a moment.
    """

    def __init__(self, directory: Path) -> None:
        try:
            self._root = directory.resolve(strict=True)
            there = (self._root / INDEX).is_file()
        except OSError as error:
            raise NoFrontend(f"the frontend {directory} cannot be read: {error.strerror}") from None
        if not there:
            raise NoFrontend(f"the frontend {directory} has no {INDEX}; name the directory that its build makes")
        self._limiter = trio.CapacityLimiter(4)

    def concerns(self, path: str) -> bool:
        """Whether *path* may be the application's."""
        return path.strip("/").partition("/")[0] not in OURS

    async def answer(self, path: str) -> Response | None:
        """The answer to a GET or HEAD of *path* (decoded once); None: there is nothing.

        A path without an extension that is no file is a place within the application: `index.html`.
        """
        found = await self._file(path)
        if found is None:
            if _is_asset(path):
                return None
            found = await self._file(f"/{INDEX}")
            if found is None:
                return None
        return self._response(found)

    # -- which file

    async def _file(self, path: str) -> Found | None:
        accepted = request.headers.get("accept-encoding", "")
        return await trio.to_thread.run_sync(self._open, path, accepted, limiter=self._limiter)

    def _open(self, path: str, accepted: str) -> Found | None:
        parts = _parts(path)
        if parts is None:
            return None
        name = parts[-1] if parts else INDEX
        place = self._root.joinpath(*(parts or (INDEX,)))
        beside = False
        for coding, suffix in CODINGS:
            packed = self._real(place.with_name(name + suffix))
            beside = beside or packed is not None
            if packed is not None and accepts(accepted, coding):
                found = self._opened(packed, name, parts, coding, varies=True)
                if found is not None:
                    return found
        plain = self._real(place)
        return None if plain is None else self._opened(plain, name, parts, None, varies=beside)

    def _real(self, place: Path) -> Path | None:
        """The file at *place*, without links; None: there is none, it is outside or hidden, or no plain file."""
        try:
            real = place.resolve(strict=True)
            if not stat.S_ISREG(real.stat().st_mode):
                return None  # never opened: that alone may wait for somebody, or do something
            inside = real.relative_to(self._root)
        except (OSError, ValueError, RuntimeError):  # too long, not ours to read, outside, a loop of links
            return None
        return None if any(_is_hidden(part) for part in inside.parts) else real

    def _opened(
        self, place: Path, name: str, parts: tuple[str, ...], coding: str | None, *, varies: bool
    ) -> Found | None:
        try:
            # It is real: a link there is one that was put there since.
            fd = os.open(
                place, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
            )
        except OSError:
            return None
        file, status = OpenFile(fd), os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return None  # it became another
        return Found(
            file=file,
            size=status.st_size,
            modified=datetime.fromtimestamp(int(status.st_mtime), UTC),
            etag=f'"{status.st_mtime_ns:x}-{status.st_size:x}{"-" + coding if coding else ""}"',
            content_type=TYPES.get(Path(name).suffix.lower(), "application/octet-stream"),
            encoding=coding,
            varies=varies,
            cache=YEAR if is_hashed(parts) else FRESH,
        )

    # -- the answer

    def _response(self, found: Found) -> Response:
        headers = {
            "ETag": found.etag,
            "Last-Modified": format_datetime(found.modified, usegmt=True),
            "Cache-Control": found.cache,
            "Accept-Ranges": "bytes",
        }
        if found.varies:
            headers["Vary"] = "Accept-Encoding"
        if found.encoding is not None:
            headers["Content-Encoding"] = found.encoding
        if found.content_type.startswith("text/html"):
            headers["Content-Security-Policy"] = POLICY.format(ws=_own_socket())
        if _unchanged(found):
            return Response(b"", 304, headers, content_type=found.content_type)
        part, status = self._part(found, headers)
        headers["Content-Length"] = str(part.end - part.start)
        body = nothing() if request.method == "HEAD" else slices(found.file, part, self._pread)
        return Response(body, status, headers, content_type=found.content_type)

    async def _pread(self, fd: int, length: int, at: int) -> bytes:
        return await trio.to_thread.run_sync(os.pread, fd, length, at, limiter=self._limiter)

    def _part(self, found: Found, headers: dict[str, str]) -> tuple[ByteRange, int]:
        asked = request.headers.get("range") if request.headers.get("if-range", found.etag) == found.etag else None
        try:
            wanted = byte_range(asked, found.size)
        except NotSatisfiable:
            raise HttpProblem(416, headers={"Content-Range": f"bytes */{found.size}"}) from None
        if wanted is None:
            return ByteRange(0, found.size), 200
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.end - 1}/{found.size}"
        return wanted, 206


def _parts(path: str) -> tuple[str, ...] | None:
    """The names in *path*; None where one of them is none that we serve."""
    if len(path) > LONGEST_PATH or "\0" in path or "\\" in path:
        return None
    parts = tuple(part for part in path.strip("/").split("/") if part)
    return None if any(_is_hidden(part) for part in parts) else parts


def _is_hidden(part: str) -> bool:
    """Whether a name is none of a built application: `.git`, `.env`; also `.` and `..`."""
    return part.startswith(".") and part != ".well-known"


def _is_asset(path: str) -> bool:
    """Whether *path* names a file and no place within the application."""
    parts = _parts(path)
    return parts is None or bool(parts and Path(parts[-1]).suffix)


def is_hashed(parts: tuple[str, ...]) -> bool:
    """Whether the name of a file changes with what is in it, so that it can be kept for ever. Pure."""
    found = _HASH.search(parts[-1]) if parts else None
    if found is None or not _HASHED_DIRECTORIES.intersection(parts[:-1]):
        return False
    word = found["hash"]
    # A hash has digits, or capitals in its middle; a word of a language has neither.
    return any(c.isdigit() for c in word) or (any(c.isupper() for c in word[1:]) and any(c.islower() for c in word))


def accepts(header: str, coding: str) -> bool:
    """Whether an `Accept-Encoding` takes *coding*: what it says of it, else of `*`. Pure."""
    said: dict[str, bool] = {}
    for part in header.lower().split(","):
        name, _, quality = part.partition(";")
        said[name.strip()] = _NOT_AT_ALL.fullmatch(quality.replace(" ", "")) is None
    return said.get(coding, said.get("*", False))


def _unchanged(found: Found) -> bool:
    tags = request.headers.get("if-none-match")
    if tags is not None:  # counts alone: RFC 9110, 13.1.3
        return any(tag.strip().removeprefix("W/") in (found.etag, "*") for tag in tags.split(","))
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return found.modified <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def _own_socket() -> str:
    """Our own WebSocket, for browsers to whom it is not `'self'`."""
    scheme = "wss" if request.scheme == "https" else "ws"
    return f"{scheme}://{request.host}"
