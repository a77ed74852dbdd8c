"""What the actors are told before they start: frozen data that cannot hold a value out of its range.

Where the values come from (a file, the API, a program that embeds us) is not known here. Each class checks itself as
it is made and names every mistake at once in `SettingsError`; durations are seconds, sizes bytes.
"""

from actors.setting_rules import SettingProblem, SettingsError
from actors.settings.alerts import (
    LEVELS,
    WEBHOOK_TYPES,
    AlertRule,
    AlertSettings,
    Figure,
    Level,
    MaintenanceWindow,
)
from actors.settings.checks import CheckOptions
from actors.settings.feed import PRESETS, FeedOptions, JsonPaths, SourceOptions
from actors.settings.files import CleanupOptions, FilesCheck, FilesOptions
from actors.settings.instances import expanded, instance_count, instance_ids, instance_problems, is_group
from actors.settings.kinds import KINDS, LOGS, OWN_LOG, Kind, OptionValue, Scalar
from actors.settings.logs import LOG_LEVELS, LogAlert, LogLevel, LogsSettings, OutsideLog, RetentionOptions
from actors.settings.metrics import HISTORY_SAMPLES, MetricsSettings
from actors.settings.monitors import (
    MONITORS,
    ExecOptions,
    HttpOptions,
    JsonCheck,
    MonitorOptions,
    PartOptions,
    TcpOptions,
)
from actors.settings.posco import PoscoSettings
from actors.settings.probes import AliveOptions, ProbeOptions, ReadyOptions
from actors.settings.process import FileWatchOptions, ProcessOptions, Restart, ScheduleOptions
from actors.settings.report import ReportOptions
from actors.settings.service import (
    Condition,
    LogOptions,
    Origin,
    ServiceSettings,
    dependency_problems,
    service_id,
)
from actors.settings.service_tables import COMMON, ENABLED, read_service, service_table
from actors.settings.system import DATABASE, SystemSettings, service_problems
from actors.settings.webhooks import WebhookSettings

__all__ = [
    "COMMON",
    "DATABASE",
    "ENABLED",
    "HISTORY_SAMPLES",
    "KINDS",
    "LEVELS",
    "LOGS",
    "LOG_LEVELS",
    "MONITORS",
    "OWN_LOG",
    "PRESETS",
    "WEBHOOK_TYPES",
    "AlertRule",
    "AlertSettings",
    "AliveOptions",
    "CheckOptions",
    "CleanupOptions",
    "Condition",
    "ExecOptions",
    "FeedOptions",
    "Figure",
    "FileWatchOptions",
    "FilesCheck",
    "FilesOptions",
    "HttpOptions",
    "JsonCheck",
    "JsonPaths",
    "Kind",
    "Level",
    "LogAlert",
    "LogLevel",
    "LogOptions",
    "LogsSettings",
    "MaintenanceWindow",
    "MetricsSettings",
    "MonitorOptions",
    "OptionValue",
    "Origin",
    "OutsideLog",
    "PartOptions",
    "PoscoSettings",
    "ProbeOptions",
    "ProcessOptions",
    "ReadyOptions",
    "ReportOptions",
    "Restart",
    "RetentionOptions",
    "Scalar",
    "ScheduleOptions",
    "ServiceSettings",
    "SettingProblem",
    "SettingsError",
    "SourceOptions",
    "SystemSettings",
    "TcpOptions",
    "WebhookSettings",
    "dependency_problems",
    "expanded",
    "instance_count",
    "instance_ids",
    "instance_problems",
    "is_group",
    "read_service",
    "service_id",
    "service_problems",
    "service_table",
]
