"""Timestamps have the offset of their zone at their own instant."""

from datetime import UTC, datetime, timedelta

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from hamster.http.times import seconds_since, stamper, zone_of

NOON = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Asia/Seoul", "2024-01-01T21:00:00.000+09:00"),
        ("UTC", "2024-01-01T12:00:00.000+00:00"),
        ("America/St_Johns", "2024-01-01T08:30:00.000-03:30"),
    ],
)
def test_an_instant_is_shown_in_the_zone(zone: str, text: str) -> None:
    assert stamper(zone_of(zone))(NOON) == text


def test_summer_time_is_that_of_the_instant() -> None:
    stamp = stamper(zone_of("Europe/Berlin"))
    assert (stamp(NOON)[-6:], stamp(NOON + timedelta(days=182))[-6:]) == ("+01:00", "+02:00")


@given(st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - st's bounds
def test_a_timestamp_is_the_instant_to_the_millisecond(instant: datetime) -> None:
    for zone in ("Asia/Seoul", None):
        shown = datetime.fromisoformat(stamper(zone_of(zone))(instant))
        assert timedelta() <= instant - shown < timedelta(milliseconds=1)


async def test_seconds_are_whole_and_none_stays_none(autojump_clock: trio.testing.MockClock) -> None:
    begun = trio.current_time()
    await trio.sleep(2.9)
    assert seconds_since(begun) == 2
    assert seconds_since(None) is None
