"""What a declaration of a route says."""

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs


@attrs.frozen
class Maybe:
    """In a sample: this, or null."""

    value: object


@attrs.frozen
class Each:
    """In a sample: an object of any keys, of which these are some."""

    values: Mapping[str, object]


@attrs.frozen
class Either:
    """In a sample: one of these; the first is shown."""

    values: Sequence[object]


@attrs.frozen
class Of:
    """A model that is encoded or decoded, and the part of its example that the contract or we show."""

    model: object
    example: object = None


@attrs.frozen
class Parameter:
    """A query parameter as `hamster.http.parameters` reads it."""

    name: str
    schema: Mapping[str, object]
    description: str
    required: bool = False
    example: object = None


@attrs.frozen(kw_only=True)
class Operation:
    """One route.

    Attributes:
        summary: A line.
        answer: `Of` a model, a list of one, or a sample from which types are taken; `bytes` and `str` with *media*.
        body: The same, of what is sent; None: nothing is.
        body_required: False where an empty body is as good.
        query: Its parameters.
        errors: Statuses beside those that every route may answer with.
        media: Content types of the answer; JSON without any.
        body_media: Content type of the body.
        statuses: Of answers that are no errors.
        path: Examples of the parameters in the path.
        local_token: It asks for the token of this machine's user, whatever else is off.
        description: More than a line.
    """

    summary: str
    answer: object
    body: object = None
    body_required: bool = True
    query: Sequence[Parameter] = ()
    errors: Sequence[int] = ()
    media: Sequence[str] = ("application/json",)
    body_media: str = "application/json"
    statuses: Sequence[int] = (200,)
    path: Mapping[str, str] = attrs.field(factory=dict[str, str])
    local_token: bool = False
    description: str = ""


Table = Mapping[str, Operation]
"""By endpoint."""


def integer(name: str, description: str, *, default: int, low: int, high: int) -> Parameter:
    """As `Query.integer`."""
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return Parameter(name, schema, description, example=default)


def number(name: str, description: str, *, default: float, low: float, high: float) -> Parameter:
    """As `Query.number`."""
    schema = {"type": "number", "minimum": low, "maximum": high, "default": default}
    return Parameter(name, schema, description, example=default)


def boolean(name: str, description: str) -> Parameter:
    """As `Query.boolean`; false by default."""
    return Parameter(name, {"type": "boolean", "default": False}, description, example=False)


def text(name: str, description: str, example: str, *, limit: int = 1_000, required: bool = False) -> Parameter:
    """As `Query.text`."""
    schema = {"type": "string", "maxLength": limit, **({"minLength": 1} if required else {})}
    return Parameter(name, schema, description, required, example)


def choice(name: str, description: str, words: Sequence[str], example: str, kind: Literal["one", "list"]) -> Parameter:
    """As `Query.choice`, or `Query.choices` of a comma list."""
    one = {"type": "string", "enum": list(words)}
    if kind == "one":
        return Parameter(name, one, description, example=example)
    return Parameter(name, {"type": "array", "items": one, "maxItems": 100}, description, example=[example])


def instant(name: str, description: str, *, required: bool = False) -> Parameter:
    """As `Query.instant`."""
    shown = "2024-01-01T12:00:00+09:00"
    return Parameter(name, {"type": "string", "format": "date-time"}, description, required, shown)
