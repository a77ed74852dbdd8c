"""Durations, sizes and tables for the terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hamster.cli.tables import Row, duration, size, table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0s"),
        (59, "59s"),
        (60, "1m 0s"),
        (3_725, "1h 2m"),
        (86_400, "1d 0h"),
        (10_000_000, "115d 17h"),
    ],
)
def test_a_duration_is_in_its_two_largest_units(seconds: int | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (24_536_678, "23.4 MiB"), (2**40, "1024.0 GiB")],
)
def test_a_size_is_in_a_fitting_unit(count: int | None, text: str) -> None:
    assert size(count) == text


@given(st.text(min_size=1, max_size=60), st.text(max_size=100))
def test_what_a_service_says_is_never_taken_for_markup(service_id: str, error: str) -> None:
    row = Row("one", "running", "running", 7, 1, 0, 1.0, 1, f"[bold]{error}[/nothing]")
    assert "[bold]" in table([row])
    assert table([Row(service_id, "running", "running", None, None, 0, None, None, None)])


def test_the_exact_state_is_shown_where_the_status_is_not_exact() -> None:
    row = Row("one", "starting", "backoff", None, None, 3, None, None, "exit code 1")
    line = table([row]).splitlines()[1]
    assert "starting (backoff)" in line
    assert line.endswith("exit code 1")
