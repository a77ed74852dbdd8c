from __future__ import annotations

import signal

from hypothesis import given
from hypothesis import strategies as st

from actors.services.keeper.ending import GROUP, LEFTOVER_GRACE, REST, SETTLE, Ending

TERM = int(signal.SIGTERM)
KILL = int(signal.SIGKILL)
CONT = int(signal.SIGCONT)


def test_a_stop_signals_the_group_and_wakes_those_who_were_stopped() -> None:
    assert Ending(1.0).stop(TERM, 5.0, 100.0) == [(GROUP, TERM), (GROUP, CONT)]


def test_at_the_end_of_grace_the_group_and_everybody_else_is_killed() -> None:
    ending = Ending(1.0)
    ending.stop(TERM, 5.0, 100.0)
    assert ending.next_at == 105.0
    assert ending.tick(104.9) == []
    assert ending.tick(105.0) == [(GROUP, KILL), (REST, KILL)]


def test_after_the_main_process_the_rest_is_terminated_and_then_killed_at_the_end_of_grace() -> None:
    ending = Ending(1.0)
    ending.stop(TERM, 5.0, 100.0)
    ending.main_gone(101.0)
    assert ending.tick(101.0 + SETTLE) == [(REST, TERM), (REST, CONT)]
    assert ending.next_at == 105.0


def test_what_a_crash_leaves_behind_gets_a_second_at_most() -> None:
    ending = Ending(30.0)
    ending.main_gone(100.0)
    assert ending.tick(100.0 + SETTLE) == [(REST, TERM), (REST, CONT)]
    assert ending.next_at == 100.0 + SETTLE + LEFTOVER_GRACE


def test_a_second_stop_brings_the_end_forward_but_never_back() -> None:
    ending = Ending(1.0)
    ending.stop(TERM, 5.0, 100.0)
    ending.stop(TERM, 60.0, 101.0)
    assert ending.next_at == 105.0
    ending.stop(TERM, 1.0, 101.0)
    assert ending.next_at == 102.0


def test_a_stop_without_grace_is_a_kill() -> None:
    assert Ending(1.0).stop(TERM, 0.0, 100.0) == [(GROUP, KILL)]


# A step: what happens, and how many seconds after the step before.
STEPS = st.lists(
    st.tuples(st.sampled_from(["stop", "kill", "main_gone", "tick"]), st.floats(0.0, 4.0), st.floats(0.0, 8.0))
)


@given(st.floats(0.0, 10.0), STEPS)
def test_once_killing_nothing_milder_follows_and_it_never_rests(
    grace: float, steps: list[tuple[str, float, float]]
) -> None:
    ending = Ending(grace)
    now = 0.0
    for step, pause, stop_grace in steps:
        now += pause
        was_killing = ending.killing
        match step:
            case "stop":
                acts = ending.stop(TERM, stop_grace, now)
            case "kill":
                acts = ending.kill(now)
            case "main_gone":
                ending.main_gone(now)
                acts = []
            case _:
                acts = ending.tick(now)
        if was_killing:
            assert {number for _, number in acts} <= {KILL}
            assert ending.killing
        if ending.killing:
            assert ending.next_at is not None


@given(st.floats(0.0, 10.0), STEPS)
def test_every_end_that_began_is_a_kill_by_the_earliest_promise(
    grace: float, steps: list[tuple[str, float, float]]
) -> None:
    ending = Ending(grace)
    now = 0.0
    promise: float | None = None
    for step, pause, stop_grace in steps:
        now += pause
        match step:
            case "stop":
                ending.stop(TERM, stop_grace, now)
                promise = now + stop_grace if promise is None else min(promise, now + stop_grace)
            case "kill":
                ending.kill(now)
                promise = now if promise is None else min(promise, now)
            case "main_gone":
                ending.main_gone(now)
                due = now + SETTLE + LEFTOVER_GRACE
                promise = due if promise is None else promise
            case _:
                ending.tick(now)
        if promise is not None and now >= promise:
            ending.tick(now)
            assert ending.killing
