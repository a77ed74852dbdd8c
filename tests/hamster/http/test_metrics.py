"""Figures in the contract's JSON; over real sockets they are in `end_to_end`."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from actors.metrics.messages import Readings
from actors.metrics.records import Point, Sample
from actors.metrics.stability import ServiceFailure, StabilityView
from actors.runtime import Cell
from hamster.http.metrics import first_readings, read_span, sample_of
from hamster.http.metrics_models import metrics_model, performance_model, stability_model
from hamster.http.parameters import reading
from hamster.http.problems import HttpProblem, InvalidRequest
from hamster.http.times import stamper
from tests.hamster.http.showcase import SEOUL
from tests.hamster.http.test_times import NOON

STAMP = stamper(SEOUL)
FIGURES = st.none() | st.floats(0, 100)


def encoded(model: object) -> dict[str, object]:
    return msgspec.json.decode(msgspec.json.encode(model), type=dict[str, object])


@given(FIGURES, FIGURES, st.none() | st.floats(0, 1e9))
def test_the_contracts_figures_are_numbers_whatever_the_machine_gives(
    cpu: float | None, disk: float | None, uptime: float | None
) -> None:
    sample = Sample(taken_at=NOON, cpu_percent=cpu, disk_percent=disk, machine_uptime=uptime)
    found = encoded(metrics_model(sample, STAMP))
    keys = ["cpu_percent", "memory_percent", "disk_usage", "network_status", "uptime", "active_services", "timestamp"]
    assert list(found)[:7] == keys
    assert isinstance(found["cpu_percent"], float)
    assert isinstance(found["disk_usage"], float)
    assert isinstance(found["uptime"], int)
    assert found["timestamp"] == "2024-01-01T21:00:00.000+09:00"


def test_a_chart_has_lists_of_one_length_and_the_newest_totals() -> None:
    gap = Point(
        at=NOON, samples=1, after_gap=True, cpu_percent=None, memory_percent=2.0, disk_percent=None,
        disk_read_per_second=None, disk_write_per_second=None, net_sent_per_second=None, net_recv_per_second=None,
        network_usage=None,
    )  # fmt: skip
    found = encoded(performance_model([gap, gap], Sample(taken_at=NOON, disk_read_bytes=7), STAMP))
    assert (found["cpu_usage"], found["memory_usage"]) == ([0.0, 0.0], [2.0, 2.0])
    assert found["disk_io"] == {
        "read_bytes": 7,
        "write_bytes": 0,
        "read_bytes_per_second": None,
        "write_bytes_per_second": None,
    }
    assert found["timestamps"] == ["2024-01-01T21:00:00.000+09:00"] * 2


def test_a_failure_is_told_without_its_secrets() -> None:
    failure = ServiceFailure(service_id="one", error="password=hunter2", timestamp=NOON, resolved=True)
    view = StabilityView(error_count=3, recovery_count=1, failures=(failure,), dropped_failures=0)
    found = encoded(stability_model(view, Readings(health="critical", judged_at=NOON), STAMP))
    assert found == {
        "error_count": 3,
        "recovery_count": 1,
        "last_health_check": "2024-01-01T21:00:00.000+09:00",
        "system_health": "critical",
        "service_failures": [
            {
                "service_id": "one",
                "error": "password=***",
                "timestamp": "2024-01-01T21:00:00.000+09:00",
                "resolved": True,
            }
        ],
    }


def span(**parameters: str) -> tuple[datetime, datetime, float | None]:
    with reading(MultiDict(parameters)) as query:
        found = read_span(query, SEOUL or UTC, NOON)
    return found.start, found.end, found.step


def test_a_chart_is_of_the_last_ten_minutes_unless_it_is_said() -> None:
    assert span() == (NOON - timedelta(minutes=10), NOON, None)
    assert span(time_range="7d") == (NOON - timedelta(days=7), NOON, None)
    morning = datetime(2024, 1, 1, 0, 0, tzinfo=UTC)  # 9 o'clock in Seoul
    assert span(**{"from": "2024-01-01T09:00:00", "step": "60"}) == (morning, NOON, 60.0)
    assert span(to="2024-01-01T09:00:00") == (morning - timedelta(minutes=10), morning, None)


@pytest.mark.parametrize("name", ["from", "to"])
@given(at=st.datetimes(timezones=st.sampled_from([UTC])))
def test_any_time_is_a_span_or_a_400(name: str, at: datetime) -> None:
    for text in (
        at.isoformat(),
        at.isoformat().replace("+00:00", "-14:00"),
        at.isoformat().replace("+00:00", "+14:00"),
    ):
        try:
            start, end, _ = span(**{name: text})
        except InvalidRequest as refused:
            assert [problem.field for problem in refused.problems] == ["from"]  # noqa: PT017 - or none is raised
        else:
            assert start <= end


async def test_the_first_sample_is_waited_for_a_moment(autojump_clock: trio.testing.MockClock) -> None:
    cell = Cell(Readings())
    sample = Sample(taken_at=NOON)

    async def take() -> None:
        cell.set(Readings(health="healthy"))  # judged, without a sample
        await trio.sleep(0.5)
        cell.set(Readings(sample))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        found = await first_readings(cell)
    assert (sample_of(found), trio.current_time()) == (sample, pytest.approx(trio.current_time()))


async def test_a_machine_that_cannot_be_sampled_is_503(autojump_clock: trio.testing.MockClock) -> None:
    begun = trio.current_time()
    readings = await first_readings(Cell(Readings()))
    assert trio.current_time() - begun == pytest.approx(3.0)
    with pytest.raises(HttpProblem) as refused:
        sample_of(readings)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "2"})
