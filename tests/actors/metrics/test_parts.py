"""The history of services, mounts, disks and interfaces: what is kept of them, and in how much room."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import ClearHistory, MetricsSettings, State, open_system
from actors.metrics import parts
from actors.metrics.parts import HOUR_TABLE, MINUTE_TABLE, Gathered, Part, PartSpan
from actors.metrics.records import Mount, Sample, Traffic
from actors.metrics.tiers import HOURS, MINUTES
from actors.metrics.usage import Usage
from tests.actors.services.yard import PATIENCE, Yard

START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WEB = Part("service", "web")


def opened(path: Path | str = ":memory:") -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for script in parts.MIGRATIONS.scripts:
        connection.executescript(script)
    return connection


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    found = opened()
    yield found
    found.close()


def used(cpu: float | None, memory: int = 1000) -> dict[str, Usage]:
    return {"web": Usage(cpu, memory, 1)}


def test_everything_that_has_figures_of_its_own_is_kept(connection: sqlite3.Connection) -> None:
    sample = Sample(
        taken_at=START,
        mounts={"/": Mount(percent=40.0, total_bytes=10, used_bytes=4, free_bytes=6, file_system="ext4")},
        disks={"sda": Traffic(1, 2, 10.0, 20.0)},
        interfaces={"eth0": Traffic(1, 2, None, None)},
    )
    gathered = Gathered()
    gathered.add(sample, used(12.5))
    parts.save(connection, gathered.take())
    assert parts.listed(connection) == [WEB, Part("mount", "/"), Part("disk", "sda"), Part("interface", "eth0")]
    found = {
        part.kind: parts.chart(connection, part, MINUTES, START - DAY, START + DAY, 60)[0].figures
        for part in parts.listed(connection)
    }
    assert found == {
        "service": {"cpu_percent": PartSpan(12.5, 12.5, 12.5), "memory_bytes": PartSpan(1000, 1000, 1000)},
        "mount": {"percent": PartSpan(40, 40, 40), "used_bytes": PartSpan(4, 4, 4)},
        "disk": {"read_per_second": PartSpan(10, 10, 10), "write_per_second": PartSpan(20, 20, 20)},
        "interface": {},
    }


takes = st.lists(
    st.tuples(st.integers(-8_000, 8_000), st.sampled_from([None, 0.0, 10.0, 55.5, 300.0]), st.integers(0, 50)),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(takes, st.lists(st.integers(1, 10), max_size=8), st.sampled_from([MINUTES, HOURS]), st.sampled_from([1, 2, 7]))
def test_a_chart_says_what_all_samples_say_however_they_were_saved_and_the_clock_jumped(
    taken: list[tuple[int, float | None, int]], sizes: list[int], tier: parts.Tier, factor: int
) -> None:
    connection, rest = opened(), taken
    for size in [*sizes, len(taken)]:
        gathered = Gathered()
        for at, cpu, memory in rest[:size]:
            gathered.add(Sample(taken_at=START + timedelta(seconds=at)), used(cpu, memory))
        parts.save(connection, gathered.take())
        rest = rest[size:]
    width = tier.seconds * factor
    points = parts.chart(connection, WEB, tier, START - DAY, START + DAY, width)
    buckets: dict[int, list[tuple[float | None, int]]] = {}
    for at, cpu, memory in taken:
        buckets.setdefault(int((START.timestamp() + at) // width), []).append((cpu, memory))
    assert [int(point.at.timestamp()) // width for point in points] == sorted(buckets)
    for point in points:
        members = buckets[int(point.at.timestamp()) // width]
        assert point.samples == len(members)
        known = [cpu for cpu, _ in members if cpu is not None]
        found = point.figures.get("cpu_percent")
        if not known:
            assert found is None
        else:
            assert found is not None
            assert (found.low, found.high) == (min(known), max(known))
            assert found.mean == pytest.approx(sum(known) / len(known))
        memories = [memory for _, memory in members]
        assert point.figures["memory_bytes"].high == max(memories)
    connection.close()


def test_a_stretch_without_samples_is_a_gap(connection: sqlite3.Connection) -> None:
    gathered = Gathered()
    for minute in (0, 1, 5):
        gathered.add(Sample(taken_at=START + timedelta(minutes=minute)), used(1.0))
    parts.save(connection, gathered.take())
    points = parts.chart(connection, WEB, MINUTES, START - DAY, START + DAY, 60)
    assert [point.after_gap for point in points] == [False, False, True]


def test_what_is_kept_is_bounded_and_where_the_minutes_end_the_hours_are_asked(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROWS", 50)
    for minute in range(180):
        gathered = Gathered()
        gathered.add(Sample(taken_at=START + timedelta(minutes=minute)), used(float(minute)))
        parts.save(connection, gathered.take())
    rows = {
        name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 - our own names
        for name in (MINUTE_TABLE, HOUR_TABLE)
    }
    assert rows == {MINUTE_TABLE: 50, HOUR_TABLE: 3}
    assert not parts.reaches(connection, WEB, START)
    assert parts.reaches(connection, WEB, START + timedelta(minutes=130))
    hours = parts.chart(connection, WEB, HOURS, START, START + DAY, 3600)
    assert [point.figures["cpu_percent"].mean for point in hours] == [29.5, 89.5, 149.5]


def test_a_year_of_twenty_parts_and_a_day_of_a_hundred_services_take_no_more_than_they_may(tmp_path: Path) -> None:
    connection = opened(tmp_path / "parts.db")
    columns = ", ".join(f"n{n}, total{n}, low{n}, high{n}" for n in (1, 2))
    for table in (MINUTE_TABLE, HOUR_TABLE):
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO {table} (part, bucket, samples, {columns}) "  # noqa: S608 - our own names
            "VALUES (?, ?, 30, 30, 3.5, 1.5, 2.5, 30, 3.5, 1.5, 2.5)",
            ((part, bucket) for bucket in range(parts.ROWS // 100) for part in range(100)),
        )
        connection.execute("COMMIT")
    connection.close()
    assert (tmp_path / "parts.db").stat().st_size < parts.BUDGET_BYTES


def test_names_that_nobody_uses_any_more_make_room_for_others(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parts, "NAMES", 3)
    monkeypatch.setattr(parts, "ROWS", 3)

    def add(minute: int, *names: str) -> None:
        gathered = Gathered()
        usage = {name: Usage(1.0, 1, 1) for name in names}
        gathered.add(Sample(taken_at=START + timedelta(hours=minute)), usage)
        parts.save(connection, gathered.take())

    add(0, "a", "b", "c")
    add(1, "d")
    assert "metrics.too_many_parts limit=3 left_out=1" in caplog.text
    for hour in range(2, 5):
        add(hour, "a")
    add(5, "d")
    assert [part.name for part in parts.listed(connection)] == ["a", "d"]


async def test_a_real_service_has_a_history_that_survives_and_can_be_cleared(yard: Yard) -> None:
    quick = attrs.evolve(
        yard.settings(yard.shell("busy", "while :; do :; done")), metrics=MetricsSettings(interval=0.2)
    )
    with trio.fail_after(PATIENCE):
        async with open_system(quick) as system:
            await system.services.start("busy")
            await system.services.wait_for("busy", State.RUNNING)
            with system.metrics.readings.subscribe().changes as changes:
                while system.metrics.readings.value.usage.get("busy", Usage(None, 0, 0)).cpu_percent is None:
                    await changes.receive()
        async with open_system(quick) as system:
            assert Part("service", "busy") in await system.metrics.charts.parts()
            end = datetime.now(UTC)
            width, points = await system.metrics.charts.draw_part(Part("service", "busy"), end - DAY, end)
            assert width % 60 == 0
            assert points[-1].figures["cpu_percent"].high > 0
            assert points[-1].figures["memory_bytes"].low > 1000
            await system.metrics.ref.ask(ClearHistory())
            assert Part("service", "busy") not in await system.metrics.charts.parts()
