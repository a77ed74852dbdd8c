"""Fetch a document, once more only if it has changed, and never more of it than allowed."""

import datetime as dt
import errno
import os
import ssl
import stat
import zlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

import attrs
import httpx
import trio

REDIRECTS = 5
HOLD_BACK = 86_400.0
"""Seconds; the longest that a server's `Retry-After` is obeyed."""
ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/json, application/xml, */*;q=0.5"
)
AGENT = "WatchHamster/1.0"
_CHUNK = 64 * 1024


@attrs.frozen
class Validators:
    """What to ask with whether a document has changed."""

    etag: str | None = None
    last_modified: str | None = None


@attrs.frozen
class Fetched:
    """A document."""

    body: bytes
    content_type: str
    validators: Validators
    url: str
    """Where it was found in the end; empty for a file."""


@attrs.frozen
class Unchanged:
    """It is still what it was."""


@attrs.frozen
class FetchFailed:
    """It could not be had."""

    detail: str
    """English, without secrets."""
    retry_after: float | None = None
    """Seconds for which the server does not want to be asked."""


Outcome = Fetched | Unchanged | FetchFailed


class _Unpacker(Protocol):
    """What `zlib.decompressobj` makes."""

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Failed(Exception):
    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.failure = FetchFailed(detail, retry_after)


async def fetch_url(
    url: str,
    *,
    headers: Mapping[str, str],
    validators: Validators,
    timeout: float,
    max_bytes: int,
    verify: ssl.SSLContext | Literal[True] = True,
) -> Outcome:
    """The document at *url*; whatever the server does, this ends within *timeout* and *max_bytes*, and raises nothing.

    Args:
        url: http or https. Redirects are followed, but not from https to http, and without *headers* elsewhere.
        headers: Sent along.
        validators: Of the document that is here; none for one that must come in any case.
        timeout: Seconds for all of it, the last byte included.
        max_bytes: Of the document, as sent and unpacked.
        verify: Whom to trust; True for the usual ones.
    """
    try:
        with trio.move_on_after(timeout):
            # No proxy and no .netrc of the environment: what is configured is what is done.
            async with httpx.AsyncClient(verify=verify, trust_env=False, timeout=None, http2=False) as client:  # noqa: S113 - the whole has a deadline
                return await _follow(client, url, headers, validators, max_bytes)
        return FetchFailed(f"no whole answer within {timeout:g} s")
    except _Failed as error:
        return error.failure
    except httpx.InvalidURL as error:
        return FetchFailed(f"the server leads to no address: {error}")
    except (httpx.HTTPError, ssl.SSLError, OSError, UnicodeError) as error:
        return FetchFailed(f"{type(error).__name__}: {str(error) or 'no reason given'}"[:300])


async def _follow(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], validators: Validators, max_bytes: int
) -> Outcome:
    origin = _origin(url)
    for _ in range(REDIRECTS + 1):
        asked = {"user-agent": AGENT, "accept": ACCEPT, "accept-encoding": "gzip, deflate"}
        if _origin(url) == origin:  # else secrets would go to whomever the server names
            asked |= {name.lower(): value for name, value in headers.items()}
        asked |= _conditions(validators)
        request = client.build_request("GET", url, headers=asked)
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            if response.next_request is None:
                return await _taken(response, url, max_bytes)
            following = response.next_request.url
        finally:
            await response.aclose()
        if following.scheme not in ("http", "https") or (following.scheme == "http" and url.startswith("https:")):
            raise _Failed(f"redirected from https to {following.scheme}, which is not followed")
        url = str(following)
    raise _Failed(f"redirected more than {REDIRECTS} times")


async def _taken(response: httpx.Response, url: str, max_bytes: int) -> Outcome:
    if response.status_code == 304:
        return Unchanged()
    if response.status_code != 200:
        return FetchFailed(f"status {response.status_code}", retry_after(response.headers.get("retry-after")))
    body = await _body(response, max_bytes)
    validators = Validators(response.headers.get("etag"), response.headers.get("last-modified"))
    return Fetched(body, response.headers.get("content-type", ""), validators, url)


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    """The body, unpacked by ourselves: httpx would unpack a chunk of any size before anybody could count."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    unpack = _unpacker(coding)
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length[:15]) > max_bytes:
        raise _Failed(f"larger than {max_bytes} bytes")
    body = bytearray()
    received = 0
    wrong = ""
    # Cancelled rather than left with an exception: the generators within httpx end in order only from within.
    with trio.CancelScope() as reading:
        async for chunk in response.aiter_raw(_CHUNK):
            received += len(chunk)
            room = max_bytes - len(body)
            try:
                body += chunk[: room + 1] if unpack is None else unpack.decompress(chunk, room + 1)
            except zlib.error as error:
                wrong = f"its {coding} is broken: {error}"
            if len(body) > max_bytes or received > max_bytes:
                wrong = f"larger than {max_bytes} bytes"
            if wrong:
                reading.cancel()
    if wrong:
        raise _Failed(wrong)
    if unpack is not None and not unpack.eof:
        raise _Failed(f"its {coding} ends early")
    return bytes(body)


def _unpacker(coding: str) -> "_Unpacker | None":
    match coding:
        case "identity" | "":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return zlib.decompressobj(zlib.MAX_WBITS | 32)  # finds out by itself which of both it is
        case _:
            raise _Failed(f"in a content-encoding that was not asked for: {coding[:40]!r}")


def _conditions(validators: Validators) -> dict[str, str]:
    found: dict[str, str] = {}
    if validators.etag is not None:
        found["if-none-match"] = validators.etag
    if validators.last_modified is not None:
        found["if-modified-since"] = validators.last_modified
    return found


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def retry_after(value: str | None, *, now: dt.datetime | None = None) -> float | None:
    """The seconds that a `Retry-After` header asks for, at most `HOLD_BACK`; None where it says nothing sensible."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), HOLD_BACK)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    seconds = (when - (now or dt.datetime.now(dt.UTC))).total_seconds()
    return min(seconds, HOLD_BACK) if seconds > 0 else None


async def fetch_file(path: str, *, validators: Validators, timeout: float, max_bytes: int) -> Outcome:
    """The document in the file at *path*, under the same promises as `fetch_url`."""
    with trio.move_on_after(timeout):
        # A dead network file system holds its thread; what is left behind ends when that comes back.
        return await trio.to_thread.run_sync(_read, path, validators, max_bytes, abandon_on_cancel=True)
    return FetchFailed(f"the file did not come within {timeout:g} s")


def _read(path: str, validators: Validators, max_bytes: int) -> Outcome:
    try:
        # Not waiting for whoever writes into a pipe.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return FetchFailed(f"{path} is no regular file")
            found = Validators(etag=f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}")
            if found == validators:
                return Unchanged()
            body = file.read(max_bytes + 1)
    except OSError as error:
        why = "there is no such file" if error.errno == errno.ENOENT else error.strerror
        return FetchFailed(f"cannot read {path}: {why}")
    if len(body) > max_bytes:
        return FetchFailed(f"{path} is larger than {max_bytes} bytes")
    return Fetched(body, "", found, "")
