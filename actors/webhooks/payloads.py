"""What each kind of receiver is sent. Pure."""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import assert_never

from actors.webhooks.cards import Card
from actors.webhooks.markup import escaped
from actors.webhooks.rows import Waiting

DISCORD_LONGEST = 2_000
"""Of `content`; one more and Discord answers 400."""
SLACK_LONGEST = 40_000
"""Slack cuts there itself, in the middle of whatever it is."""
SLACK_TEXT, SLACK_HEADER, SLACK_FIELD, SLACK_FIELDS = 3_000, 150, 1_700, 10
"""Of a section's text, of a header, of one field, and fields of a section."""
EMBED_LONGEST, EMBED_TITLE, EMBED_DESCRIPTION, EMBED_FIELDS, EMBED_VALUE = 6_000, 256, 4_096, 25, 1_024
"""Of Discord's embeds: all texts together, a title or name, the description, the fields, and the value of one."""
DOORAY_LONGEST = 4_000
"""By experience; Dooray documents none."""
GENERIC_LONGEST = 40_000

WIDEST = 5
"""Of a character, by any way of counting: `&amp;`."""
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
    if notice.card is not None:
        return card_payload(notice, notice.card)
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
                "created_at": _created(notice),
            }
        case _:
            assert_never(notice.webhook_type)


def card_payload(notice: Waiting, card: Card) -> Mapping[str, object]:
    """The JSON object for a notice with a card, within what its kind of receiver takes."""
    match notice.webhook_type:
        case "discord":
            return {"embeds": [_embed(notice, card)], "allowed_mentions": {"parse": list[str]()}}
        case "slack":
            return {"text": _slack(card.title, SLACK_TEXT), "blocks": _blocks(card)}
        case "dooray":
            text = "\n".join([card.body, *(f"{field.name}: {field.value}" for field in card.fields)])
            attachment = {
                "title": cut(card.title, 256),
                "text": cut(text, DOORAY_LONGEST),
                "color": f"#{card.color:06x}",
            }
            return {"botName": BOT_NAME, "text": cut(card.title, 256), "attachments": [attachment]}
        case "generic":
            return {
                "id": notice.id,
                "message": cut(notice.message, GENERIC_LONGEST),
                "message_type": notice.message_type,
                "priority": notice.priority,
                "title": card.title,
                "body": cut(card.body, GENERIC_LONGEST),
                "color": f"#{card.color:06x}",
                "fields": {field.name: field.value for field in card.fields},
                "created_at": _created(notice),
            }
        case _:
            assert_never(notice.webhook_type)


def _embed(notice: Waiting, card: Card) -> Mapping[str, object]:
    """Discord's, whose texts are 6,000 characters at most together."""
    title, footer = cut(escaped(card.title), EMBED_TITLE), cut(card.footer, EMBED_TITLE)
    room = EMBED_LONGEST - _wide(title) - _wide(footer)
    fields: list[Mapping[str, object]] = []
    for field in card.fields[:EMBED_FIELDS]:
        name = cut(escaped(field.name), EMBED_TITLE) or "-"
        value = cut(escaped(field.value), EMBED_VALUE) or "-"
        if (size := _wide(name) + _wide(value)) > room:
            break
        room -= size
        fields.append({"name": name, "value": value, "inline": len(value) < 40})
    embed: dict[str, object] = {"title": title, "color": card.color, "timestamp": _created(notice)}
    if card.body and room >= 8:
        embed["description"] = cut(escaped(card.body), min(EMBED_DESCRIPTION, room))
    return embed | ({"fields": fields} if fields else {}) | ({"footer": {"text": footer}} if footer else {})


def _wide(text: str) -> int:
    return sum(map(_units, text))


def _blocks(card: Card) -> list[Mapping[str, object]]:
    """Slack's."""
    found: list[Mapping[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(card.title, SLACK_HEADER), "emoji": True}}
    ]
    if card.body:
        found.append({"type": "section", "text": {"type": "mrkdwn", "text": _slack(card.body, SLACK_TEXT)}})
    texts = [
        {"type": "mrkdwn", "text": f"*{_slack(field.name, 200)}*\n{_slack(field.value, SLACK_FIELD)}"}
        for field in card.fields[: 4 * SLACK_FIELDS]
    ]
    found += [{"type": "section", "fields": texts[at : at + SLACK_FIELDS]} for at in range(0, len(texts), SLACK_FIELDS)]
    if card.footer:
        element = {"type": "mrkdwn", "text": _slack(card.footer, SLACK_FIELD)}
        found.append({"type": "context", "elements": [element]})
    return found


def _slack(text: str, longest: int) -> str:
    return cut(text, longest, width=_slack_width).translate(_SLACK)


def _created(notice: Waiting) -> str:
    return datetime.fromtimestamp(notice.created_at, UTC).isoformat(timespec="milliseconds")


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
    if WIDEST * len(text) <= longest:
        return text
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
