"""Samples of the machine: differences, rates, and a guard around each source."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeAlias, TypeVar

from actors.metrics.machine import Counters, Link, Machine, PsutilMachine
from actors.metrics.records import Mount, NetworkStatus, Sample, Traffic

T = TypeVar("T")
_Seen: TypeAlias = tuple[float, Mapping[str, Counters]]
"""When counters were read, and what they were."""

# Seconds of CPU time, of all cores together, below which a percentage is noise: the kernel counts in ticks of
# 10 ms, so 0.1 s is ten of them.
MIN_CPU_WINDOW_S = 0.1

# Characters of a source's error that are kept: enough for its sentence, too little to fill a log.
MAX_PROBLEM_CHARS = 300

SLOW_SECONDS = 10.0
"""Between two looks at what changes slowly and costs much: file systems and temperatures."""

# Kinds of CPU time in which nothing runs. Linux counts waiting for a disk apart from idle.
_IDLE = ("idle", "iowait")


def cpu_percent(before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """The busy part of the CPU time between two readings.

    Args:
        before: CPU seconds by kind, from `Machine.cpu_times`.
        after: The same, later.

    Returns:
        0.0 to 100.0, all cores together; None when less than `MIN_CPU_WINDOW_S` went by. A kind that fell
        (Linux's iowait does) counts as unmoved.
    """
    moved = {kind: max(0.0, value - before.get(kind, value)) for kind, value in after.items()}
    total = sum(moved.values())
    if total < MIN_CPU_WINDOW_S:
        return None
    idle = sum(moved.get(kind, 0.0) for kind in _IDLE)
    return min(100.0, max(0.0, 100.0 * (total - idle) / total))


def traffic(before: Mapping[str, Counters] | None, after: Mapping[str, Counters], seconds: float) -> Traffic:
    """Totals over *after*, and rates against *before*.

    A device that came or went takes no part in the rates, or its whole past would look like one burst. Rates
    are None without a device in both, without time between, and when any counter fell: the machine's
    counters started anew, and nobody knows how much was lost.
    """
    inward = sum(counters.inward for counters in after.values())
    outward = sum(counters.outward for counters in after.values())
    pairs = [(before[name], after[name]) for name in after if name in before] if before else []
    fell = any(new.inward < old.inward or new.outward < old.outward for old, new in pairs)
    if not pairs or fell or seconds <= 0.0:
        return Traffic(inward, outward, None, None)
    return Traffic(
        inward,
        outward,
        sum(new.inward - old.inward for old, new in pairs) / seconds,
        sum(new.outward - old.outward for old, new in pairs) / seconds,
    )


def network_usage(sent: float | None, received: float | None, speed_mbps: float | None) -> float | None:
    """Percent of the link's speed used by the busier direction; None where one of the three is unknown.

    Args:
        sent: Bytes per second.
        received: Bytes per second.
        speed_mbps: Megabits per second, each way.
    """
    if sent is None or received is None or not speed_mbps:
        return None
    return min(100.0, 100.0 * max(sent, received) * 8 / (speed_mbps * 1_000_000))


def link_speed(links: Mapping[str, Link]) -> float | None:
    """Megabits per second of the running links together, as far as they tell."""
    speeds = [link.speed_mbps for link in links.values() if link.running and link.speed_mbps]
    return float(sum(speeds)) if speeds else None


def network_status(links: Mapping[str, Link] | None) -> NetworkStatus:
    """`connected` when any link runs; `unknown` when nobody could say."""
    if links is None:
        return "unknown"
    return "connected" if any(link.running for link in links.values()) else "disconnected"


class Sampler:
    """Takes samples of the machine. All state is its own: two of them do not disturb each other.

    Called in a worker thread, one call at a time: statvfs on a hung mount does not return. The first sample
    taken less than about 0.1 s after the sampler was made has no `cpu_percent` yet.

    Args:
        data_dir: Its disk is the one watched.
        machine: The figures; by default those of the machine we run on.
        clock: Seconds that only move forward, for rates.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        machine: Machine | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._machine = PsutilMachine(data_dir) if machine is None else machine
        self._clock = clock
        self._failing: set[str] = set()
        self._problems: list[str] = []
        self._disks: _Seen | None = None
        self._nets: _Seen | None = None
        self._cpu = self._guarded("cpu", self._machine.cpu_times)
        self._slow_at: float | None = None
        self._mounts: Mapping[str, Mount] = {}
        self._temperatures: Mapping[str, float] = {}

    def take(self, now: datetime) -> Sample:
        """The machine now. Never raises for a source: that figure is None, and `problems` names it once.

        Args:
            now: Aware; what the sample says of itself. Durations come from the clock.

        Raises:
            NaiveInstant: *now* has no offset.
        """
        machine = self._machine
        cpu = self._take_cpu()
        memory = self._guarded("memory", machine.memory_percent)
        disk = self._guarded("disk", machine.disk_percent)
        uptime = self._guarded("uptime", lambda: machine.uptime(now))
        disks, by_disk = self._take_disks()
        nets, by_net = self._take_nets()
        links = self._guarded("links", machine.links)
        speed = None if links is None else link_speed(links)
        sent = nets and nets.outward_per_second
        received = nets and nets.inward_per_second
        swap = self._guarded("swap", machine.swap_percent)
        load = self._guarded("load", machine.load) or (None, None, None)
        files = self._guarded("open_files", machine.open_files)
        processes = self._guarded("processes", machine.processes)
        self._look_at_the_slow()
        problems, self._problems = tuple(self._problems), []
        return Sample(
            taken_at=now,
            cpu_percent=cpu,
            memory_percent=memory,
            disk_percent=disk,
            network=network_status(links),
            machine_uptime=uptime,
            disk_read_bytes=disks and disks.inward,
            disk_write_bytes=disks and disks.outward,
            net_sent_bytes=nets and nets.outward,
            net_recv_bytes=nets and nets.inward,
            disk_read_per_second=disks and disks.inward_per_second,
            disk_write_per_second=disks and disks.outward_per_second,
            net_sent_per_second=sent,
            net_recv_per_second=received,
            network_speed_mbps=speed,
            network_usage=network_usage(sent, received, speed),
            problems=problems,
            swap_percent=swap,
            load_1=load[0],
            load_5=load[1],
            load_15=load[2],
            temperature=max(self._temperatures.values(), default=None),
            open_files=files and files[0],
            open_files_percent=None if files is None or not files[1] else min(100.0, 100.0 * files[0] / files[1]),
            processes=processes,
            disks=by_disk,
            interfaces=by_net,
            mounts=self._mounts,
            temperatures=self._temperatures,
        )

    def _look_at_the_slow(self) -> None:
        now = self._clock()
        if self._slow_at is not None and now - self._slow_at < SLOW_SECONDS:
            return
        self._slow_at = now
        self._mounts = self._guarded("mounts", self._machine.mounts) or {}
        self._temperatures = self._guarded("temperatures", self._machine.temperatures) or {}

    def _take_cpu(self) -> float | None:
        after = self._guarded("cpu", self._machine.cpu_times)
        if after is None or self._cpu is None:
            self._cpu = after or self._cpu
            return None
        percent = cpu_percent(self._cpu, after)
        if percent is not None:
            # Too short a window keeps its beginning, so that the next one is long enough.
            self._cpu = after
        return percent

    def _take_disks(self) -> tuple[Traffic | None, Mapping[str, Traffic]]:
        after = self._guarded("disk_io", self._machine.disk_counters)
        moved, parts, self._disks = self._moved(self._disks, after)
        return moved, parts

    def _take_nets(self) -> tuple[Traffic | None, Mapping[str, Traffic]]:
        after = self._guarded("network_io", self._machine.net_counters)
        moved, parts, self._nets = self._moved(self._nets, after)
        return moved, parts

    def _moved(
        self, before: _Seen | None, after: Mapping[str, Counters] | None
    ) -> tuple[Traffic | None, Mapping[str, Traffic], _Seen | None]:
        """What all devices moved, what each did, and what the next look is compared with."""
        if after is None:
            # The next rate would be over an unknown stretch: it starts anew.
            return None, {}, None
        at = self._clock()
        seconds = 0.0 if before is None else at - before[0]
        old = None if before is None else before[1]
        parts = {name: traffic(old, {name: counters}, seconds) for name, counters in after.items()}
        return traffic(old, after, seconds), parts, (at, after)

    def _guarded(self, source: str, read: Callable[[], T]) -> T | None:
        try:
            figure = read()
        except Exception as error:  # A broken source must not cost the other figures, whatever psutil raises.
            if source not in self._failing:
                self._failing.add(source)
                self._problems.append(_problem(source, error))
            return None
        self._failing.discard(source)
        return figure


def _problem(source: str, error: Exception) -> str:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"metrics source {source} gives no figure ({text})"[:MAX_PROBLEM_CHARS]
