"""The history on the disk: what is kept, for how long, in how much room, and what a clock that is set costs of it."""

import math
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import ClearHistory, GetHistory, MetricsSettings, SystemSettings, open_system
from actors.metrics import MAX_POINTS, tiers
from actors.metrics.charts import tier_of, width_of
from actors.metrics.records import FIGURES, Sample
from actors.metrics.tiers import BUDGET_BYTES, HOURS, MAX_SAMPLES, MIGRATIONS, MINUTES, Tier
from actors.runtime import Bus
from actors.store import open_store
from tests.actors.metrics.children import until

START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def opened(path: Path | str = ":memory:") -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for script in MIGRATIONS.scripts:
        connection.executescript(script)
    return connection


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    found = opened()
    yield found
    found.close()


def sample(at: datetime, **figures: float | None) -> Sample:
    return Sample(taken_at=at, **figures)  # pyright: ignore[reportArgumentType] - passed on


def counts(connection: sqlite3.Connection) -> list[int]:
    names = ("metric_samples", MINUTES.name, HOURS.name)
    return [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names]  # noqa: S608


def test_samples_come_back_as_they_were_newest_last(connection: sqlite3.Connection) -> None:
    samples = [
        Sample(
            taken_at=START + timedelta(seconds=2 * n), cpu_percent=n + 0.5, network="connected", processes=n, load_5=0.1
        )
        for n in range(5)
    ]
    tiers.save(connection, samples[:3], keep=100)
    tiers.save(connection, samples[3:], keep=100)
    assert tiers.load(connection, 3) == samples[2:]
    assert tiers.load(connection, 100) == samples


takes = st.lists(
    st.tuples(st.integers(-5_000, 5_000), st.sampled_from([None, 0.0, 10.0, 55.5, 100.0])), min_size=1, max_size=40
)


