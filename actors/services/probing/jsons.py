"""What is expected at places in a JSON document (RFC 9535)."""

import json
from collections.abc import Sequence
from typing import cast

import attrs

from actors.json_paths import compiled
from actors.setting_rules import plain, shown
from actors.settings import JsonCheck

SHOWN = 80
"""Characters of a value in a figure."""


@attrs.frozen
class JsonFound:
    """What was found at the places looked at."""

    figures: dict[str, float | str]
    """The first value at each path that is a number, a text or a truth value."""
    problem: str | None
    """What is not as expected, of the first that is not."""


def judge_json(document: object, checks: Sequence[JsonCheck]) -> JsonFound:
    """What *checks* find in *document*."""
    figures: dict[str, float | str] = {}
    problem: str | None = None
    for check in checks:
        try:
            values = compiled(check.path).findall(cast("dict[str, object]", document))
        except (TypeError, ValueError, RecursionError) as error:
            return JsonFound(figures, f"{check.path} cannot be followed: {error}")
        if values:
            figures[check.path] = _figure(values[0])
        problem = problem or _problem(check, values)
    return JsonFound(figures, problem)


def _problem(check: JsonCheck, values: Sequence[object]) -> str | None:
    if not values:
        return f"there is nothing at {check.path}"
    for value in values:
        expected = expectation(check, value)
        if expected is not None:
            return f"{check.path} is {_short(value)}, expected {expected}"
    return None


def expectation(check: JsonCheck, value: object) -> str | None:
    """What *value* should be instead; None when it is as it should be."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if check.equals is not None and not same(value, check.equals):
        return shown(check.equals)
    if check.differs is not None and same(value, check.differs):
        return f"anything but {shown(check.differs)}"
    if check.above is not None and not (number is not None and number > check.above):
        return f"a number above {plain(check.above)}"
    if check.below is not None and not (number is not None and number < check.below):
        return f"a number below {plain(check.below)}"
    return None


def same(value: object, other: object) -> bool:
    """Whether they are the same in JSON, where `true` is not 1."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _figure(value: object) -> float | str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return value[:SHOWN] if isinstance(value, str) else _short(value)


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
