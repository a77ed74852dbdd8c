"""Every endpoint of the API reference, against a running demo; and the table against the reference, where that is."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from tests.contract.checking import Checker
from tests.contract.reference import PAGE, Described, described
from tests.contract.shapes import ANY, Exactly, MapOf, Null, OneOf, differences
from tests.contract.table import FRONTEND_ROWS, ROWS, Row
from tests.end_to_end.hamsters import hamster


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checker]:
    directory: Path = tmp_path_factory.mktemp("contract")
    with hamster("demo", "--port", "0", "--data-dir", str(directory / "data"), directory=directory) as demo:
        for service in ("newsroom", "flaky", "posco_news", "github_pages"):
            demo.wait_for(service, status="running")
        yield Checker(demo)
        assert " ERROR hamster.http" not in demo.log()


@pytest.mark.slow
def test_every_endpoint_answers_as_the_contract_says(checker: Checker) -> None:
    checked = [checker.check(row) for row in (*ROWS, *FRONTEND_ROWS)]
    assert [(one.row.name, one.wrong) for one in checked if one.wrong] == []
    assert all(one.checks for one in checked)


def test_no_endpoint_is_in_the_table_twice() -> None:
    names = [row.name for row in (*ROWS, *FRONTEND_ROWS)]
    assert len(set(names)) == len(names)


there = pytest.mark.skipif(not PAGE.exists(), reason="the API reference does not lie beside this checkout")


@there
def test_the_table_has_every_endpoint_parameter_and_default_of_the_reference() -> None:
    found = {one.name: one for one in described(PAGE.read_text("utf-8"))}
    rows = {row.name: row for row in ROWS}
    assert len(found) > 35
    assert set(found) - set(rows) == set(), "endpoints of the reference that the table lacks"
    lacks = [
        f"{name} ?{parameter}={default}"
        for name, one in found.items()
        for parameter, default in one.parameters.items()
        if parameter not in rows[name].parameters
        or (default is not None and rows[name].parameters[parameter] != default)
    ]
    assert lacks == []
    for name, one in found.items():
        for parameter in one.required:
            assert f"{parameter}=" in rows[name].sample, f"{name} needs {parameter}"


@there
def test_the_table_has_every_key_and_type_of_the_samples_of_the_reference() -> None:
    lacks: list[str] = []
    for one in described(PAGE.read_text("utf-8")):
        row = next(row for row in ROWS if row.name == one.name)
        lacks += [f"{one.name}: {problem}" for problem in _uncovered(one.answer, row.answer)]
        lacks += [f"{one.name} body: {key}" for key in _missing_in_body(one, row)]
        if one.answer is not None and row.answer is not ANY:
            # The sample itself must pass, or the table asks for something else than the reference shows.
            own = differences(row.answer, one.answer)
            lacks += [f"{one.name}: the reference's own sample: {problem}" for problem in own]
    assert lacks == []


def _uncovered(sample: object, shape: object, at: str = "$") -> Iterator[str]:
    """Keys of the sample that the shape says nothing of."""
    if shape is ANY and sample is not None:
        yield f"{at} is not described"
        return
    if isinstance(shape, Null):
        shape = shape.other
    if isinstance(shape, MapOf | OneOf | Exactly):
        return
    if isinstance(sample, Mapping):
        for key, value in cast("Mapping[str, object]", sample).items():
            if not isinstance(shape, Mapping) or key not in shape:
                yield f"{at}.{key} is not described"
            elif isinstance(value, dict | list):
                yield from _uncovered(cast("object", value), cast("Mapping[str, object]", shape)[key], f"{at}.{key}")
    elif isinstance(sample, list):
        if not isinstance(shape, list):
            yield f"{at} is no list in the table"
            return
        inner = cast("list[object]", shape)
        for value in cast("list[object]", sample):
            if isinstance(value, dict):
                yield from _uncovered(cast("object", value), inner[0], f"{at}[]")


def _missing_in_body(one: Described, row: Row) -> list[str]:
    wanted, sent = (cast("Mapping[str, object]", body or {}) for body in (one.body, row.body))
    return [key for key in wanted if key not in sent]


def test_a_shape_finds_what_is_missing_and_what_is_of_another_type() -> None:
    shape = {"a": 1, "b": ["text"], "c": Null({"d": True}), "e": OneOf(("x",)), "f": MapOf(1), "g": Exactly("한")}
    good: object = {"a": 0.5, "b": [], "c": None, "e": "x", "f": {"k": 2}, "g": "한", "more": 1}
    assert list(differences(shape, good)) == []
    bad = {"a": "1", "b": [1], "c": {"d": 0}, "e": "y", "f": {"k": "v"}}
    assert [problem.split(" ")[0] for problem in differences(shape, bad)] == [
        "$.a", "$.b[0]", "$.c.d", "$.e", "$.f.k", "$.g",
    ]  # fmt: skip
    assert list(differences(1, True))
    assert list(differences([], {}))


def test_a_reference_that_grows_is_noticed() -> None:
    page = (
        "#### GET /api/new\n설명\n\n**쿼리 매개변수**\n- `limit`: 수 (기본값: 50)\n- `query`: 검색어 (필수)\n\n"
        '**응답**\n```json\n{"a": {"b": [...]}}\n```\n\n## 끝\n'
    )
    (one,) = described(page)
    assert (one.name, one.parameters, one.required) == ("GET /api/new", {"limit": "50", "query": None}, {"query"})
    assert one.answer == {"a": {"b": []}}
    assert list(_uncovered(one.answer, {"a": {}})) == ["$.a.b is not described"]
    assert list(_uncovered(one.answer, ANY)) == ["$ is not described"]
