"""Paths into JSON documents (RFC 9535), for whoever looks at what others have written."""

from typing import TYPE_CHECKING

from actors.setting_rules import SettingProblem

if TYPE_CHECKING:
    from jsonpath import JSONPath

SEARCHES = ("match", "search")
"""Functions of RFC 9535 that are left out: a document could keep a regular expression busy for ever."""


def compiled(path: str) -> "JSONPath":
    """*path* ready to be followed.

    Raises:
        ValueError: It is no path of RFC 9535, or one with a regular expression.
    """
    # Here: the library takes a tenth of a second to import, and most configurations have no path.
    from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError

    environment = JSONPathEnvironment(strict=True)
    for name in SEARCHES:
        del environment.function_extensions[name]
    try:
        found = environment.compile(path)
    except JSONPathError as error:
        raise ValueError(str(error).partition("\n")[0]) from error
    if not isinstance(found, JSONPath):
        raise ValueError("several paths in one")
    return found


def json_path(value: object) -> list[SettingProblem]:
    """A path of RFC 9535, as `$.queue.length`."""
    expected = 'a JSON path, like "$.queue.length"'
    if not isinstance(value, str):
        return [SettingProblem((), value, expected)]
    try:
        compiled(value)
    except ValueError as error:
        return [SettingProblem((), value, expected, str(error))]
    return []
