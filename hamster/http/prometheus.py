"""`/metrics`: everything as Prometheus reads it, made at the moment it is asked for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.registry import Collector

from actors.metrics.records import Sample
from actors.runtime import TreeNode
from actors.services import ServiceView, State
from actors.services.messages import Health, Wanted
from actors.settings import LEVELS
from actors.system import System
from hamster.http.app import API_VERSION
from hamster.http.live import Hub
from hamster.http.times import seconds_since

MACHINE: Mapping[str, tuple[str, str, float]] = {
    "cpu_percent": ("cpu_usage_ratio", "CPU in use, all cores together", 0.01),
    "memory_percent": ("memory_usage_ratio", "Memory that programs cannot get any more", 0.01),
    "swap_percent": ("swap_usage_ratio", "Swap in use", 0.01),
    "disk_percent": ("disk_usage_ratio", "The disk of the data directory in use", 0.01),
    "load_1": ("load1", "Load, mean of 1 minute", 1.0),
    "load_5": ("load5", "Load, mean of 5 minutes", 1.0),
    "load_15": ("load15", "Load, mean of 15 minutes", 1.0),
    "machine_uptime": ("uptime_seconds", "Time since the machine was started", 1.0),
    "open_files": ("open_files", "File descriptors in use on the machine", 1.0),
    "processes": ("processes", "Processes", 1.0),
}
"""Figures of a sample: name, help, factor to the base unit."""


def registry_of(system: System, hub: Hub) -> CollectorRegistry:
    """What is shown of *system*."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HamsterCollector(system, hub))
    return registry


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Everything in *registry* in the format that the reader asks for, and the name of that format."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no number
        encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
    return encode(registry), content_type


class HamsterCollector(Collector):
    """The figures of one system. Nothing is counted between two readings: cells and statistics are looked at."""

    def __init__(self, system: System, hub: Hub) -> None:
        self._system = system
        self._hub = hub

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily("hamster_build", "WatchHamster", value={"api_version": API_VERSION})
        sample = self._system.metrics.readings.value.sample
        if sample is not None:
            yield from machine(sample)
        yield from self._services()
        yield from self._alerts()
        yield from self._own()

    def _services(self) -> Iterator[Metric]:
        views = tuple(self._system.services.board.value.values())
        usage = self._system.metrics.readings.value.usage
        yield _labelled(
            "hamster_service_state",
            "1 for the state that the service is in",
            ("service", "kind", "state"),
            [
                ((view.id, view.settings.kind, state.value), float(view.state is state))
                for view in views
                for state in State
            ],
        )
        yield _labelled("hamster_service_up", "The service runs", ("service",), [((v.id,), _up(v)) for v in views])
        yield _labelled(
            "hamster_service_wanted",
            "The service is wanted to run",
            ("service",),
            [((view.id,), float(view.wanted is Wanted.UP)) for view in views],
        )
        yield _labelled(
            "hamster_service_healthy",
            "The service does its work; absent where nobody looks or has seen enough",
            ("service",),
            [((v.id,), float(v.health is Health.HEALTHY)) for v in views if v.health is not Health.UNKNOWN],
        )
        yield _labelled(
            "hamster_service_uptime_seconds",
            "Time since the service was started",
            ("service",),
            [((v.id,), s) for v in views if (s := seconds_since(v.running_since_clock)) is not None],
        )
        yield _counted(
            "hamster_service_restarts",
            "Times it was started again without being told to",
            ("service",),
            [((view.id,), view.restarts) for view in views],
        )
        yield _labelled(
            "hamster_service_cpu_ratio",
            "CPU in use by the service and what it started; 1 is one core",
            ("service",),
            [((id_,), used.cpu_percent / 100) for id_, used in usage.items() if used.cpu_percent is not None],
        )
        yield _labelled(
            "hamster_service_memory_bytes",
            "Resident memory of the service and what it started",
            ("service",),
            [((id_,), used.memory_bytes) for id_, used in usage.items()],
        )
        yield _labelled(
            "hamster_service_processes",
            "Processes of the service",
            ("service",),
            [((id_,), used.processes) for id_, used in usage.items()],
        )

    def _alerts(self) -> Iterator[Metric]:
        active = self._system.alerts.board.value.active
        yield _labelled(
            "hamster_alerts",
            "Alerts that last",
            ("level",),
            [((level,), sum(alert.level == level for alert in active)) for level in LEVELS],
        )
        yield _labelled(
            "hamster_alert_firing",
            "1 for each alert that lasts",
            ("source", "key", "level", "acknowledged"),
            [((a.source, a.key, a.level, str(a.acknowledged_at is not None).lower()), 1) for a in active],
        )
        yield _labelled(
            "hamster_rule_no_data",
            "The figure of an alert rule does not come",
            ("rule", "service"),
            [
                ((state.rule.id, state.target), float(state.status.value == "no_data"))
                for state in self._system.metrics.readings.value.rules
            ],
        )

    def _own(self) -> Iterator[Metric]:
        store = self._system.store
        yield _counted("hamster_store_dropped_writes", "Writes that were given up", (), [((), store.dropped)])
        yield _labelled("hamster_store_waiting_writes", "Writes that wait", (), [((), store.waiting)])
        yield _labelled("hamster_store_failing", "The store takes no writes", (), [((), store.failing is not None)])
        yield _labelled("hamster_websocket_clients", "Clients of /ws", (), [((), len(self._hub.clients))])
        nodes = [node for node in _actors(self._system.tree()) if node.statistics is not None]
        yield _labelled(
            "hamster_mailbox_queued",
            "Messages that wait in the mailbox of an actor",
            ("actor",),
            [((node.path,), node.statistics.queued) for node in nodes if node.statistics is not None],
        )
        yield _counted(
            "hamster_actor_messages_handled",
            "Messages that an actor handled",
            ("actor",),
            [((node.path,), node.statistics.counts.handled) for node in nodes if node.statistics is not None],
        )
        yield _counted(
            "hamster_actor_restarts",
            "Times that an actor was started again",
            ("actor",),
            [((node.path,), node.restarts) for node in nodes],
        )


