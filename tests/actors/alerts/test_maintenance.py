"""When nobody is told, and of which alerts."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.alerts.maintenance import concerns, is_open
from actors.alerts.messages import Alert
from actors.settings import MaintenanceWindow, ServiceSettings, SettingsError

SEOUL = ZoneInfo("Asia/Seoul")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def alert(key: str, service: str | None = None) -> Alert:
    return Alert(
        number=1, source="metrics", key=key, level="info", code="x", detail="", values={}, service_id=service,
        raised_at=NOON, changed_at=NOON,
    )  # fmt: skip


def test_a_window_begins_with_its_start_and_is_over_at_its_end() -> None:
    window = MaintenanceWindow(start=NOON, end=NOON + timedelta(hours=1))
    moments = [timedelta(seconds=s) for s in (-1, 0, 3599, 3600)]
    assert [is_open(window, NOON + moment, SEOUL) for moment in moments] == [False, True, True, False]


def test_times_without_an_offset_are_in_the_windows_zone_else_the_systems() -> None:
    naive = datetime(2025, 3, 1, 21, 0)  # noqa: DTZ001 - as a person writes it
    window = MaintenanceWindow(start=naive, end=naive + timedelta(hours=1))
    assert is_open(window, NOON, SEOUL)
    assert not is_open(window, NOON, BERLIN)
    own = MaintenanceWindow(start=naive, end=naive + timedelta(hours=1), zone="Asia/Seoul")
    assert is_open(own, NOON, BERLIN)


def test_a_weekly_window_is_open_from_its_time_for_its_duration() -> None:
    window = MaintenanceWindow(cron="0 3 * * 0", duration=7200, zone="Asia/Seoul")
    sunday = datetime(2025, 3, 2, 3, 0, tzinfo=SEOUL)
    for offset, expected in ((-1, False), (0, True), (7199, True), (7200, False), (86_400, False), (7 * 86_400, True)):
        assert is_open(window, sunday + timedelta(seconds=offset), None) is expected


@pytest.mark.parametrize("hours", [2.5, 3.5])
def test_a_window_in_the_night_that_clocks_change_is_as_long_as_it_says(hours: float) -> None:
    # On 2025-03-30 there is no 2:30 in Berlin, on 2025-10-26 it is there twice.
    for day in (datetime(2025, 3, 29, 23, 0, tzinfo=UTC), datetime(2025, 10, 25, 22, 0, tzinfo=UTC)):
        window = MaintenanceWindow(cron="30 0 * * *", duration=hours * 3600, zone="Europe/Berlin")
        begin = next(
            day + timedelta(minutes=m) for m in range(0, 180, 30) if is_open(window, day + timedelta(minutes=m), None)
        )
        open_for = sum(is_open(window, begin + timedelta(minutes=m), None) for m in range(0, 600, 10)) / 6
        assert open_for == hours


@given(st.integers(0, 7 * 1440), st.integers(1, 600))
def test_a_daily_window_agrees_with_counting_the_minutes(minute: int, length: int) -> None:
    window = MaintenanceWindow(cron="15 22 * * *", duration=length * 60, zone="UTC")
    now = NOON + timedelta(minutes=minute)
    since = (now - now.replace(hour=22, minute=15)) % timedelta(days=1)
    assert is_open(window, now, None) is (since < timedelta(minutes=length))


def test_a_window_is_for_the_services_and_rules_it_names() -> None:
    web = ServiceSettings(id="web-1", kind="http", tags=("shop",), instance_of="web")
    services = {"web-1": web}

    def concerned(key: str, service: str | None, **names: tuple[str, ...]) -> bool:
        window = MaintenanceWindow(cron="* * * * *", duration=60, **names)  # pyright: ignore[reportArgumentType] - names
        return concerns(window, alert(key, service), services.get)

    assert concerned("cpu_high", None)
    assert concerned("fatal/web-1", "web-1", services=("web-*",))
    assert concerned("fatal/web-1", "web-1", services=("tag:shop",))
    assert concerned("fatal/web-1", "web-1", services=("web",))
    assert concerned("fatal/gone", "gone", services=("gone",)), "also of a service that is no more"
    assert not concerned("cpu_high", None, services=("web-*",)), "of the machine, and not of a service"
    assert concerned("cpu_high/no_data", None, rules=("cpu_*",))
    assert not concerned("disk_high", None, rules=("cpu_*",))
    assert not concerned("fatal/web-1", "web-1", services=("web-1",), rules=("down",))


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"start": NOON},
        {"cron": "0 3 * * *"},
        {"start": NOON, "end": NOON},
        {"start": NOON, "end": NOON, "cron": "0 3 * * *", "duration": 60},
        {"start": NOON, "end": NOON.replace(tzinfo=None) + timedelta(days=1)},
    ],
)
def test_a_window_without_a_shape_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        MaintenanceWindow(**keys)  # pyright: ignore[reportArgumentType] - what is refused
