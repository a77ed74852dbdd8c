"""The backend of WatchHamster as supervised actors, usable from any Trio program."""

from actors.alerts.actor import Alerts
from actors.alerts.messages import (
    AcknowledgeAlert,
    Alert,
    AlertChanged,
    AlertCleared,
    AlertRaised,
    CloseWindow,
    OpenWindow,
    SilenceAlert,
    SilenceRule,
)
from actors.metrics.messages import (
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
from actors.settings import (
    AlertRule,
    AlertSettings,
    MaintenanceWindow,
    MetricsSettings,
    ProcessOptions,
    ServiceSettings,
    SettingsError,
    SystemSettings,
)
from actors.system import Metrics, System, open_system

__all__ = [
    "AcknowledgeAlert",
    "Alert",
    "AlertChanged",
    "AlertCleared",
    "AlertRaised",
    "AlertRule",
    "AlertSettings",
    "Alerts",
    "ClearHistory",
    "CloseWindow",
    "GetChart",
    "GetHistory",
    "GetStability",
    "MaintenanceWindow",
    "Metrics",
    "MetricsSettings",
    "OpenWindow",
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
    "SilenceAlert",
    "SilenceRule",
    "State",
    "System",
    "SystemSettings",
    "open_system",
]
