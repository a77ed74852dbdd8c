"""How much of the time a service was up, against counting every second by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services.uptime import WINDOWS, Mark, Share, share, shares

LIFE = 9
"""The one that goes on."""


def second_by_second(marks: list[Mark], start: int, end: int) -> Share:
    """The same by looking at each second of each life."""
    counted = up = 0
    for life in {mark.life for mark in marks}:
        own = [mark for mark in marks if mark.life == life]
        for second in range(start, end):
            before = [mark for mark in own if mark.at <= second]
            over = life != LIFE and len(before) == len(own)
            if before and not over and before[-1].counted:
                counted += 1
                up += before[-1].up
    return Share(float(counted), float(up))


@st.composite
def histories(draw: st.DrawFn) -> list[Mark]:
    """Some lives in the order they were lived, which may overlap: somebody set the clock back in between."""
    found: list[Mark] = []
    for life in draw(st.permutations([1, 2, LIFE]))[: draw(st.integers(1, 3))]:
        times = sorted(draw(st.lists(st.integers(0, 60), max_size=8)))
        found += [Mark(life, float(at), draw(st.booleans()), draw(st.booleans())) for at in times]
    return found


@pytest.mark.slow
@given(histories(), st.integers(0, 60), st.integers(0, 60))
def test_every_second_is_counted_as_it_was(marks: list[Mark], one: int, other: int) -> None:
    start, end = sorted((one, other))
    assert share(marks, float(start), float(end), LIFE) == second_by_second(marks, start, end)


TIMES = st.floats(-1e10, 1e10)


@given(st.lists(st.builds(Mark, st.integers(1, 3), TIMES, st.booleans(), st.booleans()), max_size=20), TIMES)
def test_whatever_the_clock_did_it_is_a_percentage_or_nothing(marks: list[Mark], now: float) -> None:
    for found in shares(marks, now, 1).values():
        assert 0.0 <= found.up <= found.counted
        assert found.percent is None if found.counted == 0.0 else 0.0 <= (found.percent or 0.0) <= 100.0


def test_a_moment_down_is_never_a_hundred_percent() -> None:
    assert Share(86_400.0 * 30, 86_400.0 * 30 - 0.001).percent == 99.999
    assert Share(10.0, 10.0).percent == 100.0
    assert Share(0.0, 0.0).percent is None


def test_what_was_not_watched_is_not_counted() -> None:
    marks = [Mark(1, 0.0, True, True), Mark(1, 50.0, False, True), Mark(LIFE, 90.0, True, False)]
    assert share(marks, 0.0, 100.0, LIFE) == Share(60.0, 50.0)
    assert set(shares(marks, 100.0, LIFE)) == set(WINDOWS) == {"24h", "7d", "30d"}
