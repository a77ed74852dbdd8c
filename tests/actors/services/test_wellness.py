"""What the answers of probes come to, and the memory of a tree of processes."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import ProcessOptions
from actors.services import Health
from actors.services.memory import tree_memory
from actors.services.probing import Look
from actors.services.wellness import Wellness
from actors.settings import AliveOptions, ReadyOptions
from tests.actors.metrics.children import python, said

GOOD, BAD = Look(True, "good", 0.0), Look(False, "bad", 0.0)
BLIND = Look(False, "no more files", 0.0, ours=True)

READY = ReadyOptions(tcp="localhost:1", failures=2, successes=2)
ALIVE = AliveOptions(tcp="localhost:1", failures=2, successes=1)


def options(ready: ReadyOptions | None = None, alive: AliveOptions | None = None) -> ProcessOptions:
    return ProcessOptions(command=("true",), ready=ready, alive=alive)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=12))
def test_it_is_ready_from_the_first_time_that_enough_good_answers_came_in_a_row(answers: list[bool]) -> None:
    wellness = Wellness()
    for at, ok in enumerate(answers):
        wellness.hear_ready(GOOD if ok else BAD, READY, float(at))
    expected = next((k for k in range(1, len(answers)) if answers[k - 1] and answers[k]), None)
    assert wellness.ready_at == expected
    health, _ = wellness.health(options(ready=READY))
    if expected is None:
        assert health is Health.UNKNOWN, "not ready yet is no illness"
    else:
        # Whoever was ready is well until two bad answers in a row, and again after two good ones.
        well = True
        for before, now in zip(answers[expected:], answers[expected + 1 :], strict=False):
            well = now if before == now else well
        assert (health is Health.HEALTHY) == well


def test_who_is_not_alive_is_unhealthy_however_ready_it_is_and_the_answer_is_said() -> None:
    wellness = Wellness()
    wellness.is_ready("listening", 1.0)
    both = options(READY, ALIVE)
    assert wellness.health(both) == (Health.HEALTHY, "listening")
    wellness.hear_alive(BAD, ALIVE, 2.0)
    assert wellness.health(both)[0] is Health.HEALTHY, "one bad answer is not enough"
    wellness.hear_alive(BAD, ALIVE, 3.0)
    assert wellness.health(both) == (Health.UNHEALTHY, "bad")


def test_what_we_could_not_look_at_is_not_held_against_the_service() -> None:
    wellness = Wellness()
    wellness.hear_alive(GOOD, ALIVE, 0.0)
    for at in range(50):
        wellness.hear_alive(BLIND, ALIVE, float(at))
    assert wellness.alive.health is Health.UNKNOWN


def test_without_probes_nothing_is_known() -> None:
    assert Wellness().health(options()) == (Health.UNKNOWN, None)


def test_memory_counts_looks_in_a_row() -> None:
    wellness = Wellness()
    for used, over in ((9, 0), (11, 1), (10, 0), (11, 1), (12, 2)):
        wellness.see_memory(used, 10)
        assert (wellness.memory, wellness.memory_over) == (used, over)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_memory_of_a_tree_is_that_of_all_below_the_parent() -> None:
    """The parent here is this test itself, with whatever children it has: at least the one of 50 MB."""
    code = "taken = bytearray(b'x') * 50_000_000; print('up', flush=True); import time; time.sleep(1000)"
    async with python(code) as child:
        await said(child)
        used = tree_memory(child.pid)
        assert used is not None
        assert used > 50_000_000
    assert tree_memory(child.pid) is None
