"""The Korean sentences, to the letter."""

import msgspec
import pytest

from hamster.http import Entry, ErrorTable
from hamster.http.errors_ko import REFUSED_TEXT, error_body, status_text
from hamster.http.gate import Refused


class Base(Exception):
    def __init__(self, service: str) -> None:
        super().__init__(service)
        self.service = service


class Derived(Base):
    pass


TABLE = ErrorTable([Entry(Base, 404, "서비스를 찾을 수 없습니다: {service}")])


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "요청이 올바르지 않습니다"),
        (401, "인증이 필요합니다"),
        (403, "접근이 허용되지 않습니다"),
        (404, "리소스를 찾을 수 없습니다"),
        (405, "허용되지 않는 메서드입니다"),
        (409, "현재 상태에서는 처리할 수 없는 요청입니다"),
        (413, "요청 본문이 너무 큽니다"),
        (415, "지원하지 않는 본문 형식입니다"),
        (418, "요청을 처리할 수 없습니다"),
        (429, "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요"),
        (500, "내부 서버 오류가 발생했습니다"),
        (502, "내부 서버 오류가 발생했습니다"),
        (503, "지금은 요청을 처리할 수 없습니다. 잠시 후 다시 시도해 주세요"),
    ],
)
def test_every_status_has_a_sentence(status: int, text: str):
    assert status_text(status) == text


def test_every_refusal_has_a_sentence():
    assert set(REFUSED_TEXT) == set(Refused)


def test_an_error_is_two_keys_with_korean_unescaped():
    assert error_body(404) == '{"detail":"리소스를 찾을 수 없습니다","status_code":404}'.encode()
    assert msgspec.json.decode(error_body(400, "다른 말", errors=[])) == {
        "detail": "다른 말",
        "status_code": 400,
        "errors": [],
    }


def test_a_declared_error_is_answered_with_its_fields_filled_in():
    assert TABLE.find(Base("posco_news")) == (404, "서비스를 찾을 수 없습니다: posco_news")
    assert TABLE.find(Derived("x")) == (404, "서비스를 찾을 수 없습니다: x")
    assert TABLE.find(ValueError("x")) is None


def test_the_most_derived_entry_decides():
    table = ErrorTable([Entry(Base, 404, "a"), Entry(Derived, 409, "b")])
    assert table.find(Derived("x")) == (409, "b")
    assert table.find(Base("x")) == (404, "a")


def test_two_entries_for_one_error_are_refused():
    with pytest.raises(ValueError, match="two entries for one error type"):
        ErrorTable([Entry(Base, 404, "a"), Entry(Base, 409, "b")])
