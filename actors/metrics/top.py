"""The processes that use most of the machine: looked at only when somebody asks."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs
import psutil
import trio

from actors.metrics.usage import Families, ProcessRow, process_table
from actors.runtime import Cell
from actors.services.messages import Board

Sort: TypeAlias = Literal["cpu", "memory"]

WINDOW_S = 0.25
"""Over which CPU use is measured for who asks for the first time, or after long: 25 ticks of the kernel's clock."""
OLD_S = 60.0
"""From when on an earlier look says too little of now."""
MAX_ROWS = 200


@attrs.frozen(kw_only=True)
class ProcessView:
    """One process. What we may not see of it is None, or empty."""

    pid: int
    parent: int
    name: str
    command: tuple[str, ...]
    """Its words, as they are: secrets and all."""
    user: str | None
    cpu_percent: float
    """Since the look before, as `top` has it: 100 is one core."""
    memory_bytes: int
    service_id: str | None
    """The service it belongs to."""


class Top:
    """Two looks at the process table, apart. Called in a worker thread, one call at a time.

    Args:
        table: The process table; by default the machine's.
        clock: Seconds that only move forward.
        sleep: Waits, in the thread.
    """

    def __init__(
        self,
        *,
        table: Callable[[], Iterable[ProcessRow]] = process_table,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._clock = clock
        self._sleep = sleep
        self._before: tuple[float, Mapping[tuple[int, float], float]] | None = None
        self._now: tuple[float, Sequence[ProcessRow], Mapping[tuple[int, float], float]] | None = None

    def biggest(self, pids: Mapping[str, int], *, sort: Sort, limit: int, fresh_for: float) -> list[ProcessView]:
        """The *limit* processes that use most, those first.

        Args:
            pids: The first process of each service, by service id.
            sort: By what.
            limit: How many, at most `MAX_ROWS`.
            fresh_for: Seconds within which an earlier look is good enough, however many ask.
        """
        rows, percents = self._look(fresh_for)
        owners = _owners(rows, pids)

        def weight(row: ProcessRow) -> tuple[float, float]:
            cpu, memory = percents.get(row.key, 0.0), float(row.memory_bytes)
            return (cpu, memory) if sort == "cpu" else (memory, cpu)

        chosen = sorted(rows, key=weight, reverse=True)[: min(limit, MAX_ROWS)]
        return [_view(row, percents.get(row.key, 0.0), owners.get(row.pid)) for row in chosen]

    def _look(self, fresh_for: float) -> tuple[Sequence[ProcessRow], Mapping[tuple[int, float], float]]:
        at = self._clock()
        if self._now is not None and at - self._now[0] < fresh_for:
            return self._now[1], self._now[2]
        if self._before is None or not WINDOW_S <= at - self._before[0] <= OLD_S:
            self._before = (at, {row.key: row.own_cpu for row in self._table()})
            self._sleep(WINDOW_S)
            at = self._clock()
        since, used = self._before
        rows = list(self._table())
        seconds = max(at - since, 1e-3)
        # A process that was not there at the first look has used all it has since.
        percents = {row.key: 100.0 * max(0.0, row.own_cpu - used.get(row.key, 0.0)) / seconds for row in rows}
        self._before = (at, {row.key: row.own_cpu for row in rows})
        self._now = (at, rows, percents)
        return rows, percents


def _owners(rows: Iterable[ProcessRow], pids: Mapping[str, int]) -> Mapping[int, str]:
    by_pid = {row.pid: row for row in rows}
    families = Families(by_pid.values())
    return {
        member.pid: service for service, pid in pids.items() if pid in by_pid for member in families.of(by_pid[pid])
    }


def _view(row: ProcessRow, cpu: float, service: str | None) -> ProcessView:
    name, command, user = "?", (), None
    try:
        process = psutil.Process(row.pid)
        with process.oneshot():
            name = process.name()
            user = process.username()
            command = tuple(process.cmdline())
    except (psutil.Error, OSError, KeyError):
        pass  # it has ended, or is hidden from us; the figures are true all the same
    return ProcessView(
        pid=row.pid,
        parent=row.parent,
        name=name,
        command=command,
        user=user,
        cpu_percent=cpu,
        memory_bytes=row.memory_bytes,
        service_id=service,
    )


class Processes:
    """Who uses most, for whoever asks; no actor is held up by it."""

    def __init__(self, board: Cell[Board], interval: float, top: Top | None = None) -> None:
        self._board = board
        self._interval = interval
        self._top = top or Top()
        self._thread = trio.CapacityLimiter(1)

    def configure(self, interval: float) -> None:
        """Look anew once in *interval* seconds at most."""
        self._interval = interval

    async def biggest(self, *, sort: Sort = "cpu", limit: int = 20) -> list[ProcessView]:
        """The *limit* processes that use most, those first; looked at anew once a sampling interval at most."""
        pids = {view.id: view.pid for view in self._board.value.values() if view.pid is not None}

        def look() -> list[ProcessView]:
            return self._top.biggest(pids, sort=sort, limit=limit, fresh_for=self._interval)

        return await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=self._thread)
