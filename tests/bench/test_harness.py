import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.harness import Taken, answer, judged_by, one_core, ratios, reached, spread_of
from bench.question import Better, Side, Target
from tests.bench.sides import absent, giving, question

POSITIVE = st.floats(min_value=1e-6, max_value=1e9)


def taken(side: str, *values: float | None) -> Taken:
    return Taken(side, tuple(None if value is None else {"": value} for value in values))


@given(st.lists(POSITIVE, min_size=1))
def test_half_of_the_values_lie_on_either_side_of_the_median_and_all_within_the_spread(values: list[float]) -> None:
    found = spread_of(values)
    assert found is not None
    assert (found.low, found.high) == (min(values), max(values))
    assert sum(value <= found.median for value in values) * 2 >= len(values)
    assert sum(value >= found.median for value in values) * 2 >= len(values)


def test_no_values_have_no_median() -> None:
    assert spread_of([]) is None


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1))
def test_a_ratio_is_ours_by_the_peers_within_each_round(rounds: list[tuple[float, float]]) -> None:
    ours, peer = taken("ours", *(a for a, _ in rounds)), taken("peer", *(b for _, b in rounds))
    assert ratios(ours, peer, "") == [a / b for a, b in rounds]


def test_a_machine_that_slows_down_in_one_round_does_not_change_the_ratio() -> None:
    ours, peer = taken("ours", 100.0, 10.0, 100.0), taken("peer", 50.0, 5.0, 50.0)
    assert ratios(ours, peer, "") == [2.0, 2.0, 2.0]


def test_a_round_that_one_side_lacks_has_no_ratio() -> None:
    ours, peer = taken("ours", 1.0, None, 4.0, 6.0), taken("peer", 2.0, 2.0, None, 0.0)
    assert ratios(ours, peer, "") == [0.5]


@pytest.mark.parametrize(
    ("better", "value", "expected"),
    [
        (Better.HIGHER, 2.0, True),
        (Better.HIGHER, 2.1, True),
        (Better.HIGHER, 1.9, False),
        (Better.LOWER, 2.0, True),
        (Better.LOWER, 1.9, True),
        (Better.LOWER, 2.1, False),
    ],
)
def test_a_target_is_a_least_or_a_greatest_value(better: Better, value: float, expected: bool) -> None:
    assert reached(Target(2.0), better, value) is expected


def test_a_target_against_a_peer_is_about_the_ratio_and_any_other_about_our_value() -> None:
    ours, peers = taken("ours", 6.0), [taken("slow", 1.0), taken("fast", 3.0)]
    against = question(giving("ours", []), target=Target(1.0, "fast")).figures[0]
    alone = question(giving("ours", []), target=Target(1.0)).figures[0]
    unknown = question(giving("ours", []), target=Target(1.0, "somebody")).figures[0]
    assert judged_by(against, ours, peers) == spread_of([2.0])
    assert judged_by(alone, ours, peers) == spread_of([6.0])
    assert judged_by(unknown, ours, peers) is None


def test_sides_take_turns_and_every_second_round_goes_the_other_way_round() -> None:
    calls: list[str] = []
    ours, peer = giving("ours", [1.0] * 3, calls), giving("peer", [1.0] * 3, calls)
    answer(question(ours, peer), quick=False)
    assert calls == ["ours", "peer", "peer", "ours", "ours", "peer"]


def test_the_warm_up_is_thrown_away_and_the_size_of_a_quick_run_is_its_own() -> None:
    sizes: list[int] = []

    def run(size: int) -> dict[str, float]:
        sizes.append(size)
        return {"": float(size)}

    base = question(Side("ours", run), rounds=2)
    asked = type(base)(base.name, base.text, base.figures, base.ours, (), 100, 10, 3, 2, 1)
    found = answer(asked, quick=True)
    assert sizes == [1, 10, 10]
    assert found.ours.values("") == [10.0, 10.0]


def test_an_absent_peer_is_asked_once_and_the_others_are_measured() -> None:
    found = answer(question(giving("ours", [1.0] * 3), absent("peer"), giving("other", [2.0] * 3)), quick=False)
    peer, other = found.peers
    assert (peer.absent, peer.values("")) == ("peer is not installed", [])
    assert ratios(found.ours, other, "") == [0.5] * 3
    assert not found.failed


def test_a_side_that_fails_once_keeps_its_other_rounds_and_says_why() -> None:
    found = answer(question(giving("ours", [1.0, ValueError("no apples"), 3.0])), quick=False)
    assert found.ours.values("") == [1.0, 3.0]
    assert found.ours.failed == "ValueError: no apples"
    assert found.failed


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot keep a process on a core")
def test_a_process_is_kept_on_one_core_for_the_time_of_the_block_alone() -> None:
    before = os.sched_getaffinity(0)
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
