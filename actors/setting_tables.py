"""Settings out of tables: a mapping as TOML or JSON gives it becomes a settings class, with every mistake named."""

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar, cast

import attrs

from actors.setting_rules import (
    RULE,
    Nothing,
    Rule,
    SettingProblem,
    SettingsError,
    did_you_mean,
    key_of,
    problems,
    shown,
)

S = TypeVar("S", bound=attrs.AttrsInstance)

NESTED = "nested"  # the key of a field's metadata under which its `Nested` stands


class Shape(enum.Enum):
    """How tables stand in a field."""

    ONE = "one"
    LIST = "list"
    NAMED = "named"


@attrs.frozen
class Nested:
    """The value of a field is made of tables, each of which is a *cls*."""

    cls: type[attrs.AttrsInstance]
    shape: Shape


def one_table(cls: type[attrs.AttrsInstance]) -> dict[str, object]:
    """Metadata of a field that is None or a *cls*, written as a table."""

    def rule(value: object) -> list[SettingProblem]:
        return [] if value is None or isinstance(value, cls) else [SettingProblem((), value, "a table of keys")]

    return {RULE: rule, NESTED: Nested(cls, Shape.ONE)}


def list_of_tables(cls: type[attrs.AttrsInstance]) -> dict[str, object]:
    """Metadata of a field that is a tuple of *cls*, written as an array of tables."""

    def rule(value: object) -> list[SettingProblem]:
        items = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (None,)
        right = all(isinstance(item, cls) for item in items)
        return [] if right else [SettingProblem((), cast("object", value), "an array of tables, [[...]]")]

    return {RULE: rule, NESTED: Nested(cls, Shape.LIST)}


def named_tables(cls: type[attrs.AttrsInstance], name: Rule) -> dict[str, object]:
    """Metadata of a field that is a mapping of names (*name* checks each) to *cls*, written as tables below it."""

    def rule(value: object) -> list[SettingProblem]:
        if not isinstance(value, Mapping):
            return [SettingProblem((), value, "tables, each below its name")]
        found: list[SettingProblem] = []
        for key, inner in cast("Mapping[str, object]", value).items():
            found += [attrs.evolve(p, path=(key,), got=Nothing.NO_ID) for p in name(key)]
            if not isinstance(inner, cls):
                found.append(SettingProblem((key,), inner, "a table of keys"))
        return found

    return {RULE: rule, NESTED: Nested(cls, Shape.NAMED)}


def field_names(cls: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    """The keys of *cls*'s fields, in order."""
    return tuple(key_of(field.name) for field in attrs.fields(cls))


def unknown_keys(table: Mapping[str, object], known: Collection[str], owner: str) -> list[SettingProblem]:
    """A problem for every key of *table* that is none of *known*; *owner* says whose keys they are."""
    return [
        SettingProblem((key,), Nothing.UNKNOWN, f"a key of {owner}", did_you_mean(key, known) or "remove it")
        for key in table
        if key not in known
    ]


def read_table(
    cls: type[S], table: Mapping[str, object], owner: str, *, also: Mapping[str, object] | None = None
) -> tuple[S | None, list[SettingProblem]]:
    """*table* as a *cls*, tables within it as what their fields are made of.

    Args:
        cls: Its fields are the keys.
        table: As it was written.
        owner: Whose keys they are, for the sentence about one that is none.
        also: Values of fields that are no keys of the table.

    Returns:
        None and everything that is wrong, each with its path within the table; or the instance and nothing.
    """
    given = also or {}
    keys = [name for name in field_names(cls) if name not in given]
    found = unknown_keys(table, keys, owner)
    values: dict[str, object] = {**given}
    broken: list[str] = []
    for field in attrs.fields(cls):
        key = key_of(field.name)
        if key not in keys or key not in table:
            continue
        value, wrong = _inner(field, table[key])
        found += [problem.within(key) for problem in wrong]
        if wrong:
            broken.append(key)
        else:
            values[field.name] = value
    found += [p for p in problems(cls, values) if not (p.path[0] in broken and p.got is Nothing.MISSING)]
    if found or broken:
        return None, found
    try:
        return cls(**values), []
    except SettingsError as error:
        return None, list(error.problems)


def _inner(field: "attrs.Attribute[Any]", value: object) -> tuple[object, list[SettingProblem]]:
    """The value of one field: its tables made into what they are; anything else is left to the field's rule."""
    nested = cast("Nested | None", field.metadata.get(NESTED))
    if nested is None:
        return value, []
    match nested.shape, value:
        case Shape.ONE, Mapping():
            return read_table(nested.cls, cast("Mapping[str, object]", value), shown(field.name))
        case Shape.NAMED, Mapping():
            return _each(nested, field.name, cast("Mapping[str, object]", value))
        case Shape.LIST, list() | tuple():
            rows = cast("Sequence[object]", value)
            table = {str(number): row for number, row in enumerate(rows)}
            made, found = _each(nested, field.name, table)
            return tuple(made.values()), found
        case _:
            return value, []


def _each(nested: Nested, name: str, tables: Mapping[str, object]) -> tuple[dict[str, object], list[SettingProblem]]:
    made: dict[str, object] = {}
    found: list[SettingProblem] = []
    for key, table in tables.items():
        if not isinstance(table, Mapping):
            found.append(SettingProblem((key,), table, "a table of keys", "write its keys"))
            continue
        one, wrong = read_table(nested.cls, cast("Mapping[str, object]", table), shown(name))
        found += [problem.within(key) for problem in wrong]
        made[key] = one
    return made, found
