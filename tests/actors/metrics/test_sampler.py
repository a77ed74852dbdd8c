"""The sampler: against the machine it runs on, and against machines that break."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import attrs
import psutil
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.metrics import Counters, Link, Machine, NaiveInstant, PsutilMachine, Sampler, SourceMissing
from actors.metrics.records import Mount
from actors.metrics.sampler import (
    MAX_PROBLEM_CHARS,
    MIN_CPU_WINDOW_S,
    cpu_percent,
    link_speed,
    network_status,
    network_usage,
    traffic,
)
from tests.actors.metrics.children import BURN, python, until

NOW = datetime(2024, 1, 1, 12, tzinfo=UTC)

KINDS = ("user", "system", "idle", "iowait")
cpu_readings = st.fixed_dictionaries({kind: st.floats(0, 1e9) for kind in KINDS})
counters = st.builds(Counters, st.integers(0, 2**40), st.integers(0, 2**40))
devices = st.dictionaries(st.sampled_from(["sda", "sdb", "sdc"]), counters)


T = TypeVar("T")


@attrs.define
class ScriptedMachine:
    """A machine whose figures a test sets; an exception in place of a figure is raised."""

    cpu: Mapping[str, float] | Exception = attrs.field(factory=lambda: {"user": 0.0, "idle": 0.0})
    memory: float | Exception = 50.0
    disk: float | Exception = 40.0
    disks: Mapping[str, Counters] | Exception = attrs.field(factory=lambda: {"sda": Counters(0, 0)})
    nets: Mapping[str, Counters] | Exception = attrs.field(factory=lambda: {"eth0": Counters(0, 0)})
    nics: Mapping[str, Link] | Exception = attrs.field(factory=lambda: {"eth0": Link(True, 1000)})
    up: float | Exception = 100.0
    swap: float | Exception = 0.0
    loads: tuple[float, float, float] | Exception | None = (0.5, 0.25, 0.125)
    files: tuple[int, int] | Exception | None = (100, 1000)
    count: int | Exception = 42
    places: Mapping[str, Mount] | Exception = attrs.field(factory=dict[str, Mount])
    sensors: Mapping[str, float] | Exception = attrs.field(factory=lambda: {"chip 1": 40.0, "chip 2": 45.0})

    def cpu_times(self) -> Mapping[str, float]:
        return _told(self.cpu)

    def memory_percent(self) -> float:
        return _told(self.memory)

    def disk_percent(self) -> float:
        return _told(self.disk)

    def disk_counters(self) -> Mapping[str, Counters]:
        return _told(self.disks)

    def net_counters(self) -> Mapping[str, Counters]:
        return _told(self.nets)

    def links(self) -> Mapping[str, Link]:
        return _told(self.nics)

    def uptime(self, now: datetime) -> float:
        return _told(self.up)

    def swap_percent(self) -> float:
        return _told(self.swap)

    def load(self) -> tuple[float, float, float] | None:
        return _told(self.loads)

    def open_files(self) -> tuple[int, int] | None:
        return _told(self.files)

    def processes(self) -> int:
        return _told(self.count)

    def mounts(self) -> Mapping[str, Mount]:
        return _told(self.places)

    def temperatures(self) -> Mapping[str, float]:
        return _told(self.sensors)


def _told(figure: T | Exception) -> T:
    if isinstance(figure, Exception):
        raise figure
    return figure


@attrs.define
class Clock:
    """A clock that a test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def scripted(machine: ScriptedMachine, clock: Clock | None = None) -> Sampler:
    return Sampler(Path("/"), machine=machine, clock=clock or Clock())


