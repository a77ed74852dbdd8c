import sys
import time

import pytest

from bench.daemon import Launch
from bench.hosted import product
from bench.processes import POLL_SECONDS, alive
from bench.services import FLOOR, OURS, crash_output, flood, idle, life, orphans, restart, slow_stop
from bench.workshop import workshop

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is measured by /proc"),
]
HOSTS = pytest.mark.parametrize("launch", [OURS, FLOOR[1]], ids=["ours", "floor"])


@HOSTS
def test_the_life_of_two_services_is_measured_in_all_its_parts(launch: Launch) -> None:
    found = life(launch, 2)
    assert set(found) == {"launch", "killed", "stop", "start"}
    assert all(0 < seconds < 20 for seconds in found.values())


@HOSTS
def test_a_restart_is_measured_in_milliseconds(launch: Launch) -> None:
    found = restart(launch, 3)
    assert 0 < found["p50"] <= found["longest"] < 20_000


@HOSTS
def test_a_service_that_needs_half_a_second_to_stop_takes_no_less(launch: Launch) -> None:
    assert slow_stop(launch, 2)[""] >= 0.5


@HOSTS
def test_all_output_is_seen_to_arrive(launch: Launch) -> None:
    assert crash_output(launch, 2) == {"": 100.0}
    found = flood(launch, 4)
    assert 0 < found["wall"] < 20
    assert found["CPU"] > 0


def test_nothing_of_ours_outlives_its_supervisor_and_all_of_the_floor_does() -> None:
    assert orphans(OURS, 2) == {"": 0.0}
    assert orphans(FLOOR[1], 2) == {"": 2.0}


def test_the_product_is_measured_while_it_is_left_alone() -> None:
    found = idle(product, 1)
    assert found["USS"] < found["USS with its helpers"]
    assert 0 < found["CPU"] < 100
    assert 10 < found["RSS"] < 1000


def test_nothing_that_arrived_is_left_when_the_workshop_is_closed() -> None:
    with workshop() as shop:
        with FLOOR[1](shop.sleepers(2)) as daemon:
            pids = shop.arrivals.wait(2)
            daemon.start_all()
            more = shop.arrivals.wait(2)
        directory = shop.directory
    assert not any(alive(pid) for pid in {*pids.values(), *more.values()})
    assert not directory.exists()


def test_the_product_tells_its_status_over_http() -> None:
    with workshop() as shop, product(shop.sleepers(2)) as daemon:
        shop.arrivals.wait(2)
        give_up = time.monotonic() + 20
        while daemon.status() < 2:
            assert time.monotonic() < give_up
            time.sleep(POLL_SECONDS)
