"""What a line says of its record, in the formats people have."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from actors.logs.parsing.fields import Calendar
from actors.logs.parsing.heads import head_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
CALENDAR = Calendar(ZoneInfo("Asia/Seoul"), lambda: NOW)
SEOUL = timezone(timedelta(hours=9))
NOON = datetime(2026, 11, 25, 12, tzinfo=SEOUL)
HALF = timedelta(milliseconds=500)
EPOCH = datetime(2025, 11, 26, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "timestamp", "level", "logger", "message"),
    [
        ("2026-11-25 12:00:00,500 - my.logger - ERROR - boom", NOON + HALF, "ERROR", "my.logger", "boom"),
        ("2026-11-25T03:00:00.5Z WARN boom", NOON + HALF, "WARNING", None, "boom"),
        ("2026-11-25 03:00:00 UTC boom", NOON, None, None, "boom"),
        ("2026-11-25T12:00:00+0900 [notice] boom", NOON, "INFO", None, "boom"),
        ("2026-11-25 12:00:00,500 INFO success: web entered", NOON + HALF, "INFO", None, "success: web entered"),
        ("2026-11-25 12:00:00.500  WARN 12 --- [main] o.s.Foo : boom", NOON + HALF, "WARNING", "o.s.Foo", "boom"),
        ("2026-11-25 12:00:00,500 [main] DEBUG com.x.Y - boom", NOON + HALF, "DEBUG", "com.x.Y", "boom"),
        ("[2026-11-25 12:00:00] production.ERROR: boom", NOON, "ERROR", "production", "boom"),
        ("2026-11-25 12:00:00.500 | INFO     | a.b:fn:12 - boom", NOON + HALF, "INFO", None, "boom"),
        ("[Wed Nov 25 12:00:00.500000 2026] [core:error] boom", NOON + HALF, "ERROR", "core", "boom"),
        ("Wed Nov 25 12:00:00 2026 boom", NOON, None, None, "boom"),
        ("2026/11/25 12:00:00 [error] boom", NOON, "ERROR", None, "boom"),
        ("2026/11/25 12:00:00 boom", NOON, None, None, "boom"),
        ('::1 - me [25/Nov/2026:12:00:00 +0900] "GET / HTTP/1.1" 503 1', NOON, "ERROR", None, '"GET / HTTP/1.1" 503 1'),
        (
            '::1 - - [25/Nov/2026:12:00:00 +0900] "GET / HTTP/1.1" 404 1',
            NOON,
            "WARNING",
            None,
            '"GET / HTTP/1.1" 404 1',
        ),
        ("Nov 25 12:00:00 host sshd[12]: boom", NOON, None, "sshd", "boom"),
        ("<34>Nov 25 12:00:00 host su: boom", NOON, "CRITICAL", "su", "boom"),
        ('<165>1 2026-11-25T12:00:00+09:00 host app 12 ID47 [x a="b"] boom', NOON, "INFO", "app", "boom"),
        ("E1125 12:00:00.500000  123 file.cc:12] boom", NOON + HALF, "ERROR", None, "boom"),
        ("INFO 2026-11-25 12:00:00 boom", NOON, "INFO", None, "boom"),
        ("1764126000 boom", EPOCH, None, None, "boom"),
        ("1764126000.5 WARN boom", EPOCH + HALF, "WARNING", None, "boom"),
        ("1764126000500 [E] boom", EPOCH + HALF, "ERROR", None, "boom"),
        (
            '{"time":"2026-11-25T12:00:00+09:00","level":"warn","msg":"boom","name":"a.b"}',
            NOON,
            "WARNING",
            "a.b",
            "boom",
        ),
        ('{"level":50,"time":1764126000500,"msg":"boom"}', EPOCH + HALF, "ERROR", None, "boom"),
        (
            '{"@timestamp":"2026-11-25T03:00:00Z","log":{"level":"error","logger":"x"},"message":"boom"}',
            NOON,
            "ERROR",
            "x",
            "boom",
        ),
        ('ts=2026-11-25T03:00:00Z level=fatal msg="boom" caller=x.go:12', NOON, "CRITICAL", None, "boom"),
        ("\x1b[32m2026-11-25 12:00:00\x1b[0m \x1b[1mERROR\x1b[0m boom", NOON, "ERROR", None, "boom"),
        ("2026-11-25 12:00:00+09 boom", NOON, None, None, "boom"),
        ("2026-11-25 12:00:00 -10 degrees", NOON, None, None, "10 degrees"),
        ("2026-11-25 12:00:00.500 KST [12] ERROR:  boom", NOON + HALF, "ERROR", None, "boom"),
        ("2026-11-25 03:00:00 GMT boom", NOON, None, None, "boom"),
        ("2026-11-25T12:00:00.500000000000+09:00 boom", NOON + HALF, None, None, "boom"),
        ("2026-11-25T12:00:00 wrn boom", NOON, "WARNING", None, "boom"),
        ("2026-11-25 12:00:00 E boom", NOON, "ERROR", None, "boom"),
        ("2026-11-25 12:00:00 I boom", NOON, None, None, "I boom"),
        ("2000000000 boom", datetime(2033, 5, 18, 3, 33, 20, tzinfo=UTC), None, None, "boom"),
        ("1764126000500000 boom", EPOCH + HALF, None, None, "boom"),
        ("1764126000500000000 boom", EPOCH + HALF, None, None, "boom"),
        ('{"level":"30","time":1764126000500,"msg":"boom"}', EPOCH + HALF, "INFO", None, "boom"),
        ('{"t":{"$date":"2026-11-25T12:00:00.500+09:00"},"s":"E","msg":"boom"}', NOON + HALF, "ERROR", None, "boom"),
        ('{"time":"2026-11-25T12:00:00+09:00","level":"error","msg":"boom","cut": "of', NOON, "ERROR", None, "boom"),
        ("<3>boom", None, "ERROR", None, "boom"),
        ("<34>1 - host app - - - boom", None, "CRITICAL", "app", "boom"),
        ("INFO:     boom", None, "INFO", None, "boom"),
        ("WARNING:root:boom", None, "WARNING", "root", "boom"),
        ("[warn] boom", None, "WARNING", None, "boom"),
        ("CRITICAL boom", None, "CRITICAL", None, "boom"),
        ("error: boom", None, "ERROR", None, "boom"),
    ],
)
def test_a_line_says_when_how_urgent_and_who(
    line: str, timestamp: datetime | None, level: str | None, logger: str | None, message: str
) -> None:
    head = head_of(line, CALENDAR)
    assert head is not None
    assert (head.timestamp, head.level, head.logger, head.message) == (timestamp, level, logger, message)


@pytest.mark.parametrize(
    "line",
    [
        "boom",
        "",
        "Note that this is a sentence",
        "A disk is full",
        "Error handling is hard",
        "2026-13-45 12:00:00 no such month",
        "{not json}",
        "a=b",
        "12 items",
        "    at com.x.Y(Z.java:12)",
        "<999>boom",
        '{"open": [1,',
    ],
)
def test_a_line_with_neither_time_nor_level_says_nothing(line: str) -> None:
    assert head_of(line, CALENDAR) is None


def test_the_place_in_the_code_is_found_where_a_line_has_one() -> None:
    for line in (
        "E1125 12:00:00.500000  123 file.cc:12] boom",
        'ts=2026-11-25T03:00:00Z level=info msg="boom" caller=file.cc:12 thread=123',
        "2026/11/25 12:00:00 file.cc:12: boom",
        '{"ts":1764126000,"module":"file.cc","lineno":12,"thread":123,"msg":"boom"}',
    ):
        head = head_of(line, CALENDAR)
        assert head is not None
        assert (head.module, head.line_number) == ("file.cc", 12)
        assert head.thread == ("123" if "123" in line else None)


def test_a_time_without_a_year_is_the_latest_that_has_been() -> None:
    new_year = Calendar(UTC, lambda: datetime(2027, 1, 1, 0, 5, tzinfo=UTC))
    head = head_of("Dec 31 23:59:59 host app: boom", new_year)
    assert head is not None
    assert head.timestamp == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    glog = head_of("E1231 23:59:59.000000  123 file.cc:12] boom", new_year)
    assert glog is not None
    assert glog.timestamp == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    leap = head_of("Feb 29 00:00:00 host app: boom", new_year)
    assert leap is not None
    assert leap.timestamp == datetime(2024, 2, 29, tzinfo=UTC)


def test_what_is_behind_the_fields_of_a_very_long_line_is_in_its_message() -> None:
    head = head_of("2026-11-25 12:00:00 ERROR " + "x" * 20_000, CALENDAR)
    assert head is not None
    assert head.level == "ERROR"
    assert head.message == "x" * 20_000


@pytest.mark.parametrize("size", [10_000, 60_000])
def test_a_very_long_line_of_json_or_logfmt_is_one(size: int) -> None:
    for line in (
        f'{{"time":"2026-11-25T12:00:00+09:00","data":"{"x" * size}","level":"error","msg":"boom"}}',
        f"ts=2026-11-25T12:00:00+09:00 data={'x' * size} level=error msg=boom",
    ):
        head = head_of(line, CALENDAR)
        assert head is not None
        assert (head.timestamp, head.level, head.message) == (NOON, "ERROR", "boom")


def test_of_json_that_is_cut_off_the_fields_in_front_are_read() -> None:
    line = f'{{"time":"2026-11-25T12:00:00+09:00","level":"error","msg":"{"x" * 70_000}'[: 64 * 1024]
    head = head_of(line, CALENDAR)
    assert head is not None
    assert (head.timestamp, head.level, head.message) == (NOON, "ERROR", line)
