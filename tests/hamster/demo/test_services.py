import sys
from pathlib import Path

import pytest

from actors.settings import SystemSettings
from hamster.cli.demo import free_port
from hamster.defaults import contract_services
from hamster.demo.services import demo_services, programs
from tests.hamster.demo.running import running

REPORTS = Path("/data/reports")


def test_the_demo_has_the_services_of_the_contract_in_their_order_and_something_for_them_to_watch() -> None:
    system = SystemSettings(data_dir=Path("/data"), services=demo_services(newsroom_port=8090, directory=REPORTS))
    assert [service.id for service in system.services] == [
        *(service.id for service in contract_services()),
        "newsroom",
        "flaky",
    ]
    assert all(service.autostart for service in system.services)


def test_flaky_cannot_reach_its_fatal_limit_by_its_own_bad_luck() -> None:
    flaky = demo_services(newsroom_port=8090, directory=REPORTS)[-1].process
    assert flaky is not None
    shortest = 4.0  # seconds a run lasts at least; with no pause between runs at all:
    assert flaky.fatal_window / shortest < flaky.fatal_failures


@pytest.mark.slow
@pytest.mark.parametrize("index", [-2, -1])
async def test_each_command_runs_as_it_stands(index: int, tmp_path: Path) -> None:
    process = programs(free_port(), tmp_path / "reports", None, sys.executable)[index].process
    assert process is not None
    python, flag, module, *arguments = process.command
    assert (python, flag) == (sys.executable, "-m")
    async with running(module, *arguments) as up:
        assert " INFO " in up.first
