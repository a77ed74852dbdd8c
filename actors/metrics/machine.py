"""The machine's own figures, one source per method; each may fail without the others."""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

import attrs
import psutil

_SYS_BLOCK = Path("/sys/block")
_SYS_NET = Path("/sys/class/net")


class SourceMissing(Exception):  # a house name: the fact, as `ServiceNotFound`
    """The machine has no such figure (a container often hides its disks)."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(reason)
        self.source = source
        self.reason = reason


@attrs.frozen
class Counters:
    """Bytes one device moved since the start of the machine: read and written, or received and sent."""

    inward: int
    outward: int


@attrs.frozen
class Link:
    """One network interface: whether it is up with a carrier, and its speed where it tells."""

    running: bool
    speed_mbps: int | None


class Machine(Protocol):
    """Where a sampler gets its figures. A method that cannot tell raises; any exception will do."""

    def cpu_times(self) -> Mapping[str, float]:
        """CPU seconds of all cores since the start, by kind: `idle` is one, guests are none."""
        ...

    def memory_percent(self) -> float:
        """0 to 100."""
        ...

    def disk_percent(self) -> float:
        """0 to 100, of the disk with the data directory."""
        ...

    def disk_counters(self) -> Mapping[str, Counters]:
        """By device, each byte under one device only."""
        ...

    def net_counters(self) -> Mapping[str, Counters]:
        """By interface, each byte under one interface only."""
        ...

    def links(self) -> Mapping[str, Link]:
        """The interfaces that lead out of the machine."""
        ...

    def uptime(self, now: datetime) -> float:
        """Seconds since the start of the machine."""
        ...


class PsutilMachine:
    """The machine we run on.

    It keeps no state and uses none of psutil's process-wide caches (`nowrap`, `cpu_percent`), so that two
    systems in one process do not eat each other's differences.

    Source: psutil; on Linux that is /proc/stat, /proc/meminfo, /proc/diskstats, /proc/net/dev, statvfs and
    ioctl.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = str(data_dir)

    def cpu_times(self) -> Mapping[str, float]:
        times = psutil.cpu_times()
        # Linux counts what guests used under user and nice as well.
        return {
            kind: value for kind, value in zip(times._fields, times, strict=True) if kind not in {"guest", "guest_nice"}
        }

    def memory_percent(self) -> float:
        return psutil.virtual_memory().percent

    def disk_percent(self) -> float:
        return psutil.disk_usage(self._data_dir).percent

    def disk_counters(self) -> Mapping[str, Counters]:
        found = psutil.disk_io_counters(perdisk=True, nowrap=False)
        names = _whole_disks(found)
        if not names:
            raise SourceMissing("disk_io", "no disk is listed; a container may hide them")
        return {name: Counters(found[name].read_bytes, found[name].write_bytes) for name in names}

    def net_counters(self) -> Mapping[str, Counters]:
        found = psutil.net_io_counters(pernic=True, nowrap=False)
        names = _uplinks(name for name in found if name not in {"lo", "lo0"})
        return {name: Counters(found[name].bytes_recv, found[name].bytes_sent) for name in names}

    def links(self) -> Mapping[str, Link]:
        found = psutil.net_if_stats()
        names = _uplinks(name for name, nic in found.items() if "loopback" not in nic.flags.split(","))
        return {name: Link(running=found[name].isup, speed_mbps=found[name].speed or None) for name in names}

    def uptime(self, now: datetime) -> float:
        # psutil.boot_time() moves with the wall clock; the kernel's own count does not.
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return max(0.0, now.timestamp() - psutil.boot_time())


def _whole_disks(names: Iterable[str]) -> list[str]:
    """The disks themselves.

    A byte on an encrypted LVM volume is listed under the partition, the disk and each mapper layer; only one
    of them has hardware (or a hypervisor) behind it. Where none has, loop devices and RAM disks are left out:
    what they move is counted by the disk with their file, or is memory.
    """
    listed = [name for name in names if not name.startswith(("loop", "ram", "zram"))]
    return [name for name in listed if (_SYS_BLOCK / name / "device").exists()] or listed


def _uplinks(names: Iterable[str]) -> list[str]:
    """The interfaces that lead out: with hardware behind, else (in a container) all of *names*.

    Bridges, bonds, VLANs, tunnels and container ends move the same bytes again, and are up when the cable is
    out.
    """
    listed = list(names)
    return [name for name in listed if (_SYS_NET / name / "device").exists()] or listed