def machine(sample: Sample) -> Iterator[Metric]:
    """The figures of a sample, and those of its parts; what the machine does not give is not there."""
    for figure, (name, text, factor) in MACHINE.items():
        value: float | None = getattr(sample, figure)
        if value is not None:
            yield GaugeMetricFamily(f"hamster_machine_{name}", text, value=value * factor)
    yield _labelled(
        "hamster_machine_filesystem_used_bytes",
        "Bytes in use of a file system",
        ("mount",),
        [((place,), mount.used_bytes) for place, mount in sample.mounts.items()],
    )
    yield _labelled(
        "hamster_machine_filesystem_size_bytes",
        "Bytes of a file system",
        ("mount",),
        [((place,), mount.total_bytes) for place, mount in sample.mounts.items()],
    )
    yield _labelled(
        "hamster_machine_temperature_celsius",
        "Temperature of a sensor",
        ("sensor",),
        [((sensor,), value) for sensor, value in sample.temperatures.items()],
    )
    for kind, label, parts, (inward, outward) in (
        ("disk", "device", sample.disks, ("read", "written")),
        ("network", "interface", sample.interfaces, ("received", "sent")),
    ):
        yield _counted(
            f"hamster_machine_{kind}_{inward}_bytes",
            f"Bytes {inward} since the start of the machine",
            (label,),
            [((name,), moved.inward) for name, moved in parts.items()],
        )
        yield _counted(
            f"hamster_machine_{kind}_{outward}_bytes",
            f"Bytes {outward} since the start of the machine",
            (label,),
            [((name,), moved.outward) for name, moved in parts.items()],
        )


def _up(view: ServiceView) -> float:
    return float(view.state is State.RUNNING)


def _labelled(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for labelled, value in values:
        family.add_metric(labelled, value)
    return family


def _counted(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[tuple[str, ...], float]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for labelled, value in values:
        family.add_metric(labelled, value)
    return family


def _actors(node: TreeNode) -> Iterator[TreeNode]:
    yield node
    for child in node.children:
        yield from _actors(child)
