"""The document of the whole product: valid, complete, and true."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, cast

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from hamster.http.app import make_app
from hamster.http.openapi.document import DECLARED, SINGULAR, described
from tests.contract.table import FRONTEND_ROWS, ROWS
from tests.end_to_end.hamsters import Hamster, hamster
from tests.hamster.http.openapi.lacks import Table, lacking, undescribed
from tests.hamster.security.secured import secured

Document = dict[str, Mapping[str, Mapping[str, Table]]]
MORE = ("/api/alerts/rules", "/api/alerts/maintenance", "/api/alerts/", "/api/events", "/api/metrics/details",
        "/api/metrics/parts", "/api/metrics/processes", "/api/actors", "/api/websocket/clients",
        "/api/posco/branch/status",
        "/api/services/posco_news/events", "/api/services/posco_news/uptime", "/api/webhooks/receivers",
        "/api/webhooks/statistics", "/api/settings/info", "/api/settings/validate", "/api/settings/backups",
        "/api/alerts/?state=all", "/")  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamster]:
    directory = tmp_path_factory.mktemp("openapi")
    with hamster("demo", "--port", "0", "--data-dir", str(directory / "data"), directory=directory) as demo:
        for service in ("newsroom", "posco_news", "github_pages"):
            demo.wait_for(service, status="running")
        yield demo


@pytest.fixture(scope="module")
def document(demo: Hamster) -> Document:
    answer = httpx.get(f"{demo.url}/openapi.json", trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def operations(document: Document) -> Iterator[tuple[str, Table]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


@pytest.mark.slow
def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    validate(document)
    assert str(document["openapi"]).startswith("3.1")


@pytest.mark.slow
def test_every_operation_has_types_examples_errors_and_security(document: Document) -> None:
    lacks = {name: list(lacking(operation)) for name, operation in operations(document)}
    assert {name: problems for name, problems in lacks.items() if problems} == {}
    assert len(lacks) > 150


@pytest.mark.slow
def test_every_declaration_is_of_a_route(document: Document) -> None:
    ids = {str(operation["operationId"]).removeprefix(SINGULAR) for _, operation in operations(document)}
    assert {name for name in DECLARED if not name.startswith("auth.")} - ids == set()


@pytest.mark.slow
async def test_with_security_what_one_comes_in_with_is_described_and_true(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        _, document = await asking.ask("GET", "/openapi.json")
        described = dict(operations(document))
        assert {name for name in DECLARED if name.startswith("auth.")} == {
            str(operation["operationId"]) for name, operation in described.items() if "/api/auth" in name
        }
        for name, operation in described.items():
            assert "/api/auth" not in name or list(lacking(operation)) == [], name
        token = (await asking.log_in())["access_token"]
        for path in ("/api/auth/me", "/api/auth/keys", "/api/auth/sessions"):
            answer = await asking.http.get(asking.hamster.url + path, headers={"Authorization": f"Bearer {token}"})
            assert answer_problems(document, path, answer) == []


@pytest.mark.slow
def test_every_endpoint_and_parameter_of_the_contract_is_described(document: Document) -> None:
    lacks: list[str] = []
    for row in ROWS:
        if row.method == "WebSocket":
            lacks += [row.path] if row.path not in document["x-websockets"] else []
            continue
        operation = document["paths"].get(row.path, {}).get(row.method.lower())
        if operation is None:
            lacks.append(row.name)
            continue
        known = {str(one["name"]) for one in cast("list[Table]", operation["parameters"])}
        lacks += [f"{row.name} {name}" for name in row.parameters if name not in known]
    assert lacks == []


@pytest.mark.slow
def test_every_example_is_of_its_type(document: Document) -> None:
    wrong: list[str] = []
    for name, operation in operations(document):
        for what, content in contents(operation):
            if "json" in what:
                wrong += [
                    f"{name} {what}: {e.message}" for e in errors(document, content["schema"], content["example"])
                ]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.slow
def test_what_is_answered_is_what_is_described_and_all_of_it(demo: Hamster, document: Document) -> None:
    wrong: list[str] = []
    asked = [*(row for row in (*ROWS, *FRONTEND_ROWS) if row.method == "GET" and row.path != "/api/logs/stream")]
    with httpx.Client(base_url=demo.url, trust_env=False, timeout=30) as http:
        url = http.get("/api/services/posco_news").json()["config"]["url"].replace("/feed.xml", "/hooks/openapi")
        http.post("/api/webhooks/send?wait=true", json={"url": url, "message": "x"}).raise_for_status()
        for path, sample in [*((row.path, row.sample) for row in asked), *((sample, sample) for sample in MORE)]:
            wrong += answer_problems(document, path, http.get(sample.replace("{webhook}", "webhook_1")))
    assert wrong == [], "\n".join(wrong)


def answer_problems(document: Document, path: str, answer: httpx.Response) -> list[str]:
    found = found_for(document, path.partition("?")[0].partition(" ")[0])
    if found is None:
        return [f"{path} is not described"]
    if answer.status_code != 200 or not answer.headers["content-type"].startswith("application/json"):
        return [] if answer.status_code == 200 else [f"{path}: {answer.status_code} {answer.text[:100]}"]
    described = cast("dict[str, dict[str, dict[str, Table]]]", found["responses"])["200"]["content"]
    schema = cast("Table", described["application/json"]["schema"])
    body = cast("object", answer.json())
    components = document["components"]["schemas"]
    problems = [f"{path} {error.json_path}: {error.message[:200]}" for error in errors(document, schema, body)]
    return problems + [f"{path} {key} is not described" for key in undescribed(schema, body, components)]


def found_for(document: Document, path: str) -> Table | None:
    """The description of GET *path*: of that to the letter, of that without its slash, or with something in it."""
    for name in (path, path.rstrip("/")):
        if "get" in document["paths"].get(name, {}):
            return document["paths"][name]["get"]
    given = path.split("/")
    for name, item in document["paths"].items():
        parts = name.split("/")
        same = len(parts) == len(given) and all(a == b or a[:1] == "{" for a, b in zip(parts, given, strict=True))
        if same and "get" in item:
            return item["get"]
    return None


def contents(operation: Table) -> Iterator[tuple[str, Table]]:
    described = [*cast("Mapping[str, Table]", operation["responses"]).items()]
    if "requestBody" in operation:
        described.append(("body", cast("Table", operation["requestBody"])))
    for what, one in described:
        for media, content in cast("Mapping[str, Table]", one.get("content", {})).items():
            yield f"{what} {media}", content


class Wrong(Protocol):
    """What the validator says of a value."""

    json_path: str
    message: str


def errors(document: Document, schema: object, value: object) -> Iterator[Wrong]:
    validator = Draft202012Validator({**cast("Table", schema), "components": document["components"]})
    # Its stubs leave the type of a value open.
    yield from cast("Callable[[object], Iterator[Wrong]]", validator.iter_errors)(value)  # pyright: ignore[reportUnknownMemberType]


def test_a_route_that_is_not_declared_is_named() -> None:
    async def nothing() -> str:
        return ""

    app = make_app([lambda app: app.add_url_rule("/api/new", "new", nothing, methods=["GET"])])
    with pytest.raises(LookupError, match="/api/new"):
        described(app)


def test_what_an_operation_lacks_is_found() -> None:
    app = make_app()
    whole = cast("Document", json.loads(json.dumps(described(app))))["paths"]["/health"]["get"]
    assert list(lacking(whole)) == []
    for key in ("summary", "security", "responses", "operationId", "tags", "x-scope"):
        assert list(lacking({name: value for name, value in whole.items() if name != key}))
    bare = {**whole, "responses": {**cast("Table", whole["responses"]), "200": {"description": "x"}}}
    assert list(lacking(bare)) == ["200 content"]


def test_a_key_that_was_added_to_an_answer_alone_is_found() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"$ref": "#/components/schemas/B"}}}}
    components: dict[str, Table] = {"B": {"type": "object", "properties": {"b": {}}}}
    assert list(undescribed(schema, {"a": [{"b": 1, "c": 2}], "d": 3}, components)) == ["$.a[0].c", "$.d"]
