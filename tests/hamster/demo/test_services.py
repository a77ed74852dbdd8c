import sys
from pathlib import Path

import pytest

from actors.settings import SystemSettings
from hamster.defaults import contract_services
from hamster.demo.services import demo_services
from tests.hamster.demo.running import running


def test_the_demo_stands_beside_the_services_of_the_contract() -> None:
    services = (*contract_services(), *demo_services(newsroom_port=8090))
    system = SystemSettings(data_dir=Path("/data"), services=services)
    started = [service.id for service in system.services if service.autostart]
    assert started == ["webhook_system", "newsroom", "flaky"]


def test_flaky_cannot_reach_its_fatal_limit_by_its_own_bad_luck() -> None:
    flaky = demo_services(newsroom_port=8090)[1].process
    assert flaky is not None
    shortest = 4.0  # seconds a run lasts at least; with no pause between runs at all:
    assert flaky.fatal_window / shortest < flaky.fatal_failures


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
async def test_each_command_runs_as_it_stands(index: int) -> None:
    process = demo_services(newsroom_port=0)[index].process
    assert process is not None
    python, flag, module, *arguments = process.command
    assert (python, flag) == (sys.executable, "-m")
    async with running(module, *arguments) as up:
        assert " INFO " in up.first
