"""Random programs against twenty real services: after every step exactly the wanted processes live."""

import os
from collections.abc import Sequence

import pytest
import trio
from hypothesis import HealthCheck, example, given, settings

from actors import open_system
from tests.actors.services.fleet.fleet import Fleet
from tests.actors.services.fleet.plan import (
    Add,
    AtOnce,
    Change,
    Command,
    Kill,
    KillKeeper,
    Model,
    Remove,
    Step,
    programs,
)
from tests.actors.services.yard import Yard, seeded

EXAMPLES = int(os.environ.get("HAMSTER_FLEET_EXAMPLES", "8"))
"""Programs that are run; more of them find more."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
@given(program=programs)
@example(program=[KillKeeper(), Command("stop", 3), Kill(0), Change(7, process=True), Remove(8), Add(8)])
async def test_after_every_step_exactly_the_wanted_processes_live(
    tmp_path_factory: pytest.TempPathFactory, program: Sequence[Step]
) -> None:
    yard = Yard(tmp_path_factory.mktemp("fleet"))
    with trio.fail_after(120):
        async with open_system(yard.settings(), random=seeded()) as system:
            fleet = Fleet(yard, system)
            await fleet.begin()
            for step in program:
                await fleet.take(step)
    assert yard.processes() == []


def test_the_model_knows_what_a_restart_a_removal_and_a_contradiction_mean() -> None:
    model = Model()
    model.apply(Command("start", 1))
    assert model.services[1].up
    model.apply(Command("restart", 1))
    assert (model.services[1].restarted, model.services[1].kept) == (True, False)
    assert model.services[2].kept
    model.apply(AtOnce((Command("stop", 1), Command("start", 1))))
    assert model.services[1].either
    model.apply(Remove(1))
    assert not model.services[1].configured
