"""Records out of bytes: what belongs together, where each begins and ends, whatever the bytes are."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.logs.known import KnownLog
from actors.logs.parsing import RECORD_BYTES, Assembler, Parser
from actors.logs.records import LogRecord, Origin
from hamster.own_log import LineFormatter

AT = "2026-11-25T12:00:00.000+09:00"
TRACE = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nValueError: no'


def a_parser(origin: Origin = Origin.OURS, *, pattern: str | None = None, encoding: str | None = None) -> Parser:
    return Parser(KnownLog(name="x.log", path=Path("/x.log"), origin=origin, pattern=pattern, encoding=encoding), UTC)


def records(data: bytes | str, origin: Origin = Origin.OURS, parser: Parser | None = None) -> list[LogRecord]:
    assembler = Assembler(parser or a_parser(origin), 0)
    return assembler.feed(data.encode() if isinstance(data, str) else data) + assembler.finish()


def test_a_traceback_belongs_to_the_record_before_it() -> None:
    first, second = records(f"{AT} ERROR a [b:1 c] failed\n{TRACE}\n{AT} INFO a [b:1 c] on\n")
    assert first.message == f"failed\n{TRACE}"
    assert (second.message, second.level) == ("on", "INFO")


def test_a_printed_line_is_a_record_of_its_own_unless_it_is_indented_or_within_a_traceback() -> None:
    chained = f"{TRACE}\n\nDuring handling of the above exception, another exception occurred:\n\n{TRACE}"
    found = records(f"one\ntwo\n  more of two\n\tand more\nthree\n{chained}\nfour\n", Origin.CAPTURED)
    assert [record.message for record in found] == ["one", "two\n  more of two\n\tand more", "three", chained, "four"]
    assert [record.level for record in found] == ["INFO", "INFO", "INFO", "ERROR", "INFO"]


def test_a_traceback_that_was_logged_belongs_to_its_record_in_captured_output_too() -> None:
    found = records(f"{AT} ERROR a [b:1 c] failed\n{TRACE}\nnext\nINFO fine\n{TRACE}\n", Origin.CAPTURED)
    assert [record.message for record in found] == [f"failed\n{TRACE}", "next", "fine", TRACE]


@pytest.mark.parametrize(
    "text",
    [
        "Exception in thread main X: no\n\tat a.B(C.java:1)\nCaused by: Y\n\tat d.E(F.java:2)\n\t... 12 more",
        "panic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/b.go:1 +0x1\ncreated by main.f\n\t/a/b.go:2 +0x2",
        "TypeError: no\n    at f (/a/b.js:1:1)\n    at g (/a/b.js:2:1)",
        "  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: no\n  +-+---------------- 1",
    ],
)
def test_stacks_of_other_languages_are_one_record(text: str) -> None:
    found = records(f"before\n{text}\nafter\n", Origin.CAPTURED)
    assert "\n".join(record.text for record in found) == f"before\n{text}\nafter"
    assert len(found) == (2 if text.startswith(" ") else 3)


def test_a_captured_line_without_a_time_has_that_of_its_arrival() -> None:
    came = datetime(2026, 1, 1, tzinfo=UTC)
    assembler = Assembler(a_parser(Origin.CAPTURED), 0, lambda offset: came if offset == 4 else None)
    assert [record.timestamp for record in assembler.feed(b"one\ntwo\n") + assembler.finish()] == [None, came]


def test_in_a_file_without_any_times_every_line_is_a_record() -> None:
    parser = a_parser(Origin.OUTSIDE)
    parser.learn(b"one\ntwo\n  more\nthree\n")
    assert [record.message for record in records("one\ntwo\n  more\nthree\n", parser=parser)] == [
        "one",
        "two\n  more",
        "three",
    ]


def test_our_own_log_parses_back_exactly() -> None:
    formatter = LineFormatter(ZoneInfo("Asia/Seoul"))
    record = logging.LogRecord("hamster.a.b", logging.WARNING, "/x/app.py", 12, "it.failed who=%r", ("나",), None)
    record.threadName = "Trio thread 3"
    record.created = 1_764_126_000.123
    (found,) = records(formatter.format(record) + "\n")
    assert found.timestamp == datetime.fromtimestamp(1_764_126_000.123, UTC)
    assert (found.level, found.logger, found.module, found.line_number) == ("WARNING", "hamster.a.b", "app", 12)
    assert (found.thread, found.message) == ("Trio thread 3", "it.failed who='나'")


@given(
    message=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    level=st.sampled_from([logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL]),
    name=st.from_regex(r"(actors|hamster)(\.[a-z_]{1,8}){0,3}", fullmatch=True),
)
def test_whatever_is_logged_by_us_is_one_record_with_its_fields(message: str, level: int, name: str) -> None:
    formatter = LineFormatter(UTC)
    made = [logging.LogRecord(name, level, "/x/app.py", n, "%s", (message,), None) for n in (1, 2)]
    text = "".join(formatter.format(record) + "\n" for record in made)
    first, second = records(text)
    assert (first.level, first.logger, first.line_number) == (logging.getLevelName(level), name, 1)
    assert second.line_number == 2
    assert first.text + "\n" + second.text + "\n" == text


def test_korean_of_both_encodings_and_broken_bytes_are_read_line_by_line() -> None:
    data = "한글\n".encode() + "한글\n".encode("cp949") + b"\xff\xfe broken\n"
    assert [record.text for record in records(data, Origin.CAPTURED)] == ["한글", "한글", "�� broken"]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf16_is_read_by_its_byte_order_mark(codec: str) -> None:
    data = "\ufeff2026-11-25 12:00:00 ERROR 한글\r\n2026-11-25 12:00:01 INFO \u0a0a\n".encode(codec)
    parser = a_parser(Origin.OUTSIDE)
    parser.learn(data)
    for size in (1, 3, 1000):
        assembler = Assembler(parser, 0)
        found = [r for at in range(0, len(data), size) for r in assembler.feed(data[at : at + size])]
        found += assembler.finish()
        assert [(record.level, record.message) for record in found] == [("ERROR", "한글"), ("INFO", "\u0a0a")]
        assert [record.offset for record in found] == [0, found[0].end]
        assert found[-1].end == len(data)


def test_a_huge_line_and_a_huge_record_are_cut_and_say_so() -> None:
    long = "x" * (RECORD_BYTES * 3)
    cut, whole = records(f"{long}\nshort\n", Origin.CAPTURED)
    assert cut.truncated
    assert len(cut.text) == RECORD_BYTES
    assert (whole.text, whole.truncated, whole.offset) == ("short", False, len(long) + 1)
    many = f"{AT} ERROR a [b:1 c] failed\n" + "  frame\n" * 20_000
    (record,) = records(many)
    assert record.truncated
    assert len(record.text) <= RECORD_BYTES + 1
    assert record.end == len(many)


def test_a_huge_line_in_utf16_is_cut_between_characters() -> None:
    data = ("x" * RECORD_BYTES * 2 + "\nshort\n").encode("utf-16-le")
    parser = a_parser(Origin.CAPTURED, encoding="utf-16-le")
    for size in (4097, len(data)):
        assembler = Assembler(parser, 0)
        found = [r for at in range(0, len(data), size) for r in assembler.feed(data[at : at + size])]
        cut, whole = found + assembler.finish()
        assert (cut.text, cut.truncated) == ("x" * (RECORD_BYTES // 2), True)
        assert (whole.text, whole.offset) == ("short", len(data) - 12)


def test_lines_that_come_after_their_record_was_told_are_told_as_its_rest() -> None:
    assembler = Assembler(a_parser(), 0)
    head = f"{AT} ERROR a [b:1 c] failed\n".encode()
    assert assembler.feed(head) == []
    (told,) = assembler.settle()
    assert (told.message, told.continued) == ("failed", False)
    assert assembler.settle() == []
    assembler.feed(b"  rest\n")
    (rest,) = assembler.settle()
    assert (rest.message, rest.continued, rest.level, rest.offset) == ("  rest", True, "ERROR", len(head))
    (again,) = (assembler.feed(b"more\n"), assembler.settle())[1]
    assert (again.message, again.offset) == ("more", len(head) + 7)


def test_a_configured_pattern_names_the_fields() -> None:
    parser = a_parser(
        Origin.OUTSIDE, pattern=r"^(?P<level>\w+)\|(?P<timestamp>[^|]+)\|(?P<logger>[^|]*)\|(?P<message>.*)"
    )
    first, second = records("W|2026-11-25 12:00:00|me|no\nmore\nE|2026-11-25 12:00:01||yes\n", parser=parser)
    assert (first.level, first.logger, first.message) == ("WARNING", "me", "no\nmore")
    assert (second.level, second.logger, second.message) == ("ERROR", None, "yes")


LINES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [
                f"{AT} ERROR a [b:1 c] failed".encode(),
                b"plain",
                b"  indented",
                b"",
                b"\r",
                b"\x00\x00\x00",
                *TRACE.encode().split(b"\n"),
                "한글".encode("cp949"),
            ]
        ),
    ),
    max_size=12,
)


@given(lines=LINES, sizes=st.lists(st.integers(1, 40), min_size=1), origin=st.sampled_from(Origin), end=st.booleans())
def test_records_tile_the_file_and_do_not_depend_on_how_its_bytes_came(
    lines: list[bytes], sizes: list[int], origin: Origin, end: bool
) -> None:
    data = b"\n".join(lines) + (b"\n" if end else b"")
    whole = records(data, origin)
    edges = [0, *(record.end for record in whole)]
    assert [record.offset for record in whole] == edges[:-1]
    assert edges[-1] == len(data)
    assembler, pieces, at, turn = Assembler(a_parser(origin), 0), list[LogRecord](), 0, 0
    while at < len(data):
        pieces += assembler.feed(data[at : at + sizes[turn % len(sizes)]])
        at += sizes[turn % len(sizes)]
        turn += 1
    assert pieces + assembler.finish() == whole
