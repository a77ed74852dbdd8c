"""Have a document read by a process of its own."""

import datetime as dt
import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import msgspec
import trio
from trio.lowlevel import RunVar

log = logging.getLogger("actors.services.feed")

SECONDS = 15.0
"""How long a document may take; one of five megabytes takes half of that on a slow machine."""
CPU_SECONDS = 10
MEMORY = 768 * 1024 * 1024
"""Bytes of address space: a fifth of it is Python's own."""
PROCESSES = 2
"""How many may read at the same time, of all feeds together."""


_reading: RunVar[trio.CapacityLimiter | None] = RunVar("feed_reading", default=None)


def readers() -> trio.CapacityLimiter:
    """The places for reading processes, of all feeds of this run of Trio together."""
    limiter = _reading.get()
    if limiter is None:
        limiter = trio.CapacityLimiter(PROCESSES)
        _reading.set(limiter)
    return limiter


class UnreadableDocument(Exception):
    """A document that cannot be read, or not within the limits; the text says why."""


@attrs.frozen
class NewsItem:
    """One item of a document."""

    key: str
    """What makes it this item, over all versions of the document."""
    title: str
    link: str
    """An absolute address of http or https; empty for none."""
    published: tuple[float | None, ...]
    """Seconds since 1970, for each of the sources asked for; None where it says none."""
    sources: tuple[int, ...]
    """The sources it belongs to, by their place among those asked for."""


@attrs.frozen
class Document:
    """What was read."""

    format: str
    """`xml` or `json`."""
    items: tuple[NewsItem, ...]
    """In its order, each key once."""
    left_out: int
    """Items beyond what is taken of one document."""
    odd: str
    """What is wrong with it though it could be read; empty for nothing."""


@attrs.frozen(kw_only=True)
class Question:
    """How a document is to be read."""

    format: str
    content_type: str
    paths: Mapping[str, str]
    patterns: Sequence[str | None]
    """Of titles, one for each source."""
    zones: Sequence[dt.tzinfo]
    """Of times that name none, one for each source."""
    base: str
    """What relative links are relative to."""


class _Answer(msgspec.Struct):
    error: str | None = None
    format: str = ""
    items: tuple[NewsItem, ...] = ()
    left_out: int = 0
    odd: str = ""


def command() -> list[str]:
    """How to execute the reading process. A frozen build, which has no interpreter, changes this function alone."""
    return [sys.executable, "-I", "-X", "utf8", str(Path(__file__).parent)]


async def read_document(question: Question, body: bytes, *, limiter: trio.CapacityLimiter) -> Document:
    """The news in *body*.

    Args:
        question: How to read it.
        body: Anything at all; the caller has bounded its length.
        limiter: Shared by all feeds; see `readers`.

    Raises:
        UnreadableDocument: It is no feed, or takes more time or memory than one may.
    """
    request = {
        "format": question.format,
        "content_type": question.content_type,
        "paths": dict(question.paths),
        "patterns": list(question.patterns),
        "zones": [zone_text(zone) for zone in question.zones],
        "base": question.base,
        "memory": MEMORY,
        "cpu": CPU_SECONDS,
    }
    whole = b"%b\n%b" % (msgspec.json.encode(request), body)
    async with limiter:
        with trio.move_on_after(SECONDS):
            ended = await trio.run_process(
                command(),
                stdin=whole,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                deliver_cancel=_kill,
                start_new_session=True,
            )
            return _answer(ended.returncode, ended.stdout, ended.stderr)
    raise UnreadableDocument(f"reading it takes longer than {SECONDS:g} s")


def zone_text(zone: dt.tzinfo) -> str:
    """A zone as the reading process takes it: its name, or the offset that it has now."""
    name = getattr(zone, "key", None)
    if isinstance(name, str):
        return name
    offset = zone.utcoffset(dt.datetime.now(zone)) or dt.timedelta()
    minutes = round(abs(offset).total_seconds() / 60)
    return f"{'-' if offset < dt.timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _answer(code: int, out: bytes, err: bytes) -> Document:
    if code == 0:
        answer = msgspec.json.decode(out, type=_Answer)
        if answer.error is not None:
            raise UnreadableDocument(answer.error)
        return Document(answer.format, answer.items, answer.left_out, answer.odd)
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        raise UnreadableDocument(f"reading it takes more than {CPU_SECONDS} s of processor time")
    if b"MemoryError" in err:
        raise UnreadableDocument("reading it takes more memory than a feed may")
    # A parser that breaks, or is broken: the document's fault as far as anybody can know here.
    last = err.decode(errors="replace").strip().rpartition("\n")[2][:200]
    log.warning("feed.reading_failed code=%d error=%r", code, last)
    raise UnreadableDocument(f"its parser ended with {code}: {last}")


async def _kill(process: trio.Process) -> None:
    process.kill()
