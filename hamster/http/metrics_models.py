"""Metrics in the contract's JSON.

The contract's figures are numbers, so one that the machine does not give is 0 there; the extra keys are null.
"""

from collections.abc import Sequence

import attrs

from actors.metrics.messages import Readings
from actors.metrics.records import Point, Sample
from actors.metrics.stability import StabilityView
from hamster.http.masking import mask_text
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
class PerformanceModel:
    """Lists of one length, oldest first."""

    cpu_usage: list[float]
    memory_usage: list[float]
    disk_io: DiskTotals
    network_io: NetworkTotals
    timestamps: list[str]


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
    )


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
