"""What is shown of values that may be secret.

Nobody can tell every secret from what is none. What is named like one, stands where addresses carry them, or is in an
environment is masked, rather once too often.
"""

import re
from collections.abc import Mapping, Sequence
from typing import cast

from actors.masking import MASK, mask_addresses

__all__ = ["MASK", "mask_addresses", "mask_command", "mask_environment", "mask_options", "mask_text"]

_WORDS = (
    r"(?:pass|pwd|secret|token|api.?key|[_-]key\b|\bkey\b|auth|bearer|jwt"
    r"|credential|private|cookie|session|dsn|webhook)"
)
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
_OPTION = re.compile(r"--[A-Za-z][A-Za-z0-9-]*(?:=.*)?|-[A-Za-z]", re.DOTALL)

# `token=abc`, `"token": "abc"`, `Authorization: Bearer abc`, `--token abc`
_NAMED = re.compile(
    rf"(?P<name>[\w.-]*{_WORDS}[\w.-]*[\"']?(?:\s*[=:]\s*|\s+(?=(?:bearer|basic)\s)))"
    r"(?P<kind>(?:bearer|basic|token)\s+)?(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"',;&]+)"
    rf"|(?P<option>(?<!\S)--?[\w-]*{_WORDS}[\w-]*\s+)(?P<following>\"[^\"]*\"|'[^']*'|(?!-)\S+)",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(r"(?P<name>[^=\s]+)=(?P<value>.+)", re.DOTALL)


def mask_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The names, each with a mask for its value: nobody can tell which of them is secret."""
    return dict.fromkeys(environment, MASK)


def mask_command(words: Sequence[str]) -> list[str]:
    """A command line without what looks like a secret: values of such options, and passwords in addresses."""
    shown: list[str] = []
    hide_next = False
    for word in words:
        is_option = bool(_OPTION.fullmatch(word))
        shown.append(MASK if hide_next and not is_option else mask_text(word))
        hide_next = is_option and "=" not in word and bool(_SECRET_NAME.search(word))
    return shown


def mask_text(text: str) -> str:
    """*text* without values that are named like secrets, and without the secret parts of addresses."""
    assigned = _ASSIGNED.fullmatch(text)
    if assigned is not None and _SECRET_NAME.search(assigned["name"]):
        return f"{assigned['name']}={MASK}"
    return _NAMED.sub(_without_value, mask_addresses(text))


def mask_options(options: Mapping[str, object]) -> dict[str, object]:
    """Options of a service: values under a secret's name masked, texts without their secret parts, at any depth."""
    return {name: _mask_named(name, value) for name, value in options.items()}


def _mask_named(name: str, value: object) -> object:
    if not _SECRET_NAME.search(name):
        return _mask_value(value)
    # How long a session lasts, or whether there is a password, is no secret.
    return value if isinstance(value, bool) or value is None else MASK


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


def _without_value(found: re.Match[str]) -> str:
    if found["option"] is not None:
        return found["option"] + MASK
    return found["name"] + (found["kind"] or "") + MASK
