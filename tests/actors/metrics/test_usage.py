"""What services use: real processes that burn, fork, hide and vanish."""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs
import psutil
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.metrics import ProcessRow, ProcessUsage, Usage
from actors.metrics.usage import parse_stat, process_table, psutil_table
from tests.actors.metrics.children import BURN, python, said, until

# Seconds of CPU time a burning child gets before it is looked at again: 40 ticks of the kernel's count.
BURNT_S = 0.4

# Seconds of CPU time by which two counts may differ: some ticks, and a child that ends between two reads.
SLACK_S = 0.1

IDLE = "import signal; print('idle', flush=True); signal.pause()"

GRANDCHILD_BURNS = f"import os, signal\nif os.fork() == 0:\n    {BURN}\nsignal.pause()"

# The child's child ends, and the grandchild, which burns, belongs to somebody outside. It stays in the
# session.
ORPHAN_BURNS = f"""
import os, signal
if os.fork() == 0:
    if os.fork() == 0:
        {BURN}
    os._exit(0)
os.wait()
print("orphaned", flush=True)
signal.pause()
"""

# None of the children that burn lives longer than a blink.
SHORT_LIVED_BURN = """
import os, time
while True:
    if os.fork() == 0:
        end = time.process_time() + 0.02
        while time.process_time() < end: pass
        os._exit(0)
    os.wait()
"""

HOLDS_MEMORY = """
import signal
held = b"x" * (64 << 20)
print("held", flush=True)
signal.pause()
"""


def row(pid: int, parent: int = 1, **figures: float) -> ProcessRow:
    given = {"session": 0, "started": 0.0, "own_cpu": 0.0, "reaped_cpu": 0.0, "memory_bytes": 0, **figures}
    return ProcessRow(
        pid=pid,
        parent=parent,
        session=int(given["session"]),
        started=given["started"],
        own_cpu=given["own_cpu"],
        reaped_cpu=given["reaped_cpu"],
        memory_bytes=int(given["memory_bytes"]),
    )


@attrs.define
class Table:
    """A process table and a clock that a test sets."""

    rows: list[ProcessRow] = attrs.field(factory=list[ProcessRow])
    now: float = 0.0

    def usage(self) -> ProcessUsage:
        return ProcessUsage(table=lambda: self.rows, clock=lambda: self.now)


def burnt(pid: int) -> float:
    """CPU seconds of the process, its children and theirs, those that ended included; by psutil."""
    root = psutil.Process(pid)
    spent = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


async def percentages_are_true(pids: Mapping[str, int], burner: int) -> Mapping[str, Usage]:
    """Two looks with `BURNT_S` of CPU time of *burner* and its family between them.

    The figure is checked against psutil's count around and within the looks, so that it does not matter how
    much of a core the machine could give.

    Returns:
        The second look.
    """
    looks: list[float] = []

    def clock() -> float:
        looks.append(time.monotonic())
        return looks[-1]

    usage = ProcessUsage(clock=clock)
    outer = burnt(burner)
    first = await trio.to_thread.run_sync(usage.usage, pids)
    inner = burnt(burner)
    await until(lambda: burnt(burner) - inner > BURNT_S)
    least = burnt(burner) - inner
    second = await trio.to_thread.run_sync(usage.usage, pids)
    most = burnt(burner) - outer
    assert {figures.cpu_percent for figures in first.values()} == {None}
    percent = second["burner"].cpu_percent
    assert percent is not None
    seconds = percent / 100 * (looks[1] - looks[0])
    assert least - SLACK_S < seconds < most + SLACK_S
    return second


async def check(code: str) -> None:
    """The figure of a service that runs *code* is true."""
    async with python(code) as child:
        await percentages_are_true({"burner": child.pid}, child.pid)


# --- real processes ---


