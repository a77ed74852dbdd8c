"""Looking at a web page or an API."""

import json
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import trio

from actors.services.probing.certificate import days_left, require_days
from actors.services.probing.jsons import JsonFound, judge_json
from actors.services.probing.looks import Look, LookFailed, Progress, bounded, in_words
from actors.services.probing.texts import TextCheck
from actors.setting_rules import plain, shown
from actors.settings import HttpOptions, JsonCheck

if TYPE_CHECKING:
    from actors.services.probing.fetching import Answer

FETCHING = "actors.services.probing.fetching"


async def look_http(options: HttpOptions, *, timeout: float | None = None) -> Look:
    """Whether an address answers as it should.

    Figures: `status`, `connect_s`, `tls_s`, `first_byte_s`, `body_bytes`, `redirects` and `url` (the final one) if it
    was redirected, `certificate_days`, and the value at each JSON path.

    Args:
        options: What to ask for and what to expect.
        timeout: Seconds for all of it, redirects and body included; that of *options* unless told.
    """
    # In a thread, with the first page: httpx takes 0.7 s to import, and who watches no page need not have it.
    await trio.to_thread.run_sync(import_module, FETCHING)
    return await bounded(options.timeout if timeout is None else timeout, partial(_look, options))


async def _look(options: HttpOptions, progress: Progress) -> str:
    if options.url is None:
        raise LookFailed("there is no address to look at; set url", ours=True)
    began = trio.current_time()
    answer = await _fetch(options, options.url, progress)
    took = trio.current_time() - began
    figures = progress.figures
    figures["status"] = answer.status
    figures["body_bytes"] = len(answer.body)
    if answer.redirects:
        figures["redirects"], figures["url"] = answer.redirects, answer.url
    days = days_left(answer.certificate)
    if days is not None:
        figures["certificate_days"] = round(days, 2)
    if not expected(answer.status, options.status):
        wanted = ", ".join(map(plain, options.status))
        raise LookFailed(f"status {answer.status}, expected {wanted}{_where(answer)}")
    await _judge_body(options, answer, progress)
    if options.max_latency is not None and took > options.max_latency:
        raise LookFailed(f"answered after {took:.3f} s, expected {options.max_latency:g} s or less")
    require_days(days, options.certificate_days)
    expiry = f"certificate for {days:.0f} days" if days is not None else ""
    return in_words([f"status {answer.status} in {took:.3f} s{_where(answer)}", expiry])


async def _fetch(options: HttpOptions, url: str, progress: Progress) -> "Answer":
    from actors.services.probing.fetching import Request, fetch

    request = Request(
        url=url,
        method=options.method,
        headers=options.headers,
        body=None if options.body is None else options.body.encode(),
        redirects=options.redirects,
        verify=options.verify,
        ca_file=options.ca_file,
        max_body=options.max_body,
    )
    return await fetch(request, progress)


async def _judge_body(options: HttpOptions, answer: "Answer", progress: Progress) -> None:
    texts = TextCheck(options.text, options.text_absent, options.regex)
    if texts == TextCheck(regex=options.regex) and not options.json:
        return
    if answer.encoding:
        raise LookFailed(f"the body is encoded as {shown(answer.encoding)}, expected gzip, deflate or nothing")
    # In a thread: a large body with a strange charset takes milliseconds, and large JSON more.
    text = await trio.to_thread.run_sync(answer.text)
    await texts.judge(text, "the body", progress, cut=answer.cut)
    if options.json:
        await _judge_json(options.json, answer, text, progress)


async def _judge_json(checks: Sequence[JsonCheck], answer: "Answer", text: str, progress: Progress) -> None:
    if answer.cut:
        raise LookFailed("the body is too large to be read as JSON; raise max_body")
    progress.doing = "reading the JSON"
    found = await trio.to_thread.run_sync(_found_in, checks, text, abandon_on_cancel=True)
    progress.figures.update(found.figures)
    if found.problem is not None:
        raise LookFailed(found.problem)


def _found_in(checks: Sequence[JsonCheck], text: str) -> JsonFound:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LookFailed(f"the body is no JSON: {error}") from error
    return judge_json(document, checks)


def expected(status: int, allowed: Sequence[int | str]) -> bool:
    """Whether *status* is among numbers and ranges such as "200-299"."""
    for item in allowed:
        low, _, high = str(item).partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


def _where(answer: "Answer") -> str:
    return f" at {answer.url}" if answer.redirects else ""
