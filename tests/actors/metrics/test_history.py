"""The history: against a plain list that does everything the slow way."""

from datetime import UTC, datetime, timedelta, timezone
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.metrics import MAX_POINTS, History, HistorySettingRefused, NaiveInstant, Sample
from actors.metrics.history import MAX_STEP_S, bucket_width

START = datetime(2024, 1, 1, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

figures = st.none() | st.floats(0, 100)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sample(seconds: float, cpu: float | None = 1.0) -> Sample:
    return Sample(taken_at=at(seconds), cpu_percent=cpu)


def filled(*seconds: float, interval: float = 1.0) -> History:
    history = History(10_000, interval)
    for second in seconds:
        history.append(sample(second))
    return history


# Instants in any order: the wall clock may be set back at any time.
samples = st.lists(st.builds(sample, st.floats(-500, 500), figures), max_size=40)


@given(samples, st.integers(1, 20), st.integers(0, 50))
def test_it_holds_the_last_by_arrival_and_never_more_than_its_capacity(
    arrivals: list[Sample], capacity: int, limit: int
) -> None:
    history = History(capacity * 2.0, 2.0)
    assert history.capacity == capacity
    for arrival in arrivals:
        history.append(arrival)
    kept = arrivals[-capacity:]
    assert len(history) == len(kept)
    assert history.last(limit) == (kept[-limit:] if limit else [])
    assert history.clear() == len(kept)
    assert (len(history), history.last(10), history.clear()) == (0, [], 0)


@given(samples, st.floats(-600, 600), st.floats(-600, 600))
def test_without_a_step_each_sample_of_the_range_is_a_point_oldest_first(
    arrivals: list[Sample], start: float, end: float
) -> None:
    history = History(100, 1.0)
    for arrival in arrivals:
        history.append(arrival)
    points = history.between(at(start), at(end))
    expected = sorted(
        (arrival.taken_at for arrival in arrivals if at(start) <= arrival.taken_at <= at(end)),
    )
    assert [point.at for point in points] == expected
    assert all(point.samples == 1 for point in points)
    assert sorted(point.cpu_percent or 0.0 for point in points) == sorted(
        arrival.cpu_percent or 0.0 for arrival in arrivals if at(start) <= arrival.taken_at <= at(end)
    )


@given(samples, st.floats(-600, 600), st.floats(0, 1200), st.floats(1, 300))
def test_with_a_step_each_point_is_the_mean_of_its_bucket(
    arrivals: list[Sample], start: float, length: float, step: float
) -> None:
    history = History(100, 1.0)
    for arrival in arrivals:
        history.append(arrival)
    since, until = at(start), at(start + length)
    width = bucket_width(since, until, step, 1.0)
    buckets: dict[datetime, list[Sample]] = {}
    for arrival in arrivals:
        if since <= arrival.taken_at <= until:
            number = (arrival.taken_at - EPOCH) // width
            buckets.setdefault(max(since, EPOCH + number * width), []).append(arrival)

    points = history.between(since, until, step)

    assert [point.at for point in points] == sorted(buckets)
    for point in points:
        bucket = buckets[point.at]
        known = [found.cpu_percent for found in bucket if found.cpu_percent is not None]
        assert point.samples == len(bucket)
        assert point.cpu_percent == (pytest.approx(fmean(known)) if known else None)
        assert point.memory_percent is None


@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # bounds
    st.timedeltas(timedelta(0), timedelta(days=4000)),
    st.none() | st.floats(1e-9, MAX_STEP_S),
    st.floats(0.01, 3600),
)
def test_no_range_touches_more_buckets_than_a_chart_may_have(
    start: datetime, length: timedelta, step: float | None, interval: float
) -> None:
    width = bucket_width(start, start + length, step, interval)
    assert width >= timedelta(seconds=step or interval)
    assert (start + length - EPOCH) // width - (start - EPOCH) // width + 1 <= MAX_POINTS


def test_a_long_range_is_thinned_to_whole_intervals_and_loses_no_sample() -> None:
    history = filled(*range(0, 20_000, 2), interval=2.0)
    held = history.last(20_000)
    points = history.between(held[0].taken_at, held[-1].taken_at)
    assert len(points) <= MAX_POINTS
    assert sum(point.samples for point in points) == len(held) == history.capacity == 5_000
    # Whole buckets hold the same number of samples; the first and the last are cut off.
    assert len({point.samples for point in points[1:-1]}) == 1
    assert not any(point.after_gap for point in points)


def test_a_chart_drawn_again_later_has_the_same_buckets() -> None:
    history = filled(*range(100))
    one = history.between(at(0), at(90), 10.0)
    two = history.between(at(7), at(97), 10.0)
    assert [point for point in one if point.at >= at(10)] == [point for point in two if at(10) <= point.at < at(90)] + [
        one[-1]
    ]


def test_a_gap_stays_a_gap() -> None:
    history = filled(0, 1, 2, 10, 11, 13)
    assert [(point.at, point.after_gap) for point in history.between(at(0), at(20))] == [
        (at(0), False),
        (at(1), False),
        (at(2), False),
        (at(10), True),
        (at(11), False),
        (at(13), False),
    ]
    bucketed = history.between(at(0), at(20), 3.0)
    assert [(point.at, point.samples, point.after_gap) for point in bucketed] == [
        (at(0), 3, False),
        (at(9), 2, True),
        (at(12), 1, False),
    ]


def test_after_the_clock_went_back_the_chart_is_by_instant_and_the_list_by_arrival() -> None:
    history = filled(100, 101, 102, 40, 41)
    assert [found.taken_at for found in history.last(3)] == [at(102), at(40), at(41)]
    assert [point.at for point in history.between(at(0), at(200))] == [
        at(40),
        at(41),
        at(100),
        at(101),
        at(102),
    ]
    assert [point.at for point in history.between(at(0), at(41))] == [at(40), at(41)]


def test_a_range_may_be_in_any_zone() -> None:
    seoul = timezone(timedelta(hours=9))
    points = filled(0, 1, 2).between(at(1).astimezone(seoul), at(1).astimezone(seoul))
    assert [point.at for point in points] == [at(1)]


def test_a_range_that_ends_before_it_starts_is_empty() -> None:
    assert filled(0, 1, 2).between(at(2), at(0)) == []
    assert filled(0, 1, 2).between(at(2), at(0), 5.0) == []


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan"), float("inf"), MAX_STEP_S + 1])
def test_a_step_without_sense_is_refused_by_name(step: float) -> None:
    with pytest.raises(HistorySettingRefused, match="step is") as refused:
        filled(0).between(at(0), at(1), step)
    assert refused.value.setting == "step"


def test_settings_without_sense_are_refused_by_name() -> None:
    with pytest.raises(HistorySettingRefused, match=r"seconds is 0; expected .* above 0"):
        History(0, 1.0)
    with pytest.raises(HistorySettingRefused, match="interval is -1"):
        History(10, -1)
    with pytest.raises(HistorySettingRefused, match="limit is -1"):
        filled(0).last(-1)


def test_a_range_without_an_offset_is_refused() -> None:
    with pytest.raises(NaiveInstant, match="start"):
        filled(0).between(at(0).replace(tzinfo=None), at(1))


@pytest.mark.parametrize(("seconds", "interval", "capacity"), [(600, 0.1, 6000), (600, 7, 86), (1, 5, 1)])
def test_the_capacity_is_what_the_time_holds(seconds: float, interval: float, capacity: int) -> None:
    assert History(seconds, interval).capacity == capacity
