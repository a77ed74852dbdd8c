"""JSON bodies."""

import contextlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hamster.http import HttpProblem, InvalidRequest, decode_json


@attrs.define(slots=False)
class Inner:
    port: int


@attrs.define(slots=False)
class Wanted:
    name: str
    count: int = 0
    inner: Inner | None = None


def decode(body: bytes, content_type: str | None = "application/json") -> Wanted:
    return decode_json(body, Wanted, content_type=content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "APPLICATION/JSON; charset=utf-8",
        "application/problem+json",
        "application/json;",
    ],
)
def test_json_is_read_whatever_kind_of_json_it_is_called(content_type: str | None):
    assert decode(b'{"name":"\xed\x95\x9c"}', content_type) == Wanted("한")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"]
)
def test_another_type_is_415(content_type: str):
    with pytest.raises(HttpProblem) as caught:
        decode(b"{}", content_type)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (b"", "body", "올바른 JSON이 아닙니다"),
        (b'{"name":', "body", "올바른 JSON이 아닙니다"),
        (b'{"name":"a",}', "body", "올바른 JSON이 아닙니다 (12번째 바이트)"),
        (b'{"name":"\xff"}', "body", ""),
        (b"[]", "body", "요청 본문은 JSON 객체여야 합니다"),
        (b"{}", "name", "필수 값입니다"),
        (b'{"name":1}', "name", "값이 올바르지 않습니다 (Expected `str`, got `int`)"),
        (b'{"name":"a","count":"b"}', "count", "Expected `int`, got `str`"),
        (b'{"name":"a","inner":{"port":"b"}}', "inner.port", "Expected `int`, got `str`"),
        (b'{"name":"a","inner":{}}', "inner.port", "필수 값입니다"),
    ],
)
def test_what_cannot_be_used_is_a_400_that_names_the_field(body: bytes, field: str, said: str):
    with pytest.raises(InvalidRequest) as caught:
        decode(body)
    assert caught.value.status == 400
    assert [problem.field for problem in caught.value.problems] == [field]
    assert said in caught.value.problems[0].message


@given(st.binary(max_size=60))
def test_no_body_raises_anything_else(body: bytes):
    with contextlib.suppress(InvalidRequest):
        decode(body)
