"""How monitors put things in their logs."""

import logging
from collections.abc import Mapping

from actors.services.probing import Look


def sentence(event: str, values: Mapping[str, object] | None) -> str:
    """An event's name and its values, on one line."""
    return " ".join([event, *(f"{name}={_value(value)}" for name, value in (values or {}).items())])


def level_of(look: Look) -> int:
    """How urgent a look is."""
    return logging.INFO if look.ok else logging.WARNING


def word_of(look: Look) -> str:
    """What became of a look."""
    return "not_made" if look.ours else "ok" if look.ok else "failed"


def _value(value: object) -> str:
    text = str(value)
    return text if text and " " not in text and '"' not in text and text.isprintable() else shown_whole(text)


def shown_whole(text: str) -> str:
    """*text* in quotes, on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
