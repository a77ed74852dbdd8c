"""What each kind of receiver is sent. Pure."""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import assert_never

from actors.webhooks.rows import Waiting

DISCORD_LONGEST = 2_000
"""Of `content`; one more and Discord answers 400."""
SLACK_LONGEST = 40_000
"""Slack cuts there itself, in the middle of whatever it is."""
DOORAY_LONGEST = 4_000
"""By experience; Dooray documents none."""
GENERIC_LONGEST = 40_000

BOT_NAME = "WatchHamster"
CUT = "…"
FENCE = "```"

_JOINER = "\u200d"
_PARTS = ("Mn", "Me", "Mc", "Sk")
"""Marks, and the modifiers of emoji; the vowels of Korean written in parts are letters, and rare."""
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""All that Slack knows as markup for machines: without `<` nobody is mentioned."""


def payload(notice: Waiting) -> Mapping[str, object]:
    """The JSON object for *notice*, within what its kind of receiver takes."""
    match notice.webhook_type:
        case "discord":
            return {"content": cut(notice.message, DISCORD_LONGEST), "allowed_mentions": {"parse": list[str]()}}
        case "slack":
            return {"text": cut(notice.message, SLACK_LONGEST, width=_slack_width).translate(_SLACK)}
        case "dooray":
            return {"botName": BOT_NAME, "text": cut(notice.message, DOORAY_LONGEST)}
        case "generic":
            return {
                "id": notice.id,
                "message": cut(notice.message, GENERIC_LONGEST),
                "template_id": notice.template_id,
                "variables": notice.variables,
                "created_at": datetime.fromtimestamp(notice.created_at, UTC).isoformat(timespec="milliseconds"),
            }
        case _:
            assert_never(notice.webhook_type)


def _units(character: str) -> int:
    # Whoever counts UTF-16, as JavaScript does, counts two where Python counts one.
    return 2 if character > "\uffff" else 1


def _slack_width(character: str) -> int:
    return len(character.translate(_SLACK)) if character in "&<>" else _units(character)


def cut(text: str, longest: int, *, width: Callable[[str], int] = _units) -> str:
    """*text*, or its beginning and a mark that there was more.

    Never in the middle of what is drawn as one character, and with a code fence that was opened closed again.

    Args:
        text: Any.
        longest: What the result may be wide, 8 or more: room for the mark and a fence.
        width: How wide a character is.
    """
    room = longest - sum(map(width, CUT + "\n" + FENCE))
    total, fits = 0, 0
    for place, character in enumerate(text):
        total += width(character)
        if total <= room:
            fits = place + 1
        if total > longest:
            break
    else:
        return text
    while fits > 0 and _joined(text[fits - 1], text[fits]):
        fits -= 1
    kept = text[:fits]
    return kept + CUT + ("\n" + FENCE if kept.count(FENCE) % 2 else "")


def _joined(before: str, after: str) -> bool:
    """Whether the two are drawn as one, as a letter and its accent, or the parts of an emoji."""
    return _JOINER in (before, after) or unicodedata.combining(after) != 0 or unicodedata.category(after) in _PARTS
