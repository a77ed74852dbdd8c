import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services.monitors.report.schedule import due_after, last_due
from actors.settings import ReportOptions

SEOUL = ZoneInfo("Asia/Seoul")
BERLIN = ZoneInfo("Europe/Berlin")

every = st.sampled_from([1.0, 7.5, 60.0, 3600.0, 86_400.0]).map(lambda interval: ReportOptions(interval=interval))
crons = st.sampled_from(
    [None, "0 9 * * *", "*/15 * * * *", "30 2 * * *", "0 0 1 * *", "0 9 * * 1", "59 23 31 12 *"]
).map(lambda cron: ReportOptions(cron=cron))
zones = st.sampled_from([SEOUL, BERLIN, dt.UTC])
instants = st.datetimes(dt.datetime(2023, 1, 1), dt.datetime(2027, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001


@pytest.mark.slow
@given(every | crons, zones, instants)
def test_the_due_times_before_and_after_an_instant_are_neighbours(
    options: ReportOptions, zone: dt.tzinfo, now: dt.datetime
) -> None:
    before, after = last_due(options, now, zone), due_after(options, now, zone)
    assert before is not None
    assert after is not None
    assert before <= now < after
    assert due_after(options, before, zone) == after
    assert last_due(options, after, zone) == after


@pytest.mark.slow
@given(crons, zones, instants)
def test_what_is_due_is_what_the_expression_says_in_its_zone(
    options: ReportOptions, zone: dt.tzinfo, now: dt.datetime
) -> None:
    due = due_after(options, now, zone)
    assert due is not None
    local = due.astimezone(zone)
    if options.cron in (None, "0 9 * * *"):
        assert (local.hour, local.minute) == (9, 0)
        assert due - now <= dt.timedelta(hours=25)
    elif options.cron == "*/15 * * * *":
        assert local.minute % 15 == 0
        assert due - now <= dt.timedelta(minutes=15)


def test_intervals_are_where_they_were_after_a_restart() -> None:
    options = ReportOptions(interval=100)
    due = due_after(options, dt.datetime(2024, 6, 4, 12, 0, 1, tzinfo=dt.UTC), SEOUL)
    again = due_after(options, dt.datetime(2024, 6, 4, 12, 0, 59, tzinfo=dt.UTC), SEOUL)
    assert due == again
    assert due is not None
    assert due.timestamp() % 100 == 0
