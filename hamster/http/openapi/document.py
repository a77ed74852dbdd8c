"""The OpenAPI document of an application: its routes, and what is declared of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec
from quart import Quart
from werkzeug.routing import Rule

from hamster.http import errors_ko
from hamster.http.app import API_VERSION, SERVICE_NAME
from hamster.http.openapi import (
    auth_operations,
    log_operations,
    posco_operations,
    service_operations,
    watch_operations,
    webhook_operations,
)
from hamster.http.openapi.operations import Operation, Parameter
from hamster.http.openapi.schemas import Schema, Schemas
from hamster.http.openapi.security import SCHEMES, requirements, scope_of

DECLARED: Mapping[str, Operation] = {
    **service_operations.TABLE,
    **watch_operations.TABLE,
    **log_operations.TABLE,
    **posco_operations.TABLE,
    **webhook_operations.TABLE,
    **auth_operations.TABLE,
}
"""By endpoint. Those of `/api/webhook` are those of `/api/webhooks`."""

SINGULAR = "singular."
HIDDEN = "openapi."
"""Endpoints that begin so are the documentation itself."""
ALWAYS = (400, 401, 403, 405, 408, 413, 429, 500, 503)
"""What every route may answer: refused by the gate, or by a server that is busy, stops or fails."""
WITH_BODY = (415,)
PROBLEM = "Problem"
PLACE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")

SOCKETS: Mapping[str, str] = {
    "/ws": "실시간 상태 업데이트: {type, data, timestamp} 프레임",
    "/api/logs/ws": "WebSocket을 통한 실시간 로그 스트리밍: 처음 50줄, 그 뒤로 새 줄",
}


def document_of(app: Quart) -> bytes:
    """The document as JSON.

    Raises:
        LookupError: A route is not declared.
    """
    return msgspec.json.encode(described(app))


def described(app: Quart) -> dict[str, object]:
    """The document. Raises as `document_of`."""
    rows = list(rows_of(app))
    schemas = Schemas([sample for _, _, one in rows for sample in (one.answer, one.body)])
    paths: dict[str, dict[str, object]] = {}
    for rule, method, declared in rows:
        path = PLACE.sub(r"{\1}", path_of(rule))
        paths.setdefault(path, {})[method.lower()] = _operation(rule, path, method, declared, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": SERVICE_NAME, "version": API_VERSION, "description": "서비스 감시와 제어"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, PROBLEM: _PROBLEM},
            "responses": {str(status): _error(status) for status in _statuses(rows)},
            "securitySchemes": SCHEMES,
        },
        "x-websockets": {path: {"description": text} for path, text in SOCKETS.items()},
    }


def rows_of(app: Quart) -> Iterator[tuple[Rule, str, Operation]]:
    """Every route, its method, and what is declared of it.

    Raises:
        LookupError: Nothing is.
    """
    for rule in app.url_map.iter_rules():
        if rule.websocket or rule.endpoint.startswith(HIDDEN):
            continue
        declared = DECLARED.get(rule.endpoint.removeprefix(SINGULAR))
        if declared is None:
            raise LookupError(f"{rule.rule} ({rule.endpoint}) is not declared; add it to hamster/http/openapi")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, declared


def path_of(rule: Rule) -> str:
    """As the reference writes it: a collection that answers lists has its slash."""
    return f"{rule.rule}/" if rule.endpoint in WITH_SLASH else rule.rule


WITH_SLASH = frozenset({"services.list", "services.add", "metrics.current"})


def _operation(rule: Rule, path: str, method: str, declared: Operation, schemas: Schemas) -> Schema:
    scope = scope_of(PLACE.sub("x", rule.rule), method)
    found: Schema = {
        "operationId": rule.endpoint,
        "summary": declared.summary,
        "tags": [_tag(path)],
        "parameters": [
            *(_path_parameter(name, declared) for name in PLACE.findall(rule.rule)),
            *map(_parameter, declared.query),
        ],
        "responses": {
            **{str(status): _answer(declared, schemas) for status in declared.statuses},
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in errors_of(rule, declared)},
        },
        "security": requirements(scope, local_token=declared.local_token),
        "x-scope": scope,
    }
    if declared.description:
        found["description"] = declared.description
    if declared.body is not None:
        content: Schema = {"schema": schemas.type_of(declared.body), "example": schemas.example_of(declared.body)}
        found["requestBody"] = {"required": declared.body_required, "content": {declared.body_media: content}}
    return found


def errors_of(rule: Rule, declared: Operation) -> Sequence[int]:
    """The errors that a route may answer with."""
    found = {*ALWAYS, *declared.errors}
    if PLACE.search(rule.rule):
        found.add(404)
    if declared.body is not None:
        found.update(WITH_BODY)
    return sorted(found)


def _answer(declared: Operation, schemas: Schemas) -> Schema:
    content = {
        media: _CARRIED
        if isinstance(declared.answer, bytes) and media == "application/json"
        else {"schema": schemas.type_of(declared.answer), "example": schemas.example_of(declared.answer)}
        for media in declared.media
    }
    return {"description": declared.summary, "content": content}


def _path_parameter(name: str, declared: Operation) -> Schema:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": declared.path[name]}


def _parameter(one: Parameter) -> Schema:
    found: Schema = {"name": one.name, "in": "query", "description": one.description, "schema": one.schema}
    if one.schema.get("type") == "array":
        found |= {"style": "form", "explode": False}
    return {**found, "required": one.required, "example": one.example}


def _statuses(rows: Sequence[tuple[Rule, str, Operation]]) -> Sequence[int]:
    return sorted({status for rule, _, declared in rows for status in errors_of(rule, declared)})


def _error(status: int) -> Schema:
    text = errors_ko.status_text(status)
    example = cast("object", msgspec.json.decode(errors_ko.error_body(status)))
    schema = {"$ref": f"#/components/schemas/{PROBLEM}"}
    return {"description": text, "content": {"application/json": {"schema": schema, "example": example}}}


def _tag(path: str) -> str:
    parts = path.split("/")
    return parts[2] if path.startswith("/api/") else "watchhamster"


_CARRIED: Schema = {"schema": {"type": ["object", "array"]}, "example": {}}
"""A file that is JSON."""
_PROBLEM: Schema = {
    "type": "object",
    "title": PROBLEM,
    "required": ["detail", "status_code"],
    "properties": {
        "detail": {"type": "string"},
        "status_code": {"type": "integer", "minimum": 400, "maximum": 599},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "request_id": {"type": "string"},
    },
}
