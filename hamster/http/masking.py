"""What is shown of values that may be secret."""

import re
from collections.abc import Mapping, Sequence
from typing import cast

MASK = "***"

_SECRET_NAME = re.compile(
    r"pass|secret|token|api.?key|auth|credential|private|cookie|session|dsn|webhook", re.IGNORECASE
)
_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s@]+@")
_ASSIGNED = re.compile(r"(?P<name>[^=\s]+)=(?P<value>.*)", re.DOTALL)


def mask_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The names, each with a mask for its value: nobody can tell which of them is secret."""
    return dict.fromkeys(environment, MASK)


def mask_command(words: Sequence[str]) -> list[str]:
    """A command line without what looks like a secret: values of such options, and passwords in addresses."""
    shown: list[str] = []
    hide_next = False
    for word in words:
        if hide_next and not word.startswith("-"):
            shown.append(MASK)
        else:
            shown.append(mask_text(word))
        hide_next = word.startswith("-") and "=" not in word and bool(_SECRET_NAME.search(word))
    return shown


def mask_text(text: str) -> str:
    """*text* without user names and passwords in addresses, and without the value of `secret_name=value`."""
    assigned = _ASSIGNED.fullmatch(text)
    if assigned is not None and _SECRET_NAME.search(assigned["name"]):
        return f"{assigned['name']}={MASK}"
    return _USERINFO.sub(rf"\g<scheme>{MASK}@", text)


def mask_options(options: Mapping[str, object]) -> dict[str, object]:
    """Options of a service: values under a secret's name masked, addresses without passwords, at any depth."""
    return {name: MASK if _SECRET_NAME.search(name) else _mask_value(value) for name, value in options.items()}


def _mask_value(value: object) -> object:
    match value:
        case str():
            return mask_text(value)
        case Mapping():
            return mask_options(cast("Mapping[str, object]", value))
        case list() | tuple():
            return [_mask_value(inner) for inner in cast("Sequence[object]", value)]
        case _:
            return value
