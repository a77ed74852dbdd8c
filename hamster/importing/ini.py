"""Ini files as supervisord reads them, with the line of every option."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from hamster.importing.drafts import ImportRefused

_SECTION = re.compile(r"\[(.+)\]")
_OPTION = re.compile(r"([^=:]+?)\s*[=:]\s*(.*)")
_COMMENT = re.compile(r"(?:^|\s)[;#].*$")


@attrs.frozen
class Option:
    """One value; one that goes on over further lines has them joined by newlines."""

    value: str
    line: int


@attrs.define
class Section:
    """One section of one file."""

    name: str
    file: Path
    line: int
    options: dict[str, Option] = attrs.field(factory=dict[str, Option])

    def get(self, key: str, default: str = "") -> str:
        """The value of *key*."""
        return self.options[key].value if key in self.options else default

    def line_of(self, key: str) -> int:
        """Where *key* stands."""
        return self.options[key].line if key in self.options else self.line


def sections(path: Path, text: str) -> list[Section]:
    """The sections of an ini file, in order; one that stands there twice is one, with the later values.

    Raises:
        ImportRefused: A line that is no part of one.
    """
    found: dict[str, Section] = {}
    section: Section | None = None
    key = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = _COMMENT.sub("", raw).strip()
        if not line:
            continue
        if raw[0].isspace() and section is not None and key:
            option = section.options[key]
            section.options[key] = Option(f"{option.value}\n{line}".strip(), option.line)
        elif header := _SECTION.fullmatch(line):
            section, key = found.setdefault(header[1], Section(header[1], path, number)), ""
        elif section is not None and (option := _OPTION.fullmatch(line)):
            key = option[1].strip().lower()
            section.options[key] = Option(option[2], number)
        else:
            raise ImportRefused(path, f'{line!r} is no "[section]" and no "key = value"; correct this line', number)
    return list(found.values())


def expand(value: str, names: Mapping[str, str]) -> tuple[str, Sequence[str]]:
    """*value* with `%(name)s` and `%(name)02d` replaced, and `%%` by `%`.

    Returns:
        The text, and the names that are not among *names*, which are left as they were.
    """
    unknown: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        name, form = match[1], match[2]
        if name not in names:
            unknown.append(name)
            return match[0]
        try:
            return f"%{form}" % (int(names[name]) if form[-1] in "dixX" else names[name])
        except ValueError:
            unknown.append(name)
            return match[0]

    return re.sub(r"%%|%\(([^)]*)\)([-+ #0]*\d*(?:\.\d+)?[sdixX])", replace, value), unknown
