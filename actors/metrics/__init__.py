"""The machine's figures: samples, their history, alert rules, usage and stability of services."""

from actors.metrics.history import MAX_POINTS, History, HistorySettingRefused
from actors.metrics.machine import Counters, Link, Machine, PsutilMachine, SourceMissing
from actors.metrics.records import NaiveInstant, NetworkStatus, Point, Sample
from actors.metrics.rules import (
    Change,
    Health,
    Level,
    Rule,
    RuleState,
    Status,
    changes,
    evaluate,
    initial,
    rules_of,
    step,
    system_health,
)
from actors.metrics.sampler import Sampler
from actors.metrics.stability import ServiceFailure, Stability, StabilityView
from actors.metrics.usage import ProcessRow, ProcessUsage, Usage

__all__ = [
    "MAX_POINTS",
    "Change",
    "Counters",
    "Health",
    "History",
    "HistorySettingRefused",
    "Level",
    "Link",
    "Machine",
    "NaiveInstant",
    "NetworkStatus",
    "Point",
    "ProcessRow",
    "ProcessUsage",
    "PsutilMachine",
    "Rule",
    "RuleState",
    "Sample",
    "Sampler",
    "ServiceFailure",
    "SourceMissing",
    "Stability",
    "StabilityView",
    "Status",
    "Usage",
    "changes",
    "evaluate",
    "initial",
    "rules_of",
    "step",
    "system_health",
]
