"""What an operation of an OpenAPI document lacks, and what an answer has that it does not describe. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

Table = Mapping[str, object]
ERRORS = ("400", "401", "403", "405", "429", "500", "503")


def lacking(operation: Table) -> Iterator[str]:
    """Each thing that every operation must have, and this has not."""
    for key in ("operationId", "summary", "tags", "x-scope"):
        if not operation.get(key):
            yield key
    if "security" not in operation or not operation["security"]:
        yield "security"
    responses = cast("Mapping[str, Table]", operation.get("responses", {}))
    yield from (f"error {status}" for status in ERRORS if status not in responses)
    if "200" not in responses:
        yield "answer 200"
    for status, answer in responses.items():
        if int(status) < 400:
            yield from (f"{status} {problem}" for problem in _content(answer))
    if "requestBody" in operation:
        yield from (f"body {problem}" for problem in _content(cast("Table", operation["requestBody"])))
        if "415" not in responses:
            yield "error 415"
    yield from _parameters(operation, responses)


def _parameters(operation: Table, responses: Table) -> Iterator[str]:
    for parameter in cast("Sequence[Table]", operation.get("parameters", ())):
        if "type" not in cast("Table", parameter.get("schema", {})):
            yield f"type of {parameter['name']}"
        if "example" not in parameter:
            yield f"example of {parameter['name']}"
        if parameter["in"] == "path" and "404" not in responses:
            yield "error 404"


def _content(described: Table) -> Iterator[str]:
    content = cast("Mapping[str, Table]", described.get("content", {}))
    if not content:
        yield "content"
    for media, one in content.items():
        if not one.get("schema"):
            yield f"type of {media}"
        if "example" not in one:
            yield f"example of {media}"


def undescribed(schema: Table, found: object, components: Mapping[str, Table], at: str = "$") -> Iterator[str]:
    """Keys of *found* that *schema* says nothing of: they were added to an answer and not to its description."""
    if "$ref" in schema:
        schema = components[str(schema["$ref"]).rpartition("/")[2]]
    if "anyOf" in schema:
        options = [list(undescribed(one, found, components, at)) for one in cast("Sequence[Table]", schema["anyOf"])]
        yield from min(options, key=len)
    elif isinstance(found, list):
        inner = cast("Table", schema.get("items", {}))
        for number, one in enumerate(cast("list[object]", found)):
            yield from undescribed(inner, one, components, f"{at}[{number}]")
    elif isinstance(found, Mapping):
        properties = cast("Mapping[str, Table]", schema.get("properties", {}))
        more = schema.get("additionalProperties")
        for key, value in cast("Table", found).items():
            if key in properties:
                yield from undescribed(properties[key], value, components, f"{at}.{key}")
            elif isinstance(more, Mapping):
                yield from undescribed(cast("Table", more), value, components, f"{at}.{key}")
            elif properties:
                yield f"{at}.{key}"
