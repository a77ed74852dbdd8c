"""One configuration file: its tables, and what is wrong with them, line by line."""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import attrs

from actors.setting_rules import SettingProblem, dotted
from actors.setting_tables import read_table, unknown_keys
from hamster.toml_lines import TomlLines

LARGEST = 1024 * 1024  # bytes; ten thousand services fit, and a log given by mistake is not read to its end
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

S = TypeVar("S", bound=attrs.AttrsInstance)


@attrs.frozen
class Problem:
    """One mistake in a configuration file, or one thing in it to look at twice.

    `line` and `column` count from 1; None where the problem has no place. `setting` is what the text was
    made from, None when the file could not be read that far.
    """

    file: Path
    line: int | None
    text: str
    column: int | None = None
    setting: SettingProblem | None = None

    def __str__(self) -> str:
        place = [str(n) for n in (self.line, self.column) if n is not None]
        return ": ".join([":".join([str(self.file), *place]), self.text])


class ConfigError(Exception):
    """A configuration that cannot be used; `problems` holds every mistake in it, by line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class ConfigFile:
    """A file that could be read as TOML, and what its readers found wrong with it so far.

    Raises:
        ConfigError: It cannot be read, or is no TOML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = _text(path)
        self.document = _document(path, text)
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._lines = TomlLines(text)

    def wrong(self, problem: SettingProblem) -> None:
        """Note a mistake. The file is refused for it, once everything else has been looked at."""
        self.problems.append(self._placed(problem))

    def warn(self, problem: SettingProblem) -> None:
        """Note something that may be meant."""
        self.warnings.append(self._placed(problem))

    def _placed(self, problem: SettingProblem) -> Problem:
        return Problem(self.path, self._lines.line(problem.path), str(problem), setting=problem)

    def table(self, *path: str) -> Mapping[str, object]:
        """The table at *path*, empty when there is none; anything else there is a mistake."""
        found = self.document
        for name in path:
            value = found.get(name, {})
            if not isinstance(value, dict):
                expected = f"a table, [{dotted(path)}]"
                self.wrong(SettingProblem(path, value, expected, "write its keys below that line"))
                return {}
            found = cast("Mapping[str, object]", value)
        return found

    def known(self, table: Mapping[str, object], at: Sequence[str], keys: Collection[str], owner: str) -> None:
        """Every key of *table* is one of *keys*, or a mistake; *owner* says whose keys they are."""
        for problem in unknown_keys(table, keys, owner):
            self.wrong(problem.within(*at))

    def section(self, cls: type[S], name: str) -> S | None:
        """The top-level table *name*, whose keys are the fields of *cls*."""
        settings, found = read_table(cls, self.table(name), f"[{name}]")
        for problem in found:
            self.wrong(problem.within(name))
        return settings

    def refuse_if_wrong(self) -> None:
        """
        Raises:
            ConfigError: Something wrong was noted.
        """
        if self.problems:
            raise ConfigError(sorted(self.problems, key=lambda problem: problem.line or 0))


def placed(path: Path, problems: Sequence[SettingProblem]) -> list[Problem]:
    """*problems* of a file that could be read, each with the line its path stands on now."""
    try:
        lines = TomlLines(_text(path))
    except ConfigError:
        return [Problem(path, None, str(problem), setting=problem) for problem in problems]
    return [Problem(path, lines.line(problem.path), str(problem), setting=problem) for problem in problems]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _refusal(path, "there is no such file; create it or leave --config away to use the defaults") from None
    except IsADirectoryError:
        raise _refusal(path, f"is a directory; expected a file; perhaps {path / 'hamster.toml'}") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _refusal(path, f"cannot be read: {reason}; check its path and permissions") from None
    if len(content) > LARGEST:
        raise _refusal(path, f"is over {LARGEST:,} bytes; expected a configuration in TOML; check the path")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text = f"byte 0x{content[error.start]:02x} is not UTF-8; expected a file in UTF-8; save it as that"
        raise ConfigError([Problem(path, line, text)]) from None


def _document(path: Path, text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _refusal(path, "is nested too deeply to be a configuration; check the path") from None
    except ValueError as error:  # TOMLDecodeError is one; so is an integer of too many digits
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number has too many digits"
        place = _PLACE.search(reason)
        line, column = (int(place[1]), int(place[2])) if place and place[1] else (None, None)
        if place and not place[1]:
            line = text.rstrip("\n").count("\n") + 1
        said = _PLACE.sub("", reason)
        said = f"this is no TOML: {said[:1].lower()}{said[1:]}; correct this line (text stands in quotes)"
        raise ConfigError([Problem(path, line, said, column)]) from None


def _refusal(path: Path, text: str) -> ConfigError:
    return ConfigError([Problem(path, None, text)])
