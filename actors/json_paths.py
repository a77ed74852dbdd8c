"""Paths into JSON documents (RFC 9535), for whoever looks at what others have written."""

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError

from actors.setting_rules import SettingProblem

SEARCHES = ("match", "search")
"""Functions of RFC 9535 that are left out: a document could keep a regular expression busy for ever."""


class _Environment(JSONPathEnvironment):
    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        for name in SEARCHES:
            del self.function_extensions[name]


def compiled(path: str) -> JSONPath:
    """*path* ready to be followed.

    Raises:
        ValueError: It is no path of RFC 9535, or one with a regular expression.
    """
    try:
        found = _Environment(strict=True).compile(path)
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
