import tomllib
from collections.abc import Mapping
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hamster.toml_lines import TomlLines

Path = tuple[str, ...]

# Values whose text looks like keys, headers and ends of strings. Each as it is written.
VALUES = (
    "1",
    "-2.5e3",
    "true",
    "1979-05-27T07:32:00Z",
    '"a = 1 # no comment"',
    "'[table]'",
    '"quote \\" and \\\\"',
    '"""\nkey = 1\n[header]\n"""',
    '"""one " two "" and \\""" end"""""',
    "'''\nkey = 'x'\n# no comment\n'''''",
    '"""one more quote""""',
    "'''one more quote''''",
    "[1, 2]",
    '[\n  "a = 1", # ]\n  [ "]" ],\n\n  { b = "}" },\n]',
    '{ inner = 1, "x.y" = [ { z = "}" } ] }',
    "[]",
    "{}",
    '""',
    "''",
    '""""""',
)
# How a name is written, and what it is.
NAMES = (
    ("a", "a"),
    ("b-2", "b-2"),
    ("3", "3"),
    ('"x.y"', "x.y"),
    ("'q = [1]'", "q = [1]"),
    ('"\\uB274"', "뉴"),
    ('"a\\"] = "', 'a"] = '),
)
FILLING = ("", "  ", "# a = 1", "\t# [a]")


class Writer:
    """Writes a document and keeps the line of every key it writes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[Path, int] = {}

    def write(self, text: str) -> int:
        """Append *text* as a line of its own (or more); the answer is where it begins."""
        self.text += self.draw(st.sampled_from(FILLING)) + "\n" if self.draw(st.booleans()) else ""
        line = self.text.count("\n") + 1
        end = self.draw(st.sampled_from(("\n", " # x = 1\n", "\n\n")))
        self.text += self.draw(st.sampled_from(("", "  ", "\t"))) + text + end
        return line

    def keys(self, path: Path) -> None:
        for written, name in self.draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3)):
            equals = self.draw(st.sampled_from(("=", " = ", "\t=")))
            value = self.draw(st.sampled_from(VALUES))
            if self.draw(st.booleans()):
                dotted = self.draw(st.sampled_from((".", " . ")))
                line = self.write(f"{written}{dotted}deep{equals}{value}")
                self.lines[*path, name, "deep"] = line
            else:
                line = self.write(f"{written}{equals}{value}")
            self.lines[*path, name] = line

    def table(self, header: str, path: Path, depth: int) -> None:
        """The keys of a table, then the tables in it, whose names no key has."""
        self.keys(path)
        for number in range(self.draw(st.integers(0, 2)) if depth < 3 else 0):
            name = f"t{number}"
            inner = f"{header}.{name}" if header else name
            if self.draw(st.booleans()):
                self.lines[*path, name] = self.write(f"[{inner}]")
                self.table(inner, (*path, name), depth + 1)
                continue
            for item in range(self.draw(st.integers(1, 3))):
                line = self.write(f"[[ {inner} ]]")
                self.lines.setdefault((*path, name), line)
                self.lines[*path, name, str(item)] = line
                self.table(inner, (*path, name, str(item)), depth + 1)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[Path, int]]:
    writer = Writer(draw)
    writer.table("", (), 0)
    return writer.text, writer.lines


@pytest.mark.slow
@given(documents())
def test_every_key_of_any_document_is_found_on_its_line(document: tuple[str, dict[Path, int]]) -> None:
    text, lines = document
    tomllib.loads(text)  # the writer wrote TOML: else the test would show nothing
    assert dict(TomlLines(text).lines) == lines


@pytest.mark.slow
@given(documents())
def test_every_value_of_any_document_has_a_line_at_or_before_it(
    document: tuple[str, dict[Path, int]],
) -> None:
    text, _ = document
    lines = TomlLines(text)

    def walk(value: object, path: Path) -> None:
        if isinstance(value, dict):
            for name, inner in cast("Mapping[str, object]", value).items():
                line = lines.line((*path, name))
                assert line is not None
                assert line >= (lines.line(path) or 1)
                walk(inner, (*path, name))

    walk(tomllib.loads(text), ())


def test_a_table_stands_at_its_header_though_an_inner_one_came_first() -> None:
    lines = TomlLines("[a.b]\nc = 1\n\n[a]\nd = 2\n")
    assert (lines.line(("a",)), lines.line(("a", "b")), lines.line(("a", "b", "c"))) == (4, 1, 2)


def test_a_table_that_only_longer_names_mention_stands_at_the_first_of_them() -> None:
    lines = TomlLines("\n[services.web.env]\nA = 'x'\n")
    assert lines.line(("services",)) == lines.line(("services", "web")) == 2


def test_keys_of_an_inline_table_and_items_of_an_array_are_on_the_line_of_their_key() -> None:
    lines = TomlLines("x = 1\nenv = { A = 'x', B = 'y' }\n")
    assert lines.line(("env", "B")) == 2


def test_what_is_not_there_is_on_the_line_of_what_is_around_it() -> None:
    lines = TomlLines("\n[server]\nhost = 'x'\n")
    assert lines.line(("server", "port")) == 2
    assert lines.line(("nowhere",)) is None


def test_a_text_that_is_no_toml_ends_the_search_and_not_the_program() -> None:
    assert TomlLines('= = "').line(("a",)) is None
    assert TomlLines('a = """').line(("a",)) == 1
