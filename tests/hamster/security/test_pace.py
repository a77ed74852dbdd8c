from hypothesis import given
from hypothesis import strategies as st

from hamster.security.pace import Pace, Rate, conform

# Eighths of a second are exact, so that the twin needs no tolerance.
rates = st.builds(Rate, st.sampled_from([0.5, 1.0, 2.0, 4.0]), st.integers(1, 6))
gaps = st.lists(st.integers(0, 24).map(lambda n: n / 8), max_size=60)


class Bucket:
    """The same as a bucket that leaks: its level falls with time, each request pours in one."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._level = 0.0
        self._at = 0.0

    def take(self, now: float) -> bool:
        self._level = max(0.0, self._level - (now - self._at) * self._rate.per_second)
        self._at = now
        if self._level + 1 > self._rate.burst:
            return False
        self._level += 1
        return True


@given(rates, gaps)
def test_it_lets_through_what_a_leaking_bucket_does(rate: Rate, gaps: list[float]) -> None:
    bucket, arrival, now = Bucket(rate), None, 0.0
    for gap in gaps:
        now += gap
        arrival, wait = conform(rate, arrival, now)
        assert (wait == 0.0) is bucket.take(now)


@given(rates, gaps)
def test_who_waits_as_long_as_told_gets_through_and_nobody_sooner(rate: Rate, gaps: list[float]) -> None:
    arrival, now = None, 1_000.0
    for gap in gaps:
        now += gap
        arrival, wait = conform(rate, arrival, now)
        if wait:
            assert conform(rate, arrival, now + wait)[1] == 0.0
            assert conform(rate, arrival, now + wait - 1 / 16)[1] > 0.0


@given(rates, gaps)
def test_in_any_time_no_more_get_through_than_the_burst_and_the_rate(rate: Rate, gaps: list[float]) -> None:
    arrival, now, passed = None, 0.0, list[float]()
    for gap in gaps:
        now += gap
        arrival, wait = conform(rate, arrival, now)
        if not wait:
            passed.append(now)
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= rate.burst + (passed[last] - start) * rate.per_second


def test_one_caller_is_not_held_up_by_another() -> None:
    pace = Pace(Rate(1.0, 1))
    assert pace.take("a", 0.0) == 0.0
    assert pace.take("a", 0.5) == 0.5
    assert pace.take("b", 0.5) == 0.0


def test_what_was_given_back_can_be_taken_again() -> None:
    pace = Pace(Rate(1.0, 1))
    pace.take("a", 0.0)
    pace.give_back("a")
    assert pace.take("a", 0.0) == 0.0


def test_a_flood_of_callers_is_remembered_within_a_bound() -> None:
    pace = Pace(Rate(1.0, 1), most=100)
    for number in range(1_000):
        pace.take(str(number), 0.0)
    assert len(pace) == 100
    assert pace.take("999", 0.0) == 1.0


def test_those_who_rested_are_forgotten_first() -> None:
    pace = Pace(Rate(1.0, 1), most=2)
    pace.take("rested", 0.0)
    pace.take("busy", 5.0)
    pace.take("new", 5.5)
    assert pace.wait("busy", 5.5) == 0.5
