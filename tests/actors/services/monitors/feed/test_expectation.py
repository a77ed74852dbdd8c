"""The calendar's rules against a twin that tries every minute, and the dates that make them hard."""

import datetime as dt
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services.monitors.feed.business_days import days_of
from actors.services.monitors.feed.expectation import (
    Expectation,
    Status,
    Verdict,
    arrival_delay,
    is_due,
    judge,
    late_at,
    look_at,
    slot_after,
    slot_at_or_before,
)

SEOUL = ZoneInfo("Asia/Seoul")
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
ZONES = ("UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia")
WEEKDAYS = days_of("business", "KR", ())


def seoul(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=SEOUL)


CLOSE = Expectation(
    at=dt.time(15, 40), zone=SEOUL, tolerance=1800, early=600, publishes=days_of("business", "XKRX", ())
)
"""`kospi-close`."""


def verdict(expectation: Expectation, now: str, published: str | None, since: str = "2000-01-01T00:00") -> Verdict:
    return judge(
        expectation,
        now=seoul(now),
        published=None if published is None else seoul(published),
        watched_since=seoul(since),
    )


# -- the twin


def slots(expectation: Expectation, around: dt.datetime) -> list[dt.datetime]:
    """Every slot within two months of *around*, by looking at every date."""
    date = around.astimezone(expectation.zone).date()
    dates = [date + dt.timedelta(days) for days in range(-60, 61)]
    return [
        dt.datetime.combine(d, expectation.at, expectation.zone).astimezone(dt.UTC)
        for d in dates
        if expectation.publishes(d)
    ]


