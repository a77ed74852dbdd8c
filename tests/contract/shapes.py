"""What an answer must look like: keys and types, from a sample. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import attrs


@attrs.frozen
class Null:
    """Null, or what *other* says."""

    other: object


@attrs.frozen
class MapOf:
    """An object of any keys whose values are like *value*."""

    value: object


@attrs.frozen
class Exactly:
    """This value, to the letter."""

    value: object


@attrs.frozen
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]


ANY = object()
"""Whatever JSON has."""


def differences(shape: object, found: object, at: str = "$") -> Iterator[str]:
    """What *found* lacks of *shape*: a key, or a type. Further keys are allowed."""
    if shape is ANY:
        return
    match shape:
        case Null(other):
            if found is not None:
                yield from differences(other, found, at)
        case Exactly(value):
            if found != value:
                yield f"{at} is {found!r}, expected {value!r}"
        case OneOf(words):
            if found not in words:
                yield f"{at} is {found!r}, expected one of {', '.join(words)}"
        case MapOf(value):
            yield from _map(value, found, at)
        case Mapping():
            yield from _object(cast("Mapping[str, object]", shape), found, at)
        case list():
            yield from _list(cast("list[object]", shape), found, at)
        case _:
            if _kind(shape) != _kind(found):
                yield f"{at} is {found!r}, expected {_kind(shape)}"


def _map(value: object, found: object, at: str) -> Iterator[str]:
    if not isinstance(found, Mapping):
        yield f"{at} is {found!r}, expected an object"
        return
    for key, inner in cast("Mapping[str, object]", found).items():
        yield from differences(value, inner, f"{at}.{key}")


def _object(shape: Mapping[str, object], found: object, at: str) -> Iterator[str]:
    if not isinstance(found, Mapping):
        yield f"{at} is {found!r}, expected an object"
        return
    table = cast("Mapping[str, object]", found)
    for key, inner in shape.items():
        if key not in table:
            yield f"{at}.{key} is missing"
        else:
            yield from differences(inner, table[key], f"{at}.{key}")


def _list(shape: Sequence[object], found: object, at: str) -> Iterator[str]:
    if not isinstance(found, list):
        yield f"{at} is {found!r}, expected a list"
        return
    for number, inner in enumerate(cast("list[object]", found)):
        if shape:
            yield from differences(shape[0], inner, f"{at}[{number}]")


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case None:
            return "null"
        case list():
            return "a list"
        case _:
            return "an object"
