"""Fetch a document, once more only if it has changed, and never more of it than allowed."""

import datetime as dt
import errno
import os
import stat
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import attrs
import trio

from actors.services.probing.fetching import Answer, Request, fetch
from actors.services.probing.looks import LookFailed, Progress

REDIRECTS = 5
HOLD_BACK = 86_400.0
"""Seconds; the longest that a server's `Retry-After` is obeyed."""
ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/json, application/xml, */*;q=0.5"
)


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


async def fetch_url(
    url: str,
    *,
    headers: Mapping[str, str],
    validators: Validators,
    timeout: float,
    max_bytes: int,
    ca_file: str | None = None,
) -> Outcome:
    """The document at *url*; whatever the server does, this ends within *timeout* and *max_bytes*, and raises nothing.

    Args:
        url: http or https. Redirects are followed, without *headers* to other servers; what comes in the clear where
            https was asked for is not taken.
        headers: Sent along.
        validators: Of the document that is here; none for one that must come in any case.
        timeout: Seconds for all of it, the last byte included.
        max_bytes: Of the document, unpacked.
        ca_file: Whom to trust instead of the usual authorities.
    """
    request = Request(
        url=url,
        headers={"accept": ACCEPT, **_conditions(validators), **headers},
        redirects=REDIRECTS,
        max_body=max_bytes,
        ca_file=ca_file,
    )
    progress = Progress()
    with trio.move_on_after(timeout):
        try:
            return _taken(await fetch(request, progress), request)
        except LookFailed as error:
            return FetchFailed(error.detail)
    return FetchFailed(f"no whole answer within {timeout:g} s, {progress.doing}")


def _taken(answer: Answer, request: Request) -> Outcome:
    if request.url.startswith("https:") and not answer.url.startswith("https:"):
        return FetchFailed("redirected from https to http, which is not taken")
    if answer.status == 304:
        return Unchanged()
    if answer.status != 200:
        return FetchFailed(f"status {answer.status}", retry_after(answer.headers.get("retry-after")))
    if answer.cut:
        return FetchFailed(f"larger than {request.max_body} bytes")
    if answer.encoding:
        return FetchFailed(f"in a content-encoding that was not asked for: {answer.encoding[:40]!r}")
    validators = Validators(answer.headers.get("etag"), answer.headers.get("last-modified"))
    return Fetched(answer.body, answer.headers.get("content-type", ""), validators, answer.url)


def _conditions(validators: Validators) -> dict[str, str]:
    found: dict[str, str] = {}
    if validators.etag is not None:
        found["if-none-match"] = validators.etag
    if validators.last_modified is not None:
        found["if-modified-since"] = validators.last_modified
    return found


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
