import io

import pytest
from rich.console import Console

from bench.harness import answer
from bench.question import Better, Target
from bench.table import Row, rows, shown, table
from tests.bench.sides import absent, giving, question


def test_a_row_has_both_sides_the_ratio_the_target_its_spread_and_whether_it_is_reached() -> None:
    asked = question(giving("ours", [10.0, 20.0, 60.0]), giving("peer", [10.0] * 3), target=Target(1.5, "peer"))
    (row,) = rows(answer(asked, quick=False))
    assert row == Row("how fast", "20 apples", "peer: 10 apples", "2", ">= 1.5", "1 .. 6", "yes")


def test_a_target_of_our_own_is_shown_with_its_unit_and_our_own_spread() -> None:
    asked = question(giving("ours", [8.0, 9.0, 12.0]), target=Target(5.0), better=Better.LOWER)
    (row,) = rows(answer(asked, quick=False))
    assert row == Row("how fast", "9 apples", "-", "-", "<= 5 apples", "8 .. 12", "no")


def test_the_target_stands_beside_the_peer_it_is_against() -> None:
    sides = (giving("ours", [4.0] * 3), giving("slow", [1.0] * 3), giving("fast", [2.0] * 3))
    first, second = rows(answer(question(*sides, target=Target(3.0, "fast")), quick=False))
    assert (first.question, first.ours, first.ratio, first.target, first.reached) == (
        "how fast",
        "4 apples",
        "4",
        "-",
        "-",
    )
    assert (second.question, second.ours, second.ratio, second.target, second.reached) == ("", "", "2", ">= 3", "no")


def test_an_absent_peer_is_shown_as_absent_and_its_target_as_unknown() -> None:
    asked = question(giving("ours", [1.0] * 3), absent("peer"), target=Target(1.0, "peer"))
    (row,) = rows(answer(asked, quick=False))
    assert row.peer == "peer: absent (peer is not installed)"
    assert (row.ratio, row.spread, row.target, row.reached) == ("-", "-", ">= 1", "-")


def test_a_side_that_always_fails_is_shown_with_the_reason() -> None:
    asked = question(giving("ours", [1.0] * 3), giving("peer", [OSError("gone")] * 3))
    (row,) = rows(answer(asked, quick=False))
    assert row.peer == "peer: failed (OSError: gone)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (0.005239, "0.00524"),
        (7.0, "7"),
        (99.44, "99.4"),
        (123.4, "123"),
        (9_876.0, "9876"),
        (27_849.0, "27.8k"),
        (3_420_253.0, "3.42M"),
    ],
)
def test_numbers_are_shown_with_three_digits(value: float, expected: str) -> None:
    assert shown(value) == expected


def test_the_table_is_drawn_with_every_row() -> None:
    asked = question(giving("ours", [1.0] * 3), giving("peer", [2.0] * 3), absent("other"))
    file = io.StringIO()
    Console(file=file, width=120).print(table("fruit", [answer(asked, quick=False)]))
    drawn = file.getvalue()
    for text in ("fruit", "how fast", "1 apples", "peer: 2 apples", "0.5", "other: absent (other is not installed)"):
        assert text in drawn