@pytest.mark.slow
async def test_a_busy_loop_raises_the_cpu_of_its_service_and_of_no_other() -> None:
    async with python(BURN) as busy, python(IDLE) as idle:
        assert await said(idle) == "idle\n"
        found = await percentages_are_true({"burner": busy.pid, "idle": idle.pid}, busy.pid)
    assert found["idle"].cpu_percent is not None
    assert found["idle"].cpu_percent < 10.0


@pytest.mark.slow
async def test_the_cpu_of_a_grandchild_belongs_to_the_service() -> None:
    await check(GRANDCHILD_BURNS)


@pytest.mark.slow
async def test_children_that_come_and_go_between_two_looks_are_counted() -> None:
    await check(SHORT_LIVED_BURN)


@pytest.mark.slow
async def test_an_orphan_that_stays_in_the_session_belongs_to_the_service() -> None:
    async with python(ORPHAN_BURNS) as child:
        assert await said(child) == "orphaned\n"
        (orphan,) = [found.pid for found in process_table() if found.session == child.pid != found.pid]
        found = await percentages_are_true({"burner": child.pid}, orphan)
    assert found["burner"].processes == 2


async def test_memory_that_is_allocated_is_seen() -> None:
    async with python(HOLDS_MEMORY) as child, python(IDLE) as idle:
        assert await said(child) == "held\n"
        assert await said(idle) == "idle\n"
        found = ProcessUsage().usage({"big": child.pid, "small": idle.pid})
    assert found["big"].memory_bytes > 64 << 20
    assert found["small"].memory_bytes < 64 << 20


async def test_a_service_whose_process_is_gone_is_left_out() -> None:
    async with python("pass") as child:
        with trio.fail_after(20):
            await child.wait()
        assert ProcessUsage().usage({"gone": child.pid}) == {}


async def test_the_table_survives_processes_that_vanish_while_it_is_read() -> None:
    # Children end by the hundred while the table is read a hundred times.
    fork_storm = "import os\nwhile True:\n    if os.fork() == 0: os._exit(0)\n    os.wait()"
    async with python(fork_storm) as child:
        start = burnt(child.pid)
        usage = ProcessUsage()
        for _ in range(100):
            assert child.pid in {found.pid for found in process_table()}
            assert usage.usage({"storm": child.pid})["storm"].processes >= 1
        assert burnt(child.pid) > start


async def test_our_table_says_what_psutil_says() -> None:
    async with python(ORPHAN_BURNS) as child:
        assert await said(child) == "orphaned\n"
        ours = {found.pid: found for found in process_table()}
        theirs = {found.pid: found for found in psutil_table()}
    for pid in (os.getpid(), child.pid):
        assert ours[pid].parent == theirs[pid].parent
        assert ours[pid].own_cpu == pytest.approx(theirs[pid].own_cpu, abs=0.5)
        assert ours[pid].reaped_cpu == pytest.approx(theirs[pid].reaped_cpu, abs=0.5)
        assert ours[pid].memory_bytes == pytest.approx(theirs[pid].memory_bytes, abs=4 << 20)
    assert ours[child.pid].session == child.pid
    assert theirs[child.pid].started - theirs[os.getpid()].started == pytest.approx(
        (ours[child.pid].started - ours[os.getpid()].started) / os.sysconf("SC_CLK_TCK"), abs=0.1
    )


async def test_a_name_full_of_brackets_and_numbers_does_not_shift_the_figures(tmp_path: Path) -> None:
    script = tmp_path / "x) R 7 7 (y"
    script.write_text("#!/bin/sh\necho ready\nread line\n")
    script.chmod(0o755)
    process = await trio.lowlevel.open_process([str(script)], stdin=-1, stdout=-1)
    try:
        assert await said(process) == "ready\n"
        stat = await trio.Path(f"/proc/{process.pid}/stat").read_bytes()
        assert b"(x) R 7 7 (y)" in stat
        parsed = parse_stat(stat, tick=100, page=4096)
        assert (parsed.pid, parsed.parent) == (process.pid, os.getpid())
        assert parsed.memory_bytes > 0
    finally:
        process.kill()
        with trio.fail_after(20):
            await process.wait()
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.aclose()
        await process.stdout.aclose()


