"""What one look at the machine found, and what many looks come to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import attrs

NetworkStatus = Literal["connected", "disconnected", "unknown"]


class NaiveInstant(ValueError):  # a house name: the fact, as `ServiceNotFound`
    """A datetime without an offset was given where an instant is needed."""

    def __init__(self, field: str, got: datetime) -> None:
        super().__init__(
            f"{field} is {got.isoformat()}, without an offset; expected an aware datetime;"
            " use datetime.now(UTC) or give it a zone"
        )
        self.field = field
        self.got = got


def require_aware(field: str, got: datetime) -> datetime:
    """*got* itself, once it is known to name one instant.

    Raises:
        NaiveInstant: It has no offset.
    """
    if got.utcoffset() is None:
        raise NaiveInstant(field, got)
    return got


def _aware(_instance: object, attribute: "attrs.Attribute[Any]", value: datetime) -> None:
    require_aware(attribute.name, value)


@attrs.frozen
class Traffic:
    """What a device, or a set of them, moved: totals in bytes, rates in bytes per second where they are known."""

    inward: int
    outward: int
    inward_per_second: float | None
    outward_per_second: float | None


@attrs.frozen(kw_only=True)
class Mount:
    """A mounted file system, as an ordinary user sees it."""

    percent: float
    total_bytes: int
    used_bytes: int
    free_bytes: int
    file_system: str


FIGURES = (
    "cpu_percent",
    "memory_percent",
    "disk_percent",
    "swap_percent",
    "load_1",
    "temperature",
    "disk_read_per_second",
    "disk_write_per_second",
    "net_sent_per_second",
    "net_recv_per_second",
    "network_usage",
)
"""What charts show, and what is kept for a year: numbers of `Sample` and of `Point` both."""


@attrs.frozen(kw_only=True)
class Sample:
    """The machine at one instant. A figure it does not give is None, never 0.

    Percentages run from 0 to 100. Totals count from the start of the machine and fall only when a
    device goes away or a counter wraps. Rates are bytes per second since the previous sample: None in the
    first one, and whenever a counter went backwards.

    Attributes:
        taken_at: Aware, UTC by convention.
        cpu_percent: All cores together, since the previous sample that had the figure.
        memory_percent: What programs cannot get any more: total minus available.
        disk_percent: Of the disk holding the data directory, as an ordinary user sees it (as `df` does).
        network: Whether a link of the machine is up and running. It says nothing of what is beyond.
        machine_uptime: Seconds, sleeping included.
        network_speed_mbps: The running links together, as far as they tell (virtual ones seldom do).
        network_usage: Percent of that speed used by the busier direction, the links being full duplex.
        active_services: How many services run; filled in by the actor, which knows them.
        problems: Sources that newly failed, in words. Told once, and again after a recovery.
        swap_percent: 0 where there is no swap.
        load_1: Processes that ran or waited, the mean of a minute; so for 5 and 15.
        temperature: The hottest sensor, degrees Celsius.
        open_files: File descriptors in use on the whole machine; `open_files_percent` of what it allows.
        processes: How many there are, as far as we may see.
        disks: By device; so the interfaces by name. Not of older samples, nor are mounts and temperatures.
        mounts: Every file system on a disk, by where it is mounted; looked at less often than the rest.
        temperatures: Degrees Celsius by sensor.
    """

    taken_at: datetime = attrs.field(validator=_aware)
    cpu_percent: float | None = None
    memory_percent: float | None = None
    disk_percent: float | None = None
    network: NetworkStatus = "unknown"
    machine_uptime: float | None = None
    disk_read_bytes: int | None = None
    disk_write_bytes: int | None = None
    net_sent_bytes: int | None = None
    net_recv_bytes: int | None = None
    disk_read_per_second: float | None = None
    disk_write_per_second: float | None = None
    net_sent_per_second: float | None = None
    net_recv_per_second: float | None = None
    network_speed_mbps: float | None = None
    network_usage: float | None = None
    active_services: int = 0
    problems: tuple[str, ...] = ()
    swap_percent: float | None = None
    load_1: float | None = None
    load_5: float | None = None
    load_15: float | None = None
    temperature: float | None = None
    open_files: int | None = None
    open_files_percent: float | None = None
    processes: int | None = None
    disks: Mapping[str, Traffic] = attrs.field(factory=dict[str, Traffic])
    interfaces: Mapping[str, Traffic] = attrs.field(factory=dict[str, Traffic])
    mounts: Mapping[str, Mount] = attrs.field(factory=dict[str, Mount])
    temperatures: Mapping[str, float] = attrs.field(factory=dict[str, float])

    def without_parts(self) -> "Sample":
        """The same without what is told of single parts: what is kept of many."""
        if not (self.disks or self.interfaces or self.mounts or self.temperatures or self.problems):
            return self
        return attrs.evolve(self, disks={}, interfaces={}, mounts={}, temperatures={}, problems=())


@attrs.frozen(kw_only=True)
class Point:
    """Some samples as one point of a chart: means of what they had, None where none had it.

    Attributes:
        at: The sample's own instant where the point is one sample, else the start of its bucket.
        samples: How many went in, at least 1.
        after_gap: Samples are missing before this point: a line must not be drawn across.
        low: The least of each figure that is known, by its name in `FIGURES`; `high` the greatest.
    """

    at: datetime
    samples: int
    after_gap: bool
    cpu_percent: float | None
    memory_percent: float | None
    disk_percent: float | None
    disk_read_per_second: float | None
    disk_write_per_second: float | None
    net_sent_per_second: float | None
    net_recv_per_second: float | None
    network_usage: float | None
    swap_percent: float | None = None
    load_1: float | None = None
    temperature: float | None = None
    low: Mapping[str, float] = attrs.field(factory=dict[str, float])
    high: Mapping[str, float] = attrs.field(factory=dict[str, float])
