"""The backend of WatchHamster as supervised actors, usable from any Trio program."""

from actors.metrics.messages import (
    AlertChanged,
    ClearHistory,
    GetChart,
    GetHistory,
    GetStability,
    Readings,
    SampleTaken,
)
from actors.services import (
    ServiceChanged,
    ServiceEvent,
    ServiceNotFound,
    Services,
    ServiceUnavailable,
    ServiceView,
    State,
)
from actors.settings import MetricsSettings, ProcessOptions, ServiceSettings, SettingsError, SystemSettings
from actors.system import Metrics, System, open_system

__all__ = [
    "AlertChanged",
    "ClearHistory",
    "GetChart",
    "GetHistory",
    "GetStability",
    "Metrics",
    "MetricsSettings",
    "ProcessOptions",
    "Readings",
    "SampleTaken",
    "ServiceChanged",
    "ServiceEvent",
    "ServiceNotFound",
    "ServiceSettings",
    "ServiceUnavailable",
    "ServiceView",
    "Services",
    "SettingsError",
    "State",
    "System",
    "SystemSettings",
    "open_system",
]
