import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services.monitors.feed.reading.dates import instant

SEOUL = ZoneInfo("Asia/Seoul")
NOON = dt.datetime(2024, 6, 4, 3, 0, tzinfo=dt.UTC).timestamp()  # 12:00 in Seoul


@pytest.mark.parametrize(
    "written",
    [
        "2024-06-04T12:00:00+09:00",
        "2024-06-04T03:00:00Z",
        "2024-06-04T12:00:00",
        "2024-06-04 12:00:00",
        "2024-06-04 12:00",
        "2024-06-04 12:00:00.123",
        "2024.06.04 12:00:00",
        "2024/6/4 12:00",
        "2024년 6월 4일 12:00",
        "2024-06-04 12:00:00 KST",
        "2024-06-04 03:00:00 UTC",
        "2024-06-04 12:00:00 +0900",
        "20240604120000",
        "202406041200",
        "Tue, 04 Jun 2024 12:00:00 +0900",
        "Tue, 04 Jun 2024 03:00:00 GMT",
        "Tue, 04 Jun 2024 12:00:00 KST",
        "04 Jun 2024 12:00:00 kst",
        "Tue, 4 Jun 2024 12:00:00",
        " 2024-06-04T12:00:00 ",
        NOON,
        int(NOON),
        NOON * 1000,
        str(int(NOON)),
        str(int(NOON * 1000)),
    ],
)
def test_a_time_is_understood_however_it_is_written(written: object) -> None:
    assert instant(written, SEOUL) == NOON


def test_a_date_alone_is_its_beginning() -> None:
    begin = dt.datetime(2024, 6, 4, tzinfo=SEOUL).timestamp()
    for written in ("2024-06-04", "20240604", "2024년 6월 4일", "2024.6.4."):
        assert instant(written, SEOUL) == begin


@pytest.mark.parametrize(
    "written",
    [
        None,
        True,
        "",
        "soon",
        "2024-13-01",
        "2024-02-30 10:00",
        [],
        {},
        "9" * 500,
        float("nan"),
        float("inf"),
        1e300,
        "-",
    ],
)
def test_what_is_no_time_is_none(written: object) -> None:
    assert instant(written, SEOUL) is None


@pytest.mark.slow
@given(st.text() | st.floats() | st.integers())
def test_nothing_that_stands_in_a_feed_breaks_it(written: object) -> None:
    found = instant(written, SEOUL)
    assert found is None or isinstance(found, float)