@pytest.fixture(params=["real", "scripted"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    return PsutilMachine(tmp_path) if request.param == "real" else ScriptedMachine()


# --- the promise of every machine, ours and the tests' ---


def test_a_machine_gives_percentages_counts_and_an_uptime(machine: Machine) -> None:
    assert "idle" in machine.cpu_times()
    assert not {"guest", "guest_nice"} & set(machine.cpu_times())
    assert 0.0 <= machine.memory_percent() <= 100.0
    assert 0.0 <= machine.disk_percent() <= 100.0
    assert machine.uptime(datetime.now(UTC)) > 0.0
    assert 0.0 <= machine.swap_percent() <= 100.0
    assert all(mean >= 0.0 for mean in machine.load() or ())
    used, allowed = machine.open_files() or (0, 1)
    assert 0 <= used <= allowed
    assert machine.processes() > 0
    assert all(0.0 <= mount.percent <= 100.0 for mount in machine.mounts().values())
    assert all(value > -273.15 for value in machine.temperatures().values())
    assert all(link.speed_mbps is None or link.speed_mbps > 0 for link in machine.links().values())
    for read in (machine.disk_counters, machine.net_counters):
        try:
            before, after = read(), read()
        except SourceMissing:
            continue
        assert all(after[name].inward >= before[name].inward for name in before.keys() & after.keys())
        assert all(after[name].outward >= before[name].outward for name in before.keys() & after.keys())


# --- against the machine we run on ---


def test_memory_disk_and_uptime_agree_with_the_kernel(tmp_path: Path) -> None:
    sample = Sampler(tmp_path).take(NOW)
    meminfo = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    total, available = (int(meminfo[key].split()[0]) for key in ("MemTotal", "MemAvailable"))
    disk = os.statvfs(tmp_path)
    used = disk.f_blocks - disk.f_bfree
    assert sample.memory_percent == pytest.approx(100 * (total - available) / total, abs=3)
    assert sample.disk_percent == pytest.approx(100 * used / (used + disk.f_bavail), abs=1)
    assert sample.machine_uptime == pytest.approx(float(Path("/proc/uptime").read_text().split()[0]), abs=5)
    assert sample.taken_at == NOW


@pytest.mark.slow
async def test_a_busy_child_shows_in_the_cpu_of_the_machine(tmp_path: Path) -> None:
    async with python(BURN) as child:
        sampler = Sampler(tmp_path)
        burnt = psutil.Process(child.pid)
        start = burnt.cpu_times().user
        await until(lambda: burnt.cpu_times().user - start > 0.4)
        sample = await trio.to_thread.run_sync(sampler.take, NOW)
    assert sample.cpu_percent is not None
    # One of the cores was busy as long as it got to run; the child shares it with whatever else is here.
    assert 25.0 / (os.cpu_count() or 1) < sample.cpu_percent <= 100.0


def test_what_is_written_to_the_disk_is_counted_and_has_a_rate(tmp_path: Path) -> None:
    if os.major(tmp_path.stat().st_dev) == 0:
        pytest.skip("the temporary directory is not on a disk")
    sampler = Sampler(tmp_path)
    before = sampler.take(NOW)
    if before.disk_write_bytes is None:
        pytest.skip("the machine hides its disks")
    with (tmp_path / "block").open("wb") as file:
        file.write(os.urandom(8 << 20))
        file.flush()
        os.fsync(file.fileno())
    after = sampler.take(NOW)
    assert before.disk_write_per_second is None
    assert after.disk_write_bytes is not None
    assert after.disk_write_bytes - before.disk_write_bytes >= 8 << 20
    assert after.disk_write_per_second is not None
    assert after.disk_write_per_second > 0


def test_two_samplers_do_not_eat_each_others_differences(tmp_path: Path) -> None:
    machine = ScriptedMachine(cpu={"user": 0.0, "idle": 0.0})
    one, two = scripted(machine), scripted(machine)
    machine.cpu = {"user": 3.0, "idle": 1.0}
    assert one.take(NOW).cpu_percent == two.take(NOW).cpu_percent == 75.0


def test_a_data_directory_that_is_gone_costs_the_disk_figure_only(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    sample = Sampler(gone).take(NOW)
    assert sample.disk_percent is None
    assert sample.memory_percent is not None
    assert len(sample.problems) == 1
    assert "source disk " in sample.problems[0]
    assert str(gone) in sample.problems[0]


# --- broken machines ---


@pytest.mark.parametrize(
    ("field", "figures"),
    [
        ("cpu", {"cpu_percent"}),
        ("memory", {"memory_percent"}),
        ("disk", {"disk_percent"}),
        ("up", {"machine_uptime"}),
        ("disks", {"disk_read_bytes", "disk_write_bytes", "disk_read_per_second", "disk_write_per_second"}),
        (
            "nets",
            {
                "net_sent_bytes",
                "net_recv_bytes",
                "net_sent_per_second",
                "net_recv_per_second",
                "network_usage",
            },
        ),
        ("nics", {"network_speed_mbps", "network_usage"}),
    ],
)
def test_a_broken_source_costs_its_own_figures_and_no_other(field: str, figures: set[str]) -> None:
    clock = Clock()
    machine = ScriptedMachine()
    sampler = scripted(machine, clock)
    sampler.take(NOW)
    clock.now, machine.cpu = 2.0, {"user": 1.0, "idle": 1.0}
    setattr(machine, field, OSError("gone"))
    sample = sampler.take(NOW)
    assert {name for name, value in attrs.asdict(sample).items() if value is None} == figures
    assert (sample.network == "unknown") == (field == "nics")
    assert len(sample.problems) == 1
    assert "OSError: gone" in sample.problems[0]


def test_a_broken_source_is_told_once_and_again_after_it_had_recovered() -> None:
    machine = ScriptedMachine()
    sampler = scripted(machine)
    told: list[int] = []
    for figure in (OSError("a"), OSError("b"), 50.0, OSError("c")):
        machine.memory = figure
        told.append(len(sampler.take(NOW).problems))
    assert told == [1, 0, 0, 1]


def test_a_source_broken_from_the_start_is_told_by_the_first_sample() -> None:
    assert "cpu" in scripted(ScriptedMachine(cpu=RuntimeError("no stat"))).take(NOW).problems[0]


def test_a_cpu_source_that_comes_back_has_a_figure_one_sample_later() -> None:
    machine = ScriptedMachine(cpu=OSError("gone"))
    sampler = scripted(machine)
    machine.cpu = {"user": 5.0, "idle": 5.0}
    assert sampler.take(NOW).cpu_percent is None
    machine.cpu = {"user": 6.0, "idle": 8.0}
    assert sampler.take(NOW).cpu_percent == 25.0


def test_the_text_of_a_problem_is_bounded() -> None:
    sampler = scripted(ScriptedMachine(memory=OSError("x" * 10_000)))
    assert len(sampler.take(NOW).problems[0]) == MAX_PROBLEM_CHARS


def test_no_rate_spans_a_time_without_counters() -> None:
    clock = Clock()
    machine = ScriptedMachine()
    sampler = scripted(machine, clock)
    sampler.take(NOW)
    rates: list[float | None] = []
    for figure in (OSError("gone"), {"sda": Counters(100, 0)}, {"sda": Counters(300, 0)}):
        clock.now += 2.0
        machine.disks = figure
        rates.append(sampler.take(NOW).disk_read_per_second)
    assert rates == [None, None, 100.0]


def test_a_sample_needs_an_instant() -> None:
    with pytest.raises(NaiveInstant, match="without an offset"):
        scripted(ScriptedMachine()).take(datetime(2024, 1, 1))  # noqa: DTZ001  # what is refused


# --- CPU ---


@given(cpu_readings, cpu_readings)
def test_a_percentage_is_one_whatever_the_counters_do(before: dict[str, float], after: dict[str, float]) -> None:
    percent = cpu_percent(before, after)
    assert percent is None or 0.0 <= percent <= 100.0


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), cpu_readings)
def test_busy_is_what_is_neither_idle_nor_waiting(busy: int, idle: int, waiting: int, before: dict[str, float]) -> None:
    before = {kind: float(int(value)) for kind, value in before.items()}
    after = {**before}
    after["system"] += busy
    after["idle"] += idle
    after["iowait"] += waiting
    total = busy + idle + waiting
    expected = None if total < MIN_CPU_WINDOW_S else pytest.approx(100 * busy / total)
    assert cpu_percent(before, after) == expected


def test_a_kind_that_falls_counts_as_unmoved() -> None:
    before = {"user": 10.0, "idle": 10.0, "iowait": 5.0}
    after = {"user": 11.0, "idle": 11.0, "iowait": 2.0}
    assert cpu_percent(before, after) == 50.0


def test_a_window_too_short_keeps_its_beginning() -> None:
    machine = ScriptedMachine()
    sampler = scripted(machine)
    machine.cpu = {"user": 0.05, "idle": 0.0}
    assert sampler.take(NOW).cpu_percent is None
    machine.cpu = {"user": 0.05, "idle": 0.15}
    assert sampler.take(NOW).cpu_percent == pytest.approx(25.0)


# --- traffic ---


@given(devices, devices, st.floats(0.1, 1e6))
def test_rates_are_over_the_devices_in_both_and_never_below_zero(
    before: dict[str, Counters], after: dict[str, Counters], seconds: float
) -> None:
    both = [name for name in before if name in after]
    moved = traffic(before, after, seconds)
    assert moved.inward == sum(device.inward for device in after.values())
    assert moved.outward == sum(device.outward for device in after.values())
    deltas = [(after[name].inward - before[name].inward, after[name].outward - before[name].outward) for name in both]
    if not deltas or min(map(min, deltas)) < 0:
        assert (moved.inward_per_second, moved.outward_per_second) == (None, None)
    else:
        assert moved.inward_per_second == pytest.approx(sum(delta[0] for delta in deltas) / seconds)
        assert moved.outward_per_second == pytest.approx(sum(delta[1] for delta in deltas) / seconds)


def test_a_disk_plugged_in_is_no_burst() -> None:
    before = {"sda": Counters(0, 0)}
    after = {"sda": Counters(20, 0), "sdb": Counters(10**12, 10**12)}
    assert traffic(before, after, 2.0).inward_per_second == 10.0


def test_no_time_between_gives_no_rate() -> None:
    same = {"sda": Counters(1, 1)}
    assert traffic(same, same, 0.0).inward_per_second is None


# --- network ---


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        (None, "unknown"),
        ({}, "disconnected"),
        ({"eth0": Link(False, 1000)}, "disconnected"),
        ({"eth0": Link(False, 1000), "wlan0": Link(True, None)}, "connected"),
    ],
)
def test_the_network_is_connected_when_a_link_runs(links: Mapping[str, Link] | None, expected: str) -> None:
    assert network_status(links) == expected


def test_the_speed_is_that_of_the_running_links_that_tell() -> None:
    assert link_speed({"a": Link(True, 100), "b": Link(True, None), "c": Link(False, 1000)}) == 100.0
    assert link_speed({"b": Link(True, None)}) is None


def test_usage_is_of_the_busier_direction_and_unknown_without_a_speed() -> None:
    assert network_usage(1_250_000.0, 12_500.0, 100.0) == 10.0
    assert network_usage(0.0, 12_500_000_000.0, 100.0) == 100.0
    assert network_usage(1.0, 1.0, None) is None
    assert network_usage(None, 1.0, 100.0) is None