# --- the counting ---


def test_a_pid_that_came_back_as_another_process_starts_from_nothing() -> None:
    table = Table([row(10, started=1.0, own_cpu=500.0)])
    usage = table.usage()
    usage.usage({"web": 10})
    table.rows, table.now = [row(10, started=2.0, own_cpu=0.5)], 1.0
    assert usage.usage({"web": 10})["web"].cpu_percent == 50.0


def test_a_service_started_between_two_looks_has_a_figure_at_once() -> None:
    table = Table([row(1, parent=0)])
    usage = table.usage()
    usage.usage({})
    table.rows, table.now = [row(1, parent=0), row(10, own_cpu=0.5, reaped_cpu=0.5)], 2.0
    assert usage.usage({"web": 10})["web"].cpu_percent == 50.0


def test_a_process_that_becomes_a_service_does_not_bring_its_past() -> None:
    table = Table([row(10, own_cpu=900.0, reaped_cpu=900.0)])
    usage = table.usage()
    usage.usage({})
    table.rows, table.now = [row(10, own_cpu=901.0, reaped_cpu=900.0)], 2.0
    assert usage.usage({"web": 10})["web"].cpu_percent == 50.0


def test_a_member_that_leaves_takes_its_past_along_and_never_below_zero() -> None:
    table = Table([row(10), row(11, parent=10, own_cpu=900.0)])
    usage = table.usage()
    usage.usage({"web": 10})
    table.rows, table.now = [row(10, own_cpu=1.0)], 2.0
    assert usage.usage({"web": 10})["web"].cpu_percent == 50.0


def test_a_new_child_counts_in_full_while_an_old_one_leaves() -> None:
    table = Table([row(10), row(11, parent=10, own_cpu=900.0)])
    usage = table.usage()
    usage.usage({"web": 10})
    table.rows, table.now = [row(10), row(12, parent=10, own_cpu=1.0)], 2.0
    assert usage.usage({"web": 10})["web"].cpu_percent == 50.0


def test_a_child_counted_while_it_lived_is_not_counted_again_when_reaped() -> None:
    table = Table([row(10), row(11, parent=10, own_cpu=5.0)])
    usage = table.usage()
    usage.usage({"web": 10})
    table.rows, table.now = [row(10, reaped_cpu=6.0)], 2.0
    assert usage.usage({"web": 10})["web"].cpu_percent == 50.0


def test_looks_too_close_together_keep_the_beginning_of_the_window() -> None:
    table = Table([row(10)])
    usage = table.usage()
    usage.usage({"web": 10})
    table.rows, table.now = [row(10, own_cpu=0.05)], 0.05
    assert usage.usage({"web": 10})["web"].cpu_percent is None
    table.rows, table.now = [row(10, own_cpu=0.1)], 0.2
    assert usage.usage({"web": 10})["web"].cpu_percent == pytest.approx(50.0)


def naive_family(rows: Iterable[ProcessRow], root: int) -> set[int]:
    """Whoever can be reached, by asking everybody until nobody is new."""
    table = {found.pid: found for found in rows}
    leads = table[root].session == root
    members = {root}
    while True:
        new = {
            pid
            for pid, found in table.items()
            if pid not in members and (found.parent in members or (leads and found.session == root))
        }
        if not new:
            return members
        members |= new


pids = st.integers(1, 8)


@given(st.dictionaries(pids, st.tuples(pids, pids), min_size=1), pids)
def test_a_family_is_whoever_can_be_reached_even_in_a_circle(tree: dict[int, tuple[int, int]], root: int) -> None:
    rows = [row(pid, parent=parent, session=session, memory_bytes=1 << pid) for pid, (parent, session) in tree.items()]
    found = Table(rows).usage().usage({"web": root})
    if root not in tree:
        assert found == {}
        return
    members = naive_family(rows, root)
    assert found["web"] == Usage(None, sum(1 << pid for pid in members), len(members))
