"""The times of a schedule against a twin that looks at every minute, and what clocks that jump make of them."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.runtime import Bus
from actors.services.messages import State
from actors.services.schedule import (
    CORRECTION,
    LOOK_SECONDS,
    UNDER_WAY,
    MachineZone,
    Plan,
    Schedule,
    Turn,
    turn,
    utc_now,
    zone_of,
)
from actors.services.schedule_times import MIGRATIONS, Timetable, load_times
from actors.settings import ScheduleOptions
from actors.store import open_store

BERLIN = ZoneInfo("Europe/Berlin")
SEOUL = ZoneInfo("Asia/Seoul")
MINUTE = timedelta(minutes=1)


def at(text: str, zone: tzinfo = UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def times(cron: str, zone: tzinfo, after: datetime, count: int) -> list[str]:
    """The next *count* times, in UTC without seconds."""
    found: list[str] = []
    for _ in range(count):
        next_ = Plan(cron, zone).after(after)
        assert next_ is not None
        found.append(f"{next_:%m-%d %H:%M}")
        after = next_
    return found


# --- times ---


def test_a_time_is_one_of_its_zone() -> None:
    assert times("40 15 * * MON-FRI", SEOUL, at("2024-01-05T00:00"), 2) == ["01-05 06:40", "01-08 06:40"]


def test_a_time_that_summer_time_leaves_out_is_run_right_after_it_and_not_twice() -> None:
    # 02:00 becomes 03:00 on 2024-03-31, which is 01:00 UTC.
    assert times("30 2 * * *", BERLIN, at("2024-03-30T02:00"), 2) == ["03-31 01:00", "04-01 00:30"]
    assert times("0,30 2 * * *", BERLIN, at("2024-03-30T02:00"), 2) == ["03-31 01:00", "04-01 00:00"]


def test_a_time_that_comes_twice_is_run_the_first_time_only() -> None:
    # 03:00 becomes 02:00 on 2024-10-27, at 01:00 UTC.
    assert times("30 2 * * *", BERLIN, at("2024-10-26T12:00"), 2) == ["10-27 00:30", "10-28 01:30"]
    # Asked within the second of the two hours.
    assert times("45 2 * * *", BERLIN, at("2024-10-27T01:10"), 1) == ["10-28 01:45"]


def test_what_goes_by_elapsed_time_is_run_in_both_hours_and_leaves_none_out() -> None:
    assert times("*/30 * * * *", BERLIN, at("2024-10-26T23:59"), 5) == [
        "10-27 00:00", "10-27 00:30", "10-27 01:00", "10-27 01:30", "10-27 02:00",
    ]  # fmt: skip
    assert times("0 * * * *", BERLIN, at("2024-03-30T23:30"), 3) == ["03-31 00:00", "03-31 01:00", "03-31 02:00"]


def test_a_day_that_comes_every_four_years_is_found() -> None:
    assert Plan("0 0 29 2 *", UTC).after(at("2024-03-01T00:00")) == at("2028-02-29T00:00")


def elapsed(cron: str) -> bool:
    minute, hour, *_ = cron.split()
    return minute.startswith("*") or hour.startswith("*")


def in_field(field: str, value: int) -> bool:
    """Whether a field of the kinds below holds *value*."""
    if field == "*":
        return True
    if field.startswith("*/"):
        return value % int(field[2:]) == 0
    return value in map(int, field.split(","))


def all_times(cron: str, zone: ZoneInfo, start: datetime, days: int) -> list[datetime]:
    """Every time from *start* on, found by looking at each minute of each day."""
    minute, hour, *_ = cron.split()
    found: set[datetime] = set()
    if elapsed(cron):
        for n in range(days * 1440):
            local = (start + n * MINUTE).astimezone(zone)
            if in_field(minute, local.minute) and in_field(hour, local.hour):
                found.add(start + n * MINUTE)
        return sorted(found)
    local = start.astimezone(zone).replace(tzinfo=None, hour=0, minute=0)
    for n in range((days + 1) * 1440):
        wall = local + n * MINUTE
        if not (in_field(minute, wall.minute) and in_field(hour, wall.hour)):
            continue
        while (there := wall.replace(tzinfo=zone)).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
            wall += MINUTE  # the clock never shows it
        found.add(there.astimezone(UTC))
    return sorted(found)


def fields(top: int, steps: Sequence[int]) -> st.SearchStrategy[str]:
    some = st.lists(st.integers(0, top), min_size=1, max_size=4, unique=True)
    return st.one_of(
        st.just("*"),
        st.sampled_from([f"*/{step}" for step in steps]),
        some.map(lambda numbers: ",".join(map(str, numbers))),
    )


@pytest.mark.slow
@settings(deadline=None)
@given(
    minute=fields(59, (5, 7, 30)),
    hour=fields(23, (2, 5, 12)),
    day=st.sampled_from(["2024-03-30", "2024-10-26", "2024-11-02", "2024-03-09", "2024-10-05", "2024-07-01"]),
    offset=st.integers(0, 2 * 1440),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
)
@example(minute="*", hour="3", day="2024-10-05", offset=0, zone="Australia/Lord_Howe")
def test_the_next_time_is_the_first_that_a_look_at_every_minute_finds(
    minute: str, hour: str, day: str, offset: int, zone: str
) -> None:
    cron = f"{minute} {hour} * * *"
    start = at(f"{day}T00:00")
    when = start + offset * MINUTE
    expected = next((time for time in all_times(cron, ZoneInfo(zone), start, 5) if time > when), None)
    assert Plan(cron, ZoneInfo(zone)).after(when) == expected


@settings(deadline=None)
@given(offset=st.integers(0, 366 * 1440))
def test_the_machines_own_zone_is_that_zone_also_when_the_clock_changes(offset: int) -> None:
    instant = at("2024-01-01T00:00") + offset * MINUTE
    own = instant.astimezone(MachineZone())
    assert own.replace(tzinfo=None) == instant.astimezone().replace(tzinfo=None)
    assert own.astimezone(UTC) == instant


def test_without_a_zone_a_time_is_one_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        own = zone_of(None)
        for start in ("2024-03-30T12:00", "2024-10-26T12:00", "2024-06-01T00:00"):
            for cron in ("30 2 * * *", "*/30 * * * *", "59 2,3 * * *"):
                assert times(cron, own, at(start), 6) == times(cron, BERLIN, at(start), 6)
        both = [at("2024-10-27T00:30"), at("2024-10-27T01:30")]
        assert [instant.astimezone(own).astimezone(UTC) for instant in both] == both
    finally:
        monkeypatch.undo()
        time.tzset()


# --- what a time means ---


@pytest.mark.parametrize("state", list(State))
def test_what_a_time_means_depends_on_the_run_before(state: State) -> None:
    skip, queue, kill = (turn(overlap, state, queued=False) for overlap in ("skip", "queue", "kill"))
    if state in UNDER_WAY:
        assert (skip, queue, kill) == (Turn.SKIP, Turn.QUEUE, Turn.KILL)
        assert turn("queue", state, queued=True) is Turn.SKIP, "one waits at most"
    else:
        assert {skip, queue, kill} == {Turn.COMING if state is State.STOPPING else Turn.RUN}


# --- clocks that jump ---


@attrs.define
class Wall:
    """A clock that is put."""

    now: datetime
    kept: list[datetime] = attrs.field(factory=list[datetime])

    def __call__(self) -> datetime:
        return self.now

    def schedule(self, cron: str = "0 12 * * *", *, seen: datetime | None = None) -> Schedule:
        options = ScheduleOptions(cron=cron)
        return Schedule(Plan(cron, UTC), options, self, self.kept.append, self.now if seen is None else seen)


def test_a_clock_put_forward_over_many_times_leads_to_one_run() -> None:
    wall = Wall(at("2024-01-01T11:59"))
    schedule = wall.schedule()
    schedule.turn_on()
    assert not schedule.comes()
    wall.now = at("2024-01-09T18:00")
    assert [schedule.comes() for _ in range(3)] == [True, False, False]
    assert schedule.next_at == at("2024-01-10T12:00")
    assert wall.kept[-1] == wall.now


def test_a_clock_put_back_does_not_lead_to_a_second_run() -> None:
    wall = Wall(at("2024-01-01T11:59"))
    schedule = wall.schedule()
    schedule.turn_on()
    wall.now = at("2024-01-01T12:00")
    assert schedule.comes()
    wall.now -= timedelta(hours=2)
    assert not schedule.comes()
    wall.now = at("2024-01-01T12:00")
    assert not schedule.comes()
    wall.now = at("2024-01-02T12:00")
    assert schedule.comes()


def test_a_clock_that_was_far_ahead_does_not_stop_the_schedule_for_as_long() -> None:
    wall = Wall(at("2029-01-01T11:59"))
    schedule = wall.schedule()
    schedule.turn_on()
    wall.now = at("2029-01-01T12:00")
    assert schedule.comes()
    wall.now = at("2024-01-01T11:59")
    assert not schedule.comes()
    assert schedule.next_at == at("2024-01-01T12:00")
    wall.now = at("2024-01-01T12:00")
    assert schedule.comes()


@pytest.mark.slow
@settings(deadline=None)
@given(steps=st.lists(st.integers(-179, 3000), max_size=40), cron=st.sampled_from(["*/7 * * * *", "30 6,18 * * *"]))
def test_however_the_clock_goes_no_time_leads_to_two_runs_and_none_is_overlooked(steps: list[int], cron: str) -> None:
    start = at("2024-01-01T00:00")
    wall = Wall(start)
    schedule = wall.schedule(cron)
    schedule.turn_on()
    dealt_with = start
    for step in steps:
        wall.now = max(start, wall.now + step * MINUTE)
        if dealt_with - wall.now > CORRECTION:
            dealt_with = wall.now
        due = Plan(cron, UTC).after(dealt_with)
        assert due is not None
        expected = due <= wall.now
        assert schedule.comes() == expected
        if expected:
            dealt_with = wall.now
        assert not schedule.comes()


def test_what_comes_while_it_is_off_is_none_of_its_business() -> None:
    wall = Wall(at("2024-01-01T11:00"))
    schedule = wall.schedule()
    schedule.turn_on()
    schedule.queued = True
    schedule.turn_off()
    assert (schedule.queued, schedule.next_at) == (False, None)
    wall.now = at("2024-01-01T13:00")
    assert not schedule.comes()
    schedule.turn_on()
    assert not schedule.comes()
    assert schedule.next_at == at("2024-01-02T12:00")
    assert wall.kept[-1] == wall.now, "a restart of ours must not catch up with it, either"


def test_what_came_while_we_were_away_is_caught_up_with_once_unless_it_was_off() -> None:
    wall = Wall(at("2024-01-04T09:00"))
    schedule = wall.schedule(seen=at("2024-01-01T12:00"))
    schedule.resume()
    assert [schedule.comes() for _ in range(3)] == [True, False, False]
    schedule = wall.schedule(seen=at("2024-01-01T12:00"))
    schedule.turn_on()
    assert not schedule.comes()


def test_another_expression_asks_for_nothing_that_is_over_and_other_options_change_no_time() -> None:
    wall = Wall(at("2024-01-01T11:00"))
    table = Timetable("UTC", clock=wall)
    schedule = table.schedule("job", ScheduleOptions(cron="0 12 * * *"))
    schedule.turn_on()
    wall.now = at("2024-01-01T11:30")
    schedule = table.schedule("job", ScheduleOptions(cron="15 * * * *"), schedule)
    assert not schedule.comes()
    assert schedule.next_at == at("2024-01-01T12:15")
    wall.now = at("2024-01-01T12:20")
    schedule = table.schedule("job", ScheduleOptions(cron="15 * * * *", overlap="kill"), schedule)
    assert schedule.comes(), "due, and not dealt with by the one before"


@pytest.mark.parametrize(("catch_up", "comes"), [(True, True), (False, False)])
async def test_what_the_store_kept_is_caught_up_with_where_that_is_asked(
    tmp_path: Path, catch_up: bool, comes: bool
) -> None:
    wall = Wall(at("2024-01-01T11:00"))
    options = ScheduleOptions(cron="0 12 * * *", zone="UTC", catch_up=catch_up)

    async def next_start(options: ScheduleOptions) -> Schedule:
        async with open_store(tmp_path / "hamster.db", Bus(), (MIGRATIONS,)) as store:
            schedule = Timetable(times=await load_times(store), clock=wall).schedule("job", options)
            schedule.resume()
            return schedule

    assert not (await next_start(options)).comes()
    wall.now = at("2024-01-03T09:00")
    assert (await next_start(options)).comes() == comes
    # The last one did not live to remember that it came.
    assert (await next_start(options)).comes() == comes
    assert not (await next_start(attrs.evolve(options, cron="1 12 * * *"))).comes(), "another one's times"


def test_it_sleeps_to_its_time_but_never_so_long_that_a_jump_goes_unseen() -> None:
    wall = Wall(at("2024-01-01T11:59:50"))
    schedule = wall.schedule()
    schedule.turn_on()
    assert schedule.seconds_to_sleep() == 10.0
    wall.now = at("2024-01-01T10:00")
    assert schedule.seconds_to_sleep() == LOOK_SECONDS
    wall.now = at("2024-01-01T13:00")
    assert schedule.seconds_to_sleep() == 0.0
    assert utc_now().tzinfo is UTC
