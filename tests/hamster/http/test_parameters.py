"""Query parameters: what is read, and the one 400 that names what is not."""

import enum
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from hamster.http import FieldProblem, InvalidRequest, Query, reading

SEOUL = ZoneInfo("Asia/Seoul")


class Level(enum.Enum):
    INFO = "INFO"
    WARN = "WARN"


LEVELS = {level.value: level for level in Level}


def arguments(*pairs: tuple[str, str]) -> MultiDict[str, str]:
    return MultiDict(pairs)


def query(*pairs: tuple[str, str]) -> Query:
    return Query(arguments(*pairs))


def message(reader: Query) -> str:
    assert len(reader.problems) == 1
    return reader.problems[0].message


def test_what_is_absent_or_empty_is_the_default():
    for reader in (query(), query(("x", ""))):
        assert reader.integer("x", default=7, low=1, high=10) == 7
        assert reader.number("x", default=0.5, low=0, high=1) == 0.5
        assert reader.boolean("x", default=True) is True
        assert reader.text("x", default="d") == "d"
        assert reader.choice("x", LEVELS, default=Level.INFO) is Level.INFO
        assert reader.words("x") == ()
        assert reader.choices("x", LEVELS) == ()
        assert reader.instant("x", zone=SEOUL) is None
        assert reader.problems == []


@pytest.mark.parametrize(
    "text", ["0", "1001", "-5", "1.5", "ten", "1e3", "1_000", "٣", "9" * 5000, "0x10", "--1", "nan"]
)
def test_a_number_out_of_range_or_no_number_names_value_and_range(text: str):
    reader = query(("limit", text))
    assert reader.integer("limit", default=100, low=1, high=1000) == 100
    assert reader.problems[0].field == "limit"
    assert "1에서 1000 사이의 정수여야 합니다" in message(reader)
    assert repr(text)[1:5] in message(reader)
    assert len(message(reader)) < 200


@given(st.integers(-50, 50))
def test_a_whole_number_is_taken_exactly_within_its_bounds(number: int):
    reader = query(("n", str(number)))
    value = reader.integer("n", default=0, low=-10, high=10)
    assert (value, bool(reader.problems)) == ((number, False) if -10 <= number <= 10 else (0, True))


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "x", "2"])
def test_a_number_must_be_finite_and_in_range(text: str):
    reader = query(("step", text))
    assert reader.number("step", default=0.5, low=0, high=1) == 0.5
    assert "0에서 1 사이의 숫자여야 합니다" in message(reader)


def test_a_boolean_is_written_in_the_usual_ways():
    for text, value in (("true", True), ("1", True), ("YES", True), ("off", False), ("False", False)):
        assert query(("x", text)).boolean("x", default=not value) is value
    reader = query(("x", "maybe"))
    assert reader.boolean("x", default=False) is False
    assert "true 또는 false" in message(reader)


def test_a_choice_ignores_case_and_names_the_choices():
    assert query(("level", "warn")).choice("level", LEVELS, default=Level.INFO) is Level.WARN
    reader = query(("level", "LOUD"))
    assert reader.choice("level", LEVELS, default=Level.INFO) is Level.INFO
    assert message(reader) == "'LOUD'은(는) 올바르지 않습니다. 다음 중 하나여야 합니다: INFO, WARN"


def test_a_list_is_written_with_commas_or_several_times():
    reader = query(("levels", "info, WARN,"), ("levels", "INFO"))
    assert reader.choices("levels", LEVELS) == (Level.INFO, Level.WARN)
    assert query(("s", "a,b,a"), ("s", "c")).words("s") == ("a", "b", "c")
    bad = query(("levels", "INFO,LOUD,QUIET"))
    assert bad.choices("levels", LEVELS) == (Level.INFO,)
    assert [problem.field for problem in bad.problems] == ["levels", "levels"]


def test_a_list_and_a_text_have_an_end():
    reader = query(("s", ",".join(map(str, range(101)))), ("q", "x" * 1001))
    assert reader.words("s") == ()
    assert reader.text("q") == ""
    assert [problem.message for problem in reader.problems] == [
        "값이 101개입니다. 최대 100개까지 지정할 수 있습니다",
        "1001자입니다. 최대 1000자까지 지정할 수 있습니다",
    ]


NOON = datetime(2024, 1, 1, 12, tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T12:00:00", NOON),
        ("2024-01-01 12:00", NOON),
        ("2024-01-01T12:00:00+09:00", NOON),
        ("2024-01-01T12:00:00 09:00", None),
        ("2024-01-01T03:00:00Z", NOON),
        ("2024-01-01T03:00:00.250Z", NOON + timedelta(milliseconds=250)),
        ("2024-01-01", NOON - timedelta(hours=12)),
    ],
)
def test_a_time_without_an_offset_is_in_the_zone(text: str, expected: datetime | None):
    reader = query(("from", text))
    assert reader.instant("from", zone=SEOUL) == (expected or NOON)
    assert reader.problems == []


@pytest.mark.parametrize("text", ["yesterday", "2024-13-01", "2024-01-01T25:00", "1704067200", "0", "T", "2024-01-01T"])
def test_what_is_no_time_shows_how_one_is_written(text: str):
    reader = query(("from", text))
    assert reader.instant("from", zone=SEOUL) is None
    assert "2024-01-01T12:00:00+09:00 형식이어야 합니다" in message(reader)


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda instant: 1900 < instant.year < 8999))
def test_every_time_we_write_is_read_back(instant: datetime):
    assert query(("t", instant.isoformat())).instant("t", zone=SEOUL) == instant


def test_a_parameter_given_twice_is_a_mistake():
    reader = query(("limit", "1"), ("limit", "2"))
    assert reader.integer("limit", default=5, low=1, high=10) == 5
    assert message(reader) == "한 번만 지정할 수 있습니다 (2번 지정됨)"


def test_leaving_raises_everything_that_was_wrong_in_one():
    def read() -> None:
        with reading(arguments(("limit", "0"), ("page", "x"))) as reader:
            reader.integer("limit", default=1, low=1, high=10)
            reader.integer("page", default=1, low=1, high=10)
            reader.problem("to", "시작보다 빠릅니다")

    with pytest.raises(InvalidRequest) as caught:
        read()
    assert caught.value.status == 400
    assert caught.value.detail == "요청 값이 올바르지 않습니다: limit, page, to"
    assert [problem.field for problem in caught.value.problems] == ["limit", "page", "to"]
    assert caught.value.problems[2] == FieldProblem("to", "시작보다 빠릅니다")


def test_leaving_with_good_values_raises_nothing():
    with reading(arguments(("limit", "3"))) as reader:
        assert reader.integer("limit", default=1, low=1, high=10) == 3


@given(st.text(max_size=80))
def test_no_text_raises_anything_else(text: str):
    reader = query(("x", text))
    reader.integer("x", default=1, low=0, high=5)
    reader.number("x", default=1, low=0, high=5)
    reader.boolean("x", default=True)
    reader.choice("x", LEVELS, default=Level.INFO)
    reader.choices("x", LEVELS)
    reader.instant("x", zone=SEOUL)
