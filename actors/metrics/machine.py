"""The machine's own figures, one source per method; each may fail without the others."""

import os
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

import attrs
import psutil

from actors.metrics.records import Mount

_SYS_BLOCK = Path("/sys/block")
_SYS_NET = Path("/sys/class/net")
_MEMINFO = Path("/proc/meminfo")
_FILE_NR = Path("/proc/sys/fs/file-nr")


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

    def swap_percent(self) -> float:
        """0 to 100; 0 without swap."""
        ...

    def load(self) -> tuple[float, float, float] | None:
        """Means of 1, 5 and 15 minutes; None where the machine knows none."""
        ...

    def open_files(self) -> tuple[int, int] | None:
        """File descriptors in use and allowed on the whole machine; None where it does not tell."""
        ...

    def processes(self) -> int:
        """How many there are."""
        ...

    def mounts(self) -> Mapping[str, Mount]:
        """Every file system on a disk, by where it is mounted."""
        ...

    def temperatures(self) -> Mapping[str, float]:
        """Degrees Celsius by sensor; empty where there is none."""
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

    def swap_percent(self) -> float:
        if sys.platform != "linux":
            return psutil.swap_memory().percent
        # psutil reads /proc/vmstat besides, for what we do not show, and warns where it may not.
        total = free = 0
        with _MEMINFO.open("rb") as file:
            for line in file:
                if line.startswith(b"SwapTotal:"):
                    total = int(line.split()[1])
                elif line.startswith(b"SwapFree:"):
                    free = int(line.split()[1])
                    break
        return 100.0 * (total - free) / total if total else 0.0

    def load(self) -> tuple[float, float, float] | None:
        return os.getloadavg() if hasattr(os, "getloadavg") else None

    def open_files(self) -> tuple[int, int] | None:
        try:
            used, _, allowed = _FILE_NR.read_text().split()
        except FileNotFoundError:
            return None
        return int(used), int(allowed)

    def processes(self) -> int:
        if sys.platform != "linux":
            return len(psutil.pids())
        with os.scandir("/proc") as entries:
            return sum(entry.name.isdigit() for entry in entries)

    def mounts(self) -> Mapping[str, Mount]:
        found: dict[str, Mount] = {}
        seen: set[int] = set()
        # The root of a container lies on no disk of its own, and is what its people mean all the same.
        places = {"/": "", **{part.mountpoint: part.fstype for part in psutil.disk_partitions(all=False)}}
        for place in sorted(places, key=len):
            try:
                device = Path(place).stat().st_dev
                if device in seen or not Path(place).is_dir():  # mounted twice, or a single file, as in containers
                    continue
                usage = psutil.disk_usage(place)
            except OSError:
                continue  # unmounted meanwhile, or not for us
            seen.add(device)
            found[place] = Mount(
                percent=usage.percent,
                total_bytes=usage.total,
                used_bytes=usage.used,
                free_bytes=usage.free,
                file_system=places[place],
            )
        return found

    def temperatures(self) -> Mapping[str, float]:
        if not hasattr(psutil, "sensors_temperatures"):
            return {}
        found: dict[str, float] = {}
        for chip, sensors in psutil.sensors_temperatures().items():
            for number, sensor in enumerate(sensors, 1):
                label = sensor.label or str(number)
                found[f"{chip} {label}"] = sensor.current
        return found


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
