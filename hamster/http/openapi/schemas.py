"""Types and examples of what is sent: of the models themselves, or of a sample."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from hamster.http.openapi.operations import Each, Either, Maybe, Of

Schema = dict[str, object]
REF = "#/components/schemas/{name}"
TIME = "2024-01-01T12:00:00+09:00"
SHOWN: Mapping[str, object] = {
    "timestamp": TIME,
    "id": "posco_news",
    "service_id": "posco_news",
    "status": "running",
    "state": "running",
    "level": "INFO",
    "url": "https://example.com",
}
"""What stands for a key where no example says more."""


class Schemas:
    """The types of all *samples*; models are in `components`, by name."""

    def __init__(self, samples: Sequence[object]) -> None:
        found: list[object] = []
        for sample in samples:
            _collect(sample, found)
        # All at once: models of one name are told apart by their modules.
        made, self.components = msgspec.json.schema_components(found, schema_hook=_other, ref_template=REF)
        self._made = dict(zip(found, made, strict=True))

    def type_of(self, sample: object) -> Schema:
        """The type of a sample."""
        match sample:
            case Of():
                return self._made[sample.model]
            case Maybe():
                return {"anyOf": [self.type_of(sample.value), {"type": "null"}]}
            case Either():
                return {"anyOf": [self.type_of(value) for value in sample.values]}
            case Each():
                inner = [self.type_of(value) for value in sample.values.values()]
                return {"type": "object", "additionalProperties": inner[0] if inner else {}}
            case Mapping():
                table = cast("Mapping[str, object]", sample)
                properties = {key: self.type_of(value) for key, value in table.items()}
                return {"type": "object", "properties": properties, "required": list(table)}
            case list():
                rows = cast("list[object]", sample)
                return {"type": "array", "items": self.type_of(rows[0]) if rows else {}}
            case _:
                return _plain(sample)

    def example_of(self, sample: object) -> object:
        """What *sample* shows, complete."""
        match sample:
            case Of():
                made = made_up(self._made[sample.model], self.components)
                return made if sample.example is None else _over(made, sample.example)
            case Maybe():
                return self.example_of(sample.value)
            case Either():
                return self.example_of(sample.values[0])
            case Each():
                return {key: self.example_of(value) for key, value in sample.values.items()}
            case Mapping():
                return {key: self.example_of(value) for key, value in cast("Mapping[str, object]", sample).items()}
            case list():
                return [self.example_of(one) for one in cast("list[object]", sample)]
            case bytes():
                return ""
            case _:
                return sample


def made_up(schema: Mapping[str, object], components: Mapping[str, Schema], name: str = "") -> object:
    """A value of *schema* that nobody gave an example of; what may be null is."""
    for known in ("const", "default"):
        if known in schema:
            return schema[known]
    if "enum" in schema:
        return cast("Sequence[object]", schema["enum"])[0]
    if "$ref" in schema:
        target = str(schema["$ref"]).rpartition("/")[2]
        return made_up(components[target], components, name)
    if "anyOf" in schema:
        options = cast("Sequence[Mapping[str, object]]", schema["anyOf"])
        return None if {"type": "null"} in options else made_up(options[0], components, name)
    return _of_type(schema, components, name)


def _of_type(schema: Mapping[str, object], components: Mapping[str, Schema], name: str) -> object:
    match schema.get("type"):
        case "object":
            properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
            return {key: made_up(inner, components, key) for key, inner in properties.items()}
        case "array":
            return []
        case "integer":
            return schema.get("minimum", 0)
        case "number":
            return schema.get("minimum", 0.0)
        case "boolean":
            return False
        case "string":
            return TIME if name.endswith(("_at", "since")) else SHOWN.get(name, name or "-")
        case _:
            return None


def _other(kind: type) -> Schema:
    """The type of what msgspec does not know.

    Raises:
        NotImplementedError: Nor do we.
    """
    if kind is object:
        return {"description": "anything"}  # an empty one would be none to msgspec
    raise NotImplementedError(kind)


def _plain(value: object) -> Schema:
    match value:
        case bytes():
            return {"type": "string", "format": "binary"}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case _:
            return {}


def _over(made: object, shown: object) -> object:
    if isinstance(made, dict) and isinstance(shown, Mapping):
        base = cast("dict[str, object]", made)
        return base | {key: _over(base.get(key), value) for key, value in cast("Mapping[str, object]", shown).items()}
    return shown


def _collect(sample: object, found: list[object]) -> None:
    match sample:
        case Of():
            found.append(sample.model)
        case Maybe():
            _collect(sample.value, found)
        case Mapping():
            for value in cast("Mapping[str, object]", sample).values():
                _collect(value, found)
        case Each():
            for value in sample.values.values():
                _collect(value, found)
        case Either():
            for value in sample.values:
                _collect(value, found)
        case list():
            for value in cast("list[object]", sample):
                _collect(value, found)
        case _:
            pass
