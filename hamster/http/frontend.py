"""A built single-page application, served as it lies in its directory."""

import os
import re
import stat
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import attrs
import trio
from quart import Response, request

from actors.logs.files.ranges import ByteRange, NotSatisfiable, byte_range
from hamster.http.problems import HttpProblem

INDEX = "index.html"
OURS = ("api", "ws", "docs", "redoc", "openapi.json", "metrics", "health", "dashboard")
"""First parts of paths that are never the application's."""
SLICE = 256 * 1024
"""Bytes that are read at once."""
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


class NoFrontend(Exception):
    """A directory that holds no application; says what is missing."""


@attrs.frozen
class Found:
    """A file that is open, and what is said of it."""

    fd: int
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
        try:
            return self._response(found)
        except BaseException:
            os.close(found.fd)
            raise

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
        packed = [(coding, place.with_name(name + suffix)) for coding, suffix in CODINGS if _accepts(accepted, coding)]
        beside = any(place.with_name(name + suffix).is_file() for _, suffix in CODINGS)
        for coding, candidate in packed:
            found = self._opened(candidate, name, parts, coding, varies=True)
            if found is not None:
                return found
        return self._opened(place, name, parts, None, varies=beside)

    def _opened(
        self, place: Path, name: str, parts: tuple[str, ...], coding: str | None, *, varies: bool
    ) -> Found | None:
        try:
            if not place.resolve(strict=True).is_relative_to(self._root):
                return None  # by a link
            fd = os.open(place, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
        except (OSError, ValueError):
            return None
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            return None
        return Found(
            fd=fd,
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
            os.close(found.fd)
            return Response(b"", 304, headers)
        part, status = self._part(found, headers)
        headers["Content-Length"] = str(part.end - part.start)
        if request.method == "HEAD":
            os.close(found.fd)
            return Response(_nothing(), status, headers, content_type=found.content_type)
        return Response(self._slices(found.fd, part), status, headers, content_type=found.content_type)

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

    async def _slices(self, fd: int, part: ByteRange) -> AsyncGenerator[bytes, None]:
        try:
            at = part.start
            while at < part.end:
                data = await trio.to_thread.run_sync(os.pread, fd, min(SLICE, part.end - at), at, limiter=self._limiter)
                if not data:
                    raise trio.BrokenResourceError("the file became shorter while it was sent")
                at += len(data)
                yield data
        finally:
            with suppress(OSError):
                os.close(fd)


def _parts(path: str) -> tuple[str, ...] | None:
    """The names in *path*; None where one of them is none that we serve."""
    if len(path) > LONGEST_PATH or "\0" in path or "\\" in path:
        return None
    parts = tuple(part for part in path.strip("/").split("/") if part)
    if any(part.startswith(".") and part != ".well-known" for part in parts):
        return None  # also `.` and `..`
    return parts


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


def _accepts(header: str, coding: str) -> bool:
    for part in header.lower().split(","):
        name, _, quality = part.strip().partition(";")
        if name.strip() in (coding, "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


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


async def _nothing() -> AsyncGenerator[bytes, None]:
    """A body that leaves the length as it was said."""
    for empty in ():
        yield empty