expectations = st.builds(
    Expectation,
    at=st.times().map(lambda time: time.replace(second=0, microsecond=0)),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    tolerance=st.sampled_from([0.0, 60.0, 1800.0, 20_000.0, 200_000.0]),
    early=st.sampled_from([0.0, 600.0, 43_200.0]),
    publishes=st.sampled_from([days_of("daily", None, ()), WEEKDAYS, days_of("daily", None, ["12-31"])]),
    check_times=st.lists(st.times(), max_size=2).map(tuple),
)
instants = st.datetimes(dt.datetime(2022, 1, 1), dt.datetime(2028, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001
ages = st.timedeltas(dt.timedelta(0), dt.timedelta(days=12))


@pytest.mark.slow
@given(expectations, instants)
def test_the_slots_around_an_instant_are_those_that_looking_at_every_date_finds(
    expectation: Expectation, now: dt.datetime
) -> None:
    every = slots(expectation, now)
    assert slot_at_or_before(expectation, now) == max((slot for slot in every if slot <= now), default=None)
    assert slot_after(expectation, now) == min((slot for slot in every if slot > now), default=None)


@pytest.mark.slow
@given(expectations, instants, st.none() | ages, ages)
def test_a_verdict_is_what_counting_the_missed_slots_comes_to(
    expectation: Expectation, now: dt.datetime, age: dt.timedelta | None, watched: dt.timedelta
) -> None:
    published = None if age is None else now - age
    since = now - watched
    tolerance, early = dt.timedelta(seconds=expectation.tolerance), dt.timedelta(seconds=expectation.early)
    over = [slot for slot in slots(expectation, now) if slot + tolerance <= now]
    # Without news nobody knows of a slot that was over before anybody looked.
    known = [slot for slot in over if published is not None or slot + tolerance >= since]
    newest_two = [slot for slot in over[-2:] if slot in known]
    missed = [slot for slot in newest_two if published is None or published < slot - early]
    found = judge(expectation, now=now, published=published, watched_since=since)
    if not missed:
        assert found.status is (Status.UNKNOWN if published is None else Status.LATEST)
    else:
        assert found.status is (Status.OUTDATED if len(missed) == 2 else Status.DELAYED)
        assert found.slot == over[-1]
        assert found.delay == (now - over[-1]).total_seconds() >= expectation.tolerance


@pytest.mark.slow
@given(expectations, instants, st.none() | ages)
def test_it_is_late_from_the_announced_instant_on_and_not_before(
    expectation: Expectation, now: dt.datetime, age: dt.timedelta | None
) -> None:
    published = None if age is None else now - age
    when = late_at(expectation, now=now, published=published)
    assert when is not None
    assert when > now

    def late(instant: dt.datetime) -> bool:
        status = judge(expectation, now=instant, published=published, watched_since=LONG_AGO).status
        return status in (Status.DELAYED, Status.OUTDATED)

    assert late(when)
    if not late(now):
        assert not late(when - dt.timedelta(microseconds=1))


@pytest.mark.slow
@given(expectations, instants, st.none() | ages)
def test_the_calendar_never_lets_its_instants_pass_without_a_look(
    expectation: Expectation, now: dt.datetime, age: dt.timedelta | None
) -> None:
    published = None if age is None else now - age
    when = look_at(expectation, now=now, published=published)
    assert when is not None
    assert when > now
    passed = [slot for slot in slots(expectation, now) if now < slot < when]
    checks = [
        slot
        for at in expectation.check_times
        for slot in slots(attrs.evolve(expectation, at=at), now)
        if now < slot < when
    ]
    assert (passed, checks) == ([], [])


@pytest.mark.slow
@given(expectations, instants, st.none() | ages)
def test_what_is_due_is_not_late_yet_and_not_there(
    expectation: Expectation, now: dt.datetime, age: dt.timedelta | None
) -> None:
    published = None if age is None else now - age
    slot = slot_at_or_before(expectation, now)
    if is_due(expectation, now=now, published=published):
        assert slot is not None
        assert slot <= now <= slot + dt.timedelta(seconds=expectation.tolerance)
        assert published is None or published < slot
    elif slot is not None and now <= slot + dt.timedelta(seconds=expectation.tolerance):
        assert published is not None


# -- days and hours that people know


def test_the_close_report_is_latest_until_its_tolerance_is_over_and_delayed_from_then_on() -> None:
    day_before = "2024-06-03T15:41"
    assert verdict(CLOSE, "2024-06-04T15:39", day_before).status is Status.LATEST
    assert verdict(CLOSE, "2024-06-04T16:09:59", day_before).status is Status.LATEST
    late = verdict(CLOSE, "2024-06-04T16:10", day_before)
    assert (late.status, late.slot, late.delay) == (Status.DELAYED, seoul("2024-06-04T15:40"), 1800)
    assert verdict(CLOSE, "2024-06-04T16:10", "2024-06-04T15:31").status is Status.LATEST
    assert arrival_delay(seoul("2024-06-04T15:40"), seoul("2024-06-04T17:00")) == 4800


def test_two_missed_reports_are_outdated() -> None:
    assert verdict(CLOSE, "2024-06-05T16:10", "2024-06-03T15:41").status is Status.OUTDATED


def test_a_weekend_a_holiday_and_its_substitute_are_no_business_days() -> None:
    # Children's Day 2024 was a Sunday: Monday the 6th was its substitute.
    friday = "2024-05-03T15:41"
    for now in ("2024-05-04T20:00", "2024-05-05T20:00", "2024-05-06T20:00", "2024-05-07T16:09"):
        assert verdict(CLOSE, now, friday).status is Status.LATEST
    assert verdict(CLOSE, "2024-05-07T16:10", friday).status is Status.DELAYED


def test_the_exchange_is_closed_on_the_last_day_of_the_year_and_on_workers_day_the_country_only_then() -> None:
    exchange, country = days_of("business", "XKRX", ()), days_of("business", "KR", ())
    assert not exchange(dt.date(2025, 12, 31))
    assert country(dt.date(2025, 12, 31))
    assert not exchange(dt.date(2025, 5, 1))
    assert not country(dt.date(2025, 5, 1))


def test_closed_days_are_of_one_year_or_of_each() -> None:
    days = days_of("daily", None, ["12-31", "2026-06-03"])
    assert [days(dt.date(2025, 12, 31)), days(dt.date(2026, 12, 31))] == [False, False]
    assert [days(dt.date(2025, 6, 3)), days(dt.date(2026, 6, 3))] == [True, False]


def test_a_tolerance_that_crosses_midnight_is_over_on_the_next_day() -> None:
    night = Expectation(at=dt.time(23, 50), zone=SEOUL, tolerance=1800, early=600)
    assert verdict(night, "2024-06-05T00:19", "2024-06-03T23:50").status is Status.LATEST
    assert verdict(night, "2024-06-05T00:20", "2024-06-03T23:50").status is Status.DELAYED
    early = Expectation(at=dt.time(0, 5), zone=SEOUL, tolerance=60, early=600)
    assert verdict(early, "2024-06-05T00:10", "2024-06-04T23:56").status is Status.LATEST


def test_an_hour_that_summer_time_leaves_out_is_an_hour_later_and_one_that_comes_twice_the_first() -> None:
    berlin = Expectation(at=dt.time(2, 30), zone=ZoneInfo("Europe/Berlin"), tolerance=0, early=0)
    spring = slot_after(berlin, dt.datetime(2024, 3, 30, 12, tzinfo=dt.UTC))
    autumn = slot_after(berlin, dt.datetime(2024, 10, 26, 12, tzinfo=dt.UTC))
    assert spring == dt.datetime(2024, 3, 31, 1, 30, tzinfo=dt.UTC)
    assert autumn == dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC)


def test_what_was_never_seen_is_unknown_until_something_was_missed_while_we_looked() -> None:
    assert verdict(CLOSE, "2024-06-04T17:00", None, since="2024-06-04T16:30").status is Status.UNKNOWN
    assert verdict(CLOSE, "2024-06-04T17:00", None, since="2024-06-04T15:50").status is Status.DELAYED
    assert verdict(CLOSE, "2024-06-05T17:00", None, since="2024-06-04T16:30").status is Status.DELAYED
    assert verdict(CLOSE, "2024-06-05T17:00", None, since="2024-06-04T12:00").status is Status.OUTDATED


@pytest.mark.parametrize(("published", "status"), [(None, Status.UNKNOWN), (LONG_AGO, Status.LATEST)])
def test_what_is_not_expected_is_never_late(published: dt.datetime | None, status: Status) -> None:
    assert judge(None, now=seoul("2024-06-04T17:00"), published=published, watched_since=LONG_AGO).status is status


def test_days_that_never_come_are_waited_for_without_an_end_to_the_search() -> None:
    never = Expectation(at=dt.time(1), zone=SEOUL, tolerance=0, early=0, publishes=lambda _: False)
    assert look_at(never, now=LONG_AGO, published=None) is None
    assert verdict(never, "2024-06-04T17:00", None).status is Status.UNKNOWN


@pytest.mark.parametrize("year", [1, 9999])
def test_a_clock_at_the_end_of_the_calendar_breaks_nothing(year: int) -> None:
    now = dt.datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, 12, tzinfo=dt.UTC)
    slot_at_or_before(CLOSE, now)
    slot_after(attrs.evolve(CLOSE, publishes=days_of("daily", None, ())), now)
