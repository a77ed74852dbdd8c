import random
import signal
import statistics
import sys

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from hamster.demo.flaky import fate, line
from tests.hamster.demo.running import rest, running

MODULE = "hamster.demo.flaky"
ENDS = {"exception": 1, "kill": -signal.SIGKILL, "abort": -signal.SIGABRT} if sys.platform != "win32" else {}


def luck(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 (as the program's own: it guards nothing)


@given(st.integers(), st.floats(0.1, 100), st.floats(0.01, 100))
def test_no_run_is_shorter_than_the_least(seed: int, mean: float, least: float) -> None:
    assert fate(luck(seed), mean, least).seconds >= least


def test_runs_last_twelve_seconds_on_average_and_end_in_every_way() -> None:
    chance = luck(1)
    fates = [fate(chance, 12, 4) for _ in range(20_000)]
    assert statistics.fmean(f.seconds for f in fates) == pytest.approx(12, rel=0.05)
    assert {f.end for f in fates} == {"exception", "kill", "abort"}


def test_it_speaks_in_several_levels() -> None:
    chance = luck(1)
    levels = {line(chance).partition(" ")[0] for _ in range(1000)}
    assert levels == {"DEBUG", "INFO", "WARNING", "ERROR"}


@pytest.mark.slow
@pytest.mark.skipif(not ENDS, reason="signals end programs on POSIX only")
@pytest.mark.parametrize("end", ENDS)
async def test_it_ends_as_its_seed_has_it_and_says_so_before(end: str) -> None:
    seed = next(s for s in range(100) if fate(luck(s), 0.2, 0.1).end == end)
    async with running(MODULE, "--seed", str(seed), "--mean", "0.2", "--least", "0.1", "--every", "0.05") as up:
        assert f"INFO flaky started as process {up.process.pid}" in up.first
        said = await rest(up.process)
        assert await up.process.wait() == ENDS[end]
    assert f"CRITICAL flaky about to end by {end}" in said
    assert ("Traceback" in said) == (end == "exception")
    assert said.count("\n") >= 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be handled there")
async def test_sigterm_is_a_good_end() -> None:
    async with running(MODULE, "--least", "1000") as up:
        up.process.send_signal(signal.SIGTERM)
        with trio.fail_after(2):
            assert await up.process.wait() == 0
