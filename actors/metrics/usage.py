"""CPU and memory of services: each a process and all that came of it."""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import attrs
import psutil

# Seconds between two passes below which a percentage is noise: the kernel counts CPU time in ticks of 10 ms.
MIN_WINDOW_S = 0.1

# Bytes of /proc/PID/stat that are read at once. Its 52 numbers and a name of 15 bytes stay under 1,200.
_STAT_BYTES = 4096


@attrs.frozen
class ProcessRow:
    """One line of the process table.

    Attributes:
        session: The session's leader; 0 where the platform does not say.
        started: When it started, in an unknown but fixed unit: tells it from a later process of the same pid.
        own_cpu: CPU seconds of its threads.
        reaped_cpu: CPU seconds of children it has waited for, and of theirs.
        memory_bytes: Resident; pages shared with others count in each.
    """

    pid: int
    parent: int
    session: int
    started: float
    own_cpu: float
    reaped_cpu: float
    memory_bytes: int

    @property
    def key(self) -> tuple[int, float]:
        """What no two processes share, though pids come back."""
        return (self.pid, self.started)


@attrs.frozen
class Usage:
    """What a service uses.

    Attributes:
        cpu_percent: Since the previous call, as `top` has it: 100 is one core; None when it cannot be known
            yet.
        memory_bytes: Resident memory of all its processes; pages they share count in each.
        processes: How many it has, zombies included.
    """

    cpu_percent: float | None
    memory_bytes: int
    processes: int


class ProcessUsage:
    """Figures of services by one pass over the process table, however many services there are.

    Called in a worker thread, one call at a time.

    Args:
        table: The process table; by default the machine's.
        clock: Seconds that only move forward.
    """

    def __init__(
        self,
        *,
        table: Callable[[], Iterable[ProcessRow]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = process_table if table is None else table
        self._clock = clock
        self._at: float | None = None
        self._own: Mapping[tuple[int, float], float] = {}
        self._totals: Mapping[tuple[int, float], float] = {}

    def usage(self, pids: Mapping[str, int]) -> Mapping[str, Usage]:
        """What each service uses now.

        To a service belong its process, the descendants, and whoever is still in the session it leads, so
        that orphans are not lost. CPU time of children that came and went between two calls counts too, once
        they were waited for. A pid that came back as another process starts from nothing.

        Args:
            pids: The first process of each service, by service id.

        Returns:
            By service id; a service whose process is gone is not in it.
        """
        at = self._clock()
        rows = {row.pid: row for row in self._table()}
        families = Families(rows.values())
        members = {service: families.of(rows[pid]) for service, pid in pids.items() if pid in rows}
        elapsed = None if self._at is None else at - self._at
        if elapsed is not None and elapsed < MIN_WINDOW_S:
            # The window keeps its beginning, so that the next one is long enough.
            return {service: _usage(family, None) for service, family in members.items()}
        found = {
            service: _usage(family, elapsed and 100.0 * self._cpu_since(rows[pids[service]], family) / elapsed)
            for service, family in members.items()
        }
        self._at = at
        self._own = {row.key: row.own_cpu for row in rows.values()}
        self._totals = {rows[pids[service]].key: _total(family) for service, family in members.items()}
        return found

    def _cpu_since(self, root: ProcessRow, family: Iterable[ProcessRow]) -> float:
        """CPU seconds of *family* since the previous call.

        Two counts, and the larger is the truth: what the living used, which misses children that are gone;
        and how much the family's total grew, to which a waited-for child still belongs, and which falls when
        a member leaves.
        """
        family = list(family)
        living = sum(max(0.0, row.own_cpu - self._own.get(row.key, 0.0)) for row in family)
        if root.key not in self._own:
            return max(living, _total(family))
        before = self._totals.get(root.key)
        # Seen, but not as a service: how much of its total is older than the window is not known.
        return living if before is None else max(living, _total(family) - before)


class Families:
    """Who belongs to whom."""

    def __init__(self, rows: Iterable[ProcessRow]) -> None:
        self._children: defaultdict[int, list[ProcessRow]] = defaultdict(list)
        self._sessions: defaultdict[int, list[ProcessRow]] = defaultdict(list)
        for row in rows:
            self._children[row.parent].append(row)
            if row.session:
                self._sessions[row.session].append(row)

    def of(self, root: ProcessRow) -> list[ProcessRow]:
        """*root*, its descendants, and the orphans in the session it leads; each once."""
        found = {root.pid: root}
        waiting = [root, *(self._sessions[root.pid] if root.session == root.pid else ())]
        while waiting:
            row = waiting.pop()
            found[row.pid] = row
            # A table read while pids come back may hold a circle: each is visited once.
            waiting.extend(child for child in self._children[row.pid] if child.pid not in found)
        return list(found.values())


def _total(family: Iterable[ProcessRow]) -> float:
    return sum(row.own_cpu + row.reaped_cpu for row in family)


def _usage(family: list[ProcessRow], cpu: float | None) -> Usage:
    return Usage(cpu_percent=cpu, memory_bytes=sum(row.memory_bytes for row in family), processes=len(family))


def process_table() -> Iterable[ProcessRow]:
    """Every process of the machine that we may see, once.

    Source: /proc/PID/stat on Linux, a sixth of the cost of psutil; psutil elsewhere, without sessions. Linux
    keeps resident memory per core and sums it up late: it may be off by some hundred KiB.
    """
    return linux_table() if sys.platform == "linux" else psutil_table()


def linux_table() -> Iterable[ProcessRow]:
    tick = os.sysconf("SC_CLK_TCK")
    page = os.sysconf("SC_PAGE_SIZE")
    with os.scandir("/proc") as entries:
        names = [entry.name for entry in entries if entry.name.isdigit()]
    for name in names:
        try:
            stat = _read_stat(name)
        except OSError:
            # It ended after the listing (ENOENT, ESRCH), or it is hidden from us.
            continue
        yield parse_stat(stat, tick=tick, page=page)


def _read_stat(pid: str) -> bytes:
    file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, _STAT_BYTES)
    finally:
        os.close(file)


def parse_stat(stat: bytes, *, tick: int, page: int) -> ProcessRow:
    """A row from the text of /proc/PID/stat.

    Args:
        stat: The whole line. The name in it may hold spaces and brackets: the last bracket ends it.
        tick: Ticks per second of the CPU times.
        page: Bytes per page.

    Source: proc_pid_stat(5).
    """
    end = stat.rindex(b")")
    pid = int(stat[: stat.index(b" ")])
    fields = stat[end + 2 :].split()
    own_user, own_system, reaped_user, reaped_system = map(int, fields[11:15])
    return ProcessRow(
        pid=pid,
        parent=int(fields[1]),
        session=int(fields[3]),
        started=float(fields[19]),
        own_cpu=(own_user + own_system) / tick,
        reaped_cpu=(reaped_user + reaped_system) / tick,
        memory_bytes=int(fields[21]) * page,
    )


def psutil_table() -> Iterable[ProcessRow]:
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                times = process.cpu_times()
                yield ProcessRow(
                    pid=process.pid,
                    parent=process.ppid(),
                    session=0,
                    started=process.create_time(),
                    own_cpu=times.user + times.system,
                    reaped_cpu=times.children_user + times.children_system,
                    memory_bytes=process.memory_info().rss,
                )
        except psutil.Error:
            # It ended meanwhile, or belongs to somebody else, as none of our services does.
            continue
