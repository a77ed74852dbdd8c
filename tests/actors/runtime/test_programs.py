"""Random programs break none of the runtime's promises, and those who look for broken ones would see them."""

import os

import attrs
import pytest
import trio

from actors.testing import run_seeded
from tests.actors.runtime.programs.generate import generate
from tests.actors.runtime.programs.judge import judge, report
from tests.actors.runtime.programs.world import run

PROGRAMS = int(os.environ.get("PROGRAMS", "3000"))
"""About 25 s of them on one core."""
SLICES = 10
"""So that a failure is reported before all have run, and no single test takes long."""


@pytest.mark.slow
@pytest.mark.parametrize("part", range(SLICES))
def test_random_programs_break_no_promise(part: int) -> None:
    for seed in range(part, PROGRAMS, SLICES):
        program = generate(seed)
        found = judge(program)
        assert not found, report(program, found)


ONCE_BROKEN = (42445,)
"""Seeds beyond the usual ones that found something: a crash while everything was cancelled left the whole tree."""


@pytest.mark.parametrize("seed", ONCE_BROKEN)
def test_what_a_program_once_broke_stays_mended(seed: int) -> None:
    program = generate(seed)
    found = judge(program)
    assert not found, report(program, found)


def test_a_program_runs_the_same_way_every_time() -> None:
    for seed in range(20):
        first, second = (run(generate(seed)) for _ in range(2))
        assert [(str(call), call.outcome, call.began, call.ended_at) for call in first.calls] == [
            (str(call), call.outcome, call.began, call.ended_at) for call in second.calls
        ]
        assert [(told.order, told.at, type(told.event)) for told in first.told] == [
            (told.order, told.at, type(told.event)) for told in second.told
        ]


def test_the_programs_do_everything_that_can_go_wrong() -> None:
    outcomes: set[str | None] = set()
    finishes: set[str | None] = set()
    restarted = escalated = lagged = merged = False
    for seed in range(400):
        history = run(generate(seed))
        outcomes.update(call.outcome for call in history.calls)
        finishes.update(call.finished for call in history.calls)
        restarted |= any(len(life.incarnations) > 1 for life in history.lives)
        escalated |= history.escalated
        lagged |= any(not isinstance(entry, int) for record in history.listeners for entry in record.received)
        merged |= any(tick.missed for record in history.timers for tick, _ in record.ticks)
    assert outcomes >= {
        "told",
        "refused",
        "answered",
        "cancelled",
        "DeclaredError",
        "ActorCrashed",
        "ActorStopped",
        "ActorRestarting",
        "MailboxFull",
        "AskCycle",
        "AskTimeout queued",
        "AskTimeout running",
    }
    assert finishes == {"handled", "declared", "crashed", "interrupted", None}
    assert (restarted, escalated, lagged, merged) == (True, True, True, True)


def test_a_seed_decides_the_order_of_steps_and_the_clock_is_virtual() -> None:
    async def race() -> tuple[list[int], float]:
        order: list[int] = []

        async def runner(number: int) -> None:
            await trio.sleep(3600.0)
            order.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(runner, number)
        return order, trio.current_time()

    runs = {seed: run_seeded(seed, race) for seed in range(5)}
    assert all(run_seeded(seed, race) == (order, 3600.0) for seed, (order, _) in runs.items())
    assert len({tuple(order) for order, _ in runs.values()}) > 1


def test_a_report_names_the_seed_and_how_to_run_it_again() -> None:
    program = generate(7)
    told = report(program, ["4: out of order"])
    assert "4: out of order" in told
    assert "python -m tests.actors.runtime.programs 7" in told
    assert all(attrs.asdict(actor)["name"] in told for actor in program.actors)
