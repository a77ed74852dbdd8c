"""Patterns of paths below a directory. Pure."""

import re
from collections.abc import Callable, Iterable


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether any of *patterns* matches a path, its parts joined by `/`.

    `*` is anything within a name, `?` one character of it, `[...]` and `[!...]` one of a set; `**` as a part is any
    directories, also none, and as the last part everything below. Names that begin with a dot are names like others.
    """
    compiled = [re.compile(_expression(pattern), re.DOTALL) for pattern in patterns]
    return lambda path: any(one.fullmatch(path) for one in compiled)


def _expression(pattern: str) -> str:
    parts = pattern.split("/")
    whole = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            whole += ".+" if last else "(?:[^/]+/)*"
        else:
            whole += _name(part) + ("" if last else "/")
    return whole


def _name(part: str) -> str:
    """The expression of one part. What follows a star is taken where it comes first: later would be no better, and
    trying it would let a name with many stars before it take for ever."""
    first, *others = _between_stars(part)
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in middle) + f"[^/]*{last}"


def _between_stars(part: str) -> list[str]:
    found, position = [""], 0
    while position < len(part):
        char = part[position]
        position += 1
        if char == "*":
            found.append("")
        elif char == "?":
            found[-1] += "[^/]"
        elif char == "[" and (end := part.find("]", position + 1 + part.startswith("!", position))) >= 0:
            inner = part[position:end]
            negated = inner.startswith("!")
            chars = _set_of(inner[negated:])
            # An empty set, as `[z-a]`, matches nothing, and its negation anything within a name.
            found[-1] += f"[^/{chars}]" if negated else f"(?!/)[{chars}]" if chars else "(?!)"
            position = end + 1
        else:
            found[-1] += re.escape(char)
    return found


def _set_of(inner: str) -> str:
    """The members of a set as a regular expression has them: single characters, and ranges that are none backwards."""
    found, position = "", 0
    while position < len(inner):
        if inner[position + 1 : position + 2] == "-" and position + 2 < len(inner):
            low, high = inner[position], inner[position + 2]
            if low <= high:
                found += f"{_escaped(low)}-{_escaped(high)}"
            position += 3
        else:
            found += _escaped(inner[position])
            position += 1
    return found


def _escaped(char: str) -> str:
    return f"\\{char}" if char in r"\]^-[&~|" else char