@settings(deadline=None)
@given(takes, st.lists(st.integers(1, 10), max_size=8), st.sampled_from([MINUTES, HOURS]), st.sampled_from([1, 2, 7]))
def test_a_tier_says_what_all_of_its_samples_say_however_they_were_saved_and_the_clock_jumped(
    taken: list[tuple[int, float | None]], sizes: list[int], tier: Tier, factor: int
) -> None:
    samples = [sample(START + timedelta(seconds=at), cpu_percent=value) for at, value in taken]
    connection, rest = opened(), samples
    for size in [*sizes, len(samples)]:
        tiers.save(connection, rest[:size], keep=1000)
        rest = rest[size:]
    width = tier.seconds * factor
    points = tiers.chart(connection, tier, START - 9 * HOUR, START + 9 * HOUR, width)
    connection.close()
    buckets: dict[int, list[Sample]] = {}
    for one in samples:
        buckets.setdefault(int(one.taken_at.timestamp()) // width, []).append(one)
    assert [int(point.at.timestamp()) // width for point in points] == sorted(buckets)
    for point in points:
        members = buckets[int(point.at.timestamp()) // width]
        known = [one.cpu_percent for one in members if one.cpu_percent is not None]
        assert point.samples == len(members)
        assert point.low.get("cpu_percent") == min(known, default=None)
        assert point.high.get("cpu_percent") == max(known, default=None)
        if known:
            assert point.cpu_percent == pytest.approx(math.fsum(known) / len(known))
        else:
            assert point.cpu_percent is None
        assert point.memory_percent is None


def test_missing_minutes_are_a_gap_and_no_points(connection: sqlite3.Connection) -> None:
    minutes = [0, 1, 2, 6, 7]
    tiers.save(connection, [sample(START + timedelta(minutes=n), cpu_percent=1.0) for n in minutes], keep=100)
    points = tiers.chart(connection, MINUTES, START, START + HOUR, 60)
    assert [(point.at - START).seconds // 60 for point in points] == minutes
    assert [point.after_gap for point in points] == [False, False, False, True, False]


def test_a_clock_that_jumps_a_year_ahead_and_back_costs_nothing_of_the_history(connection: sqlite3.Connection) -> None:
    def saved(at: datetime, count: int) -> None:
        tiers.save(connection, [sample(at + timedelta(minutes=n), cpu_percent=5.0) for n in range(count)], keep=100_000)

    saved(START, 300)
    saved(START + timedelta(days=365), 3)
    saved(START + timedelta(minutes=300), 300)
    points = tiers.chart(connection, MINUTES, START, START + timedelta(minutes=599), 60)
    assert len(points) == 600
    assert not any(point.after_gap for point in points)


def test_what_is_kept_is_bounded_in_rows_and_the_oldest_written_goes(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = (Tier(MINUTES.name, 60, 10), Tier(HOURS.name, 3600, 4))
    monkeypatch.setattr(tiers, "TIERS", small)
    for number in range(600):
        tiers.save(connection, [sample(START + timedelta(minutes=number), cpu_percent=1.0)], keep=7)
    assert counts(connection) == [7, 10, 4]
    oldest = connection.execute(f"SELECT min(bucket) FROM {HOURS.name}").fetchone()[0]  # noqa: S608
    assert oldest == int((START + 6 * HOUR).timestamp()) // 3600
    tiers.clear(connection)
    assert counts(connection) == [0, 0, 0]
    tiers.save(connection, [sample(START, cpu_percent=1.0)], keep=7)
    assert counts(connection) == [1, 1, 1]


@pytest.mark.slow
def test_a_full_history_keeps_to_its_budget_and_a_year_of_it_is_read_quickly(tmp_path: Path) -> None:
    path = tmp_path / "full.db"
    connection = opened(path)
    wide = dict.fromkeys(FIGURES, 12345.678901234)
    connection.execute("BEGIN")
    for tier in tiers.TIERS:
        names = ["bucket", "samples", *(name for part in tiers.PARTS for name in part[1:])]
        row = [1800, *(value for _ in FIGURES for value in (1800, 1e12 / 3, 0.1, 99.9))]
        first = int(START.timestamp()) // tier.seconds - tier.rows
        connection.executemany(
            f"INSERT INTO {tier.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608
            [(first + n, *row) for n in range(tier.rows)],
        )
    samples = [
        Sample(
            taken_at=START - timedelta(seconds=2 * n), network="disconnected", machine_uptime=1e7 / 3,
            disk_read_bytes=2**52, disk_write_bytes=2**52, net_sent_bytes=2**52, net_recv_bytes=2**52,
            network_speed_mbps=1e4 / 3, load_5=1 / 3, load_15=1 / 3, open_files=2**40, open_files_percent=1 / 3,
            processes=2**20, **wide,
        )
        for n in range(MAX_SAMPLES)
    ]  # fmt: skip
    tiers.save(connection, samples, keep=MAX_SAMPLES)
    connection.execute("COMMIT")
    assert counts(connection)[0] == MAX_SAMPLES
    assert path.stat().st_size < BUDGET_BYTES
    begun = time.monotonic()
    year = START - timedelta(days=365)
    points = tiers.chart(connection, HOURS, year, START, width_of(HOURS, year, START, None))
    assert time.monotonic() - begun < 2.0, "a fraction of that on an idle machine"
    assert 800 < len(points) <= MAX_POINTS
    assert time.monotonic() - begun < 2.0
    connection.close()


# --- which tier ---


@pytest.mark.parametrize(
    ("back", "step", "tier"),
    [
        (timedelta(minutes=10), None, None),
        (timedelta(hours=1), None, None),
        (timedelta(hours=6), None, MINUTES),
        (timedelta(days=7), None, MINUTES),
        (timedelta(days=8), None, HOURS),
        (timedelta(days=365), None, HOURS),
        (timedelta(hours=24), 7200.0, HOURS),
        (timedelta(minutes=10), 5.0, None),
    ],
)
def test_a_chart_comes_from_the_finest_history_that_reaches_so_far_back(
    back: timedelta, step: float | None, tier: Tier | None
) -> None:
    now = START + timedelta(milliseconds=300)  # a moment after "an hour ago" was worked out
    assert tier_of(START - back, now, step, in_memory=HOUR) is tier


@given(
    st.sampled_from([MINUTES, HOURS]),
    st.timedeltas(timedelta(0), timedelta(days=20_000)),
    st.none() | st.floats(0.001, 366 * 86_400.0),
)
def test_a_point_is_whole_rows_wide_and_there_are_never_too_many(
    tier: Tier, span: timedelta, step: float | None
) -> None:
    width = width_of(tier, START - span, START, step)
    assert width % tier.seconds == 0
    assert width >= (step or 0.0)
    assert span.total_seconds() // width + 2 <= MAX_POINTS


# --- over a restart ---


def quick(directory: Path) -> SystemSettings:
    return SystemSettings(data_dir=directory, metrics=MetricsSettings(interval=0.1, history_seconds=600.0))


@pytest.mark.slow
async def test_the_history_is_there_after_a_restart_and_gone_after_it_was_cleared(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with open_system(quick(tmp_path)) as system:
            await until(lambda: system.metrics.ref.statistics().counts.handled > 4)
            before = await system.metrics.ref.ask(GetHistory(1000))
            assert before.total >= 1
        async with open_system(quick(tmp_path)) as system:
            after = await system.metrics.ref.ask(GetHistory(1000))
            assert after.samples[: before.total] == before.samples
            now = datetime.now(UTC)
            week = await system.metrics.charts.draw(now - timedelta(days=7), now)
            assert sum(point.samples for point in week) >= before.total
            assert await system.metrics.ref.ask(ClearHistory()) >= before.total
            assert await system.metrics.charts.draw(now - timedelta(days=300), now) == []
        async with open_store(tmp_path / "hamster.db", Bus(), (MIGRATIONS,)) as store:
            left = await store.read(lambda connection: tiers.load(connection, 1000))
            assert not {one.taken_at for one in left} & {one.taken_at for one in before.samples}
