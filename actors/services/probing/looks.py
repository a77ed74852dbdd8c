"""What a look is, and how each kind of look is bounded."""

import errno
from collections.abc import Awaitable, Callable, Iterable

import attrs
import trio

from actors.services.look import Look

__all__ = ["OURS", "Look", "LookFailed", "Progress", "bounded", "failed_by", "in_words", "one_line"]

DETAIL = 1000
"""Characters of a detail: it stands in a log line, in an event and in an answer."""

OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN})
"""Errors that say that we are short of something, and nothing about what was looked at."""


class LookFailed(Exception):
    """It is not as it should be; the text says how. With `ours`, we could not look at all."""

    def __init__(self, detail: str, *, ours: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.ours = ours


@attrs.define(eq=False)
class Progress:
    """How far a look has come: what it says when it is cut off."""

    doing: str = "about to begin"
    figures: dict[str, float | str] = attrs.field(factory=dict[str, "float | str"])


async def bounded(timeout: float, work: Callable[[Progress], Awaitable[str]]) -> Look:
    """The look that *work* makes, cut off after *timeout* seconds in all.

    Args:
        timeout: Seconds.
        work: Returns what was found when all is well, and raises `LookFailed` when it is not. It writes down what it
            is doing, and what it has measured, as it goes.
    """
    progress = Progress()
    began = trio.current_time()
    ok, detail, ours = False, "", False
    with trio.move_on_after(timeout) as bound:
        try:
            detail = await work(progress)
            ok = True
        except LookFailed as failed:
            detail, ours = failed.detail, failed.ours
    if bound.cancelled_caught:
        ok, detail = False, f"no answer within {timeout:g} s, still {progress.doing}"
    return Look(ok, one_line(detail)[:DETAIL], trio.current_time() - began, progress.figures, ours)


def failed_by(error: OSError, what: str) -> LookFailed:
    """*error* as the reason why *what* could not be done."""
    return LookFailed(f"cannot {what}: {error.strerror or error}", ours=error.errno in OURS)


def one_line(text: str) -> str:
    """*text* on one line of printable characters; whatever separates its words is one space."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))


def in_words(parts: Iterable[str]) -> str:
    """*parts* as one phrase, without those that are empty."""
    return ", ".join(part for part in parts if part)
