"""Metrics in the contract's JSON.

The contract's figures are numbers, so one that the machine does not give is 0 there; the extra keys are null.
"""

from collections.abc import Sequence

import attrs

from actors.metrics.messages import Readings
from actors.metrics.parts import FIGURES_OF, Part, PartPoint, PartSpan
from actors.metrics.records import FIGURES, Point, Sample, Traffic
from actors.metrics.stability import StabilityView
from actors.metrics.top import ProcessView
from hamster.http.masking import mask_command, mask_text
from hamster.http.times import Stamp


@attrs.define(slots=False)
class MetricsModel:
    """One sample; the first seven keys are the contract's."""

    cpu_percent: float
    memory_percent: float
    disk_usage: float
    network_status: str
    uptime: int
    active_services: int
    timestamp: str
    network_usage: float | None
    network_speed_mbps: float | None
    swap_percent: float | None
    load_1: float | None
    load_5: float | None
    load_15: float | None
    temperature: float | None
    open_files: int | None
    open_files_percent: float | None
    processes: int | None


@attrs.define(slots=False)
class DiskTotals:
    read_bytes: int
    write_bytes: int
    read_bytes_per_second: float | None
    write_bytes_per_second: float | None


@attrs.define(slots=False)
class NetworkTotals:
    bytes_sent: int
    bytes_recv: int
    bytes_sent_per_second: float | None
    bytes_recv_per_second: float | None


@attrs.define(slots=False)
class SeriesModel:
    """One figure of a chart: mean, least and greatest of each point."""

    avg: list[float | None]
    min: list[float | None]
    max: list[float | None]


@attrs.define(slots=False)
class PerformanceModel:
    """Lists of one length, oldest first."""

    cpu_usage: list[float]
    memory_usage: list[float]
    disk_io: DiskTotals
    network_io: NetworkTotals
    timestamps: list[str]
    series: dict[str, SeriesModel]
    """By figure; null where a point has none."""
    samples: list[int]
    """How many went into each point."""
    after_gap: list[bool]
    """Samples are missing before the point: no line leads to it."""


@attrs.define(slots=False)
class FailureModel:
    service_id: str
    error: str
    timestamp: str
    resolved: bool


@attrs.define(slots=False)
class StabilityModel:
    error_count: int
    recovery_count: int
    last_health_check: str
    system_health: str
    service_failures: list[FailureModel]


def metrics_model(sample: Sample, stamp: Stamp) -> MetricsModel:
    """One sample."""
    return MetricsModel(
        cpu_percent=_figure(sample.cpu_percent),
        memory_percent=_figure(sample.memory_percent),
        disk_usage=_figure(sample.disk_percent),
        network_status=sample.network,
        uptime=int(sample.machine_uptime or 0),
        active_services=sample.active_services,
        timestamp=stamp(sample.taken_at),
        network_usage=sample.network_usage,
        network_speed_mbps=sample.network_speed_mbps,
        swap_percent=_rounded(sample.swap_percent),
        load_1=_rounded(sample.load_1, 2),
        load_5=_rounded(sample.load_5, 2),
        load_15=_rounded(sample.load_15, 2),
        temperature=_rounded(sample.temperature),
        open_files=sample.open_files,
        open_files_percent=_rounded(sample.open_files_percent, 2),
        processes=sample.processes,
    )


def performance_model(points: Sequence[Point], newest: Sample, stamp: Stamp) -> PerformanceModel:
    """A chart, and the totals of the newest sample."""
    return PerformanceModel(
        cpu_usage=[_figure(point.cpu_percent) for point in points],
        memory_usage=[_figure(point.memory_percent) for point in points],
        disk_io=DiskTotals(
            newest.disk_read_bytes or 0,
            newest.disk_write_bytes or 0,
            newest.disk_read_per_second,
            newest.disk_write_per_second,
        ),
        network_io=NetworkTotals(
            newest.net_sent_bytes or 0,
            newest.net_recv_bytes or 0,
            newest.net_sent_per_second,
            newest.net_recv_per_second,
        ),
        timestamps=[stamp(point.at) for point in points],
        series={figure: _series(points, figure) for figure in FIGURES},
        samples=[point.samples for point in points],
        after_gap=[point.after_gap for point in points],
    )


def details_model(sample: Sample, stamp: Stamp) -> dict[str, object]:
    """The newest sample, and what it tells of every part of the machine."""
    return {
        **attrs.asdict(metrics_model(sample, stamp)),
        "disks": {name: _traffic(moved, "read", "write") for name, moved in sample.disks.items()},
        "interfaces": {name: _traffic(moved, "recv", "sent") for name, moved in sample.interfaces.items()},
        "mounts": {place: attrs.asdict(mount) for place, mount in sample.mounts.items()},
        "temperatures": {sensor: round(value, 1) for sensor, value in sample.temperatures.items()},
    }


def part_model(part: Part) -> dict[str, object]:
    """A part, and what is kept of it."""
    return {"kind": part.kind, "name": part.name, "figures": FIGURES_OF[part.kind]}


def part_history_model(part: Part, width: int, points: Sequence[PartPoint], stamp: Stamp) -> dict[str, object]:
    """The history of a part: lists of one length; null where a figure is not known."""
    return {
        **part_model(part),
        "step": width,
        "timestamps": [stamp(point.at) for point in points],
        "samples": [point.samples for point in points],
        "after_gap": [point.after_gap for point in points],
        "series": {
            figure: _part_series([point.figures.get(figure) for point in points]) for figure in FIGURES_OF[part.kind]
        },
    }


def _part_series(spans: Sequence[PartSpan | None]) -> SeriesModel:
    return SeriesModel(
        avg=[None if span is None else _rounded(span.mean, 2) for span in spans],
        min=[None if span is None else _rounded(span.low, 2) for span in spans],
        max=[None if span is None else _rounded(span.high, 2) for span in spans],
    )


def process_model(view: ProcessView) -> dict[str, object]:
    """One process, its command without secrets."""
    return {
        "pid": view.pid,
        "parent_pid": view.parent,
        "name": view.name,
        "command": " ".join(mask_command(view.command)),
        "user": view.user,
        "cpu_percent": round(view.cpu_percent, 1),
        "memory_bytes": view.memory_bytes,
        "service_id": view.service_id,
    }


def _traffic(moved: Traffic, inward: str, outward: str) -> dict[str, object]:
    return {
        f"{inward}_bytes": moved.inward,
        f"{outward}_bytes": moved.outward,
        f"{inward}_bytes_per_second": _rounded(moved.inward_per_second),
        f"{outward}_bytes_per_second": _rounded(moved.outward_per_second),
    }


def _series(points: Sequence[Point], figure: str) -> SeriesModel:
    return SeriesModel(
        avg=[_rounded(getattr(point, figure), 2) for point in points],
        min=[_rounded(point.low.get(figure), 2) for point in points],
        max=[_rounded(point.high.get(figure), 2) for point in points],
    )


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)


def stability_model(view: StabilityView, readings: Readings, stamp: Stamp) -> StabilityModel:
    """The last 24 hours, and the health now."""
    return StabilityModel(
        error_count=view.error_count,
        recovery_count=view.recovery_count,
        last_health_check=stamp(readings.judged_at),
        system_health=readings.health,
        service_failures=[
            FailureModel(failure.service_id, mask_text(failure.error), stamp(failure.timestamp), failure.resolved)
            for failure in view.failures
        ],
    )


def _figure(value: float | None) -> float:
    return 0.0 if value is None else round(value, 1)
