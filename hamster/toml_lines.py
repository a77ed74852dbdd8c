"""On which line of a TOML document a key stands: `tomllib` tells only for documents it cannot read."""

import re
import tomllib
from collections.abc import Mapping

PART = r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'"""
KEY = rf"(?:{PART})(?:[ \t]*\.[ \t]*(?:{PART}))*"
# What a value is made of, as far as its end matters. A long string may end with two quotes of its own.
PIECE = r"""
    \"{3} (?: \\. | [^\\] )*? \"{3} (?!\")
    | '{3} .*? '{3} (?!')
    | \" (?: \\. | [^\"\\] )* \"
    | ' [^']* '
    | \#[^\n]*
    | [^\n\"'\#\[\]{}]+
    | .
"""

_PART = re.compile(PART)
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_HEADER = re.compile(rf"(\[\[?)[ \t]*({KEY})[ \t]*\]\]?")
_ASSIGNMENT = re.compile(rf"({KEY})[ \t]*=")
_PIECE = re.compile(PIECE, re.DOTALL | re.VERBOSE)


class TomlLines:
    """The lines of the keys of a document that `tomllib` accepts.

    A path is a tuple of key names; an item of an array of tables is named by its index, as text:
    `("checks", "0", "url")`.
    """

    def __init__(self, document: str) -> None:
        self._lines: dict[tuple[str, ...], int] = {}
        self._tables: dict[tuple[str, ...], int] = {}  # arrays of tables: how many items so far
        self._scan(document)

    @property
    def lines(self) -> Mapping[tuple[str, ...], int]:
        """Every key and table that has a place of its own, with its line (from 1)."""
        return self._lines

    def line(self, path: tuple[str, ...]) -> int | None:
        """The line of *path*, or of the nearest thing around it that has one; None for the document itself.

        Keys inside an inline table or an array are on the line where that value's own key stands.
        """
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return None

    def _scan(self, document: str) -> None:
        table: tuple[str, ...] = ()
        at, line, counted = 0, 1, 0
        while (at := _end(_SPACE, document, at)) < len(document):
            line, counted = line + document.count("\n", counted, at), at
            if header := _HEADER.match(document, at):
                table = self._table(_names(header[2]), line, one_of_many=header[1] == "[[")
                at = header.end()
            elif assignment := _ASSIGNMENT.match(document, at):
                self._mark((*table, *_names(assignment[1])), line, beyond=len(table))
                at = _after_value(document, assignment.end())
            else:  # no document that tomllib accepts gets here; better no lines than no end
                return

    def _table(self, names: tuple[str, ...], line: int, *, one_of_many: bool) -> tuple[str, ...]:
        """The full path of a header: a name that is an array of tables means its last item."""
        path: tuple[str, ...] = ()
        for position, name in enumerate(names, 1):
            path = (*path, name)
            if one_of_many and position == len(names):
                self._tables[path] = self._tables.get(path, 0) + 1
            if path in self._tables:
                path = (*path, str(self._tables[path] - 1))
        self._mark(path, line, beyond=0)
        self._lines[path] = line  # a table's own header, also when [table.inner] stood before it
        return path

    def _mark(self, path: tuple[str, ...], line: int, *, beyond: int) -> None:
        """Tables that only a longer name mentions stand where they are first mentioned."""
        for length in range(beyond + 1, len(path) + 1):
            self._lines.setdefault(path[:length], line)


def _names(key: str) -> tuple[str, ...]:
    parts = _PART.findall(key)
    return tuple(tomllib.loads(f"name = {p}")["name"] if p[0] in "\"'" else p for p in parts)


def _after_value(document: str, at: int) -> int:
    """Where the value that begins at *at* has ended: the first end of line outside strings and brackets."""
    depth = 0
    while (piece := _PIECE.match(document, at)) and (depth or piece[0] != "\n"):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(piece[0], 0)
        at = piece.end()
    return at


def _end(pattern: re.Pattern[str], document: str, at: int) -> int:
    match = pattern.match(document, at)
    return match.end() if match else at
