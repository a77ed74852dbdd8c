"""Monitors: services that are no process of ours, but look at something now and then."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from actors.runtime import ActorError, ActorState, Bus, Ref
from actors.services.causes import SHUTDOWN
from actors.services.messages import Health, ServiceCommands, ShutDown, State
from actors.services.monitors.base import MonitorService
from actors.services.monitors.checks import ExecMonitor, HttpMonitor, TcpMonitor
from actors.services.monitors.feed.monitor import FeedMonitor
from actors.services.monitors.files.monitor import FilesMonitor
from actors.services.monitors.journal import Journal
from actors.services.monitors.record import NOT_RUNNING, MonitorRecord
from actors.services.monitors.report.monitor import ReportMonitor
from actors.services.monitors.surroundings import Surroundings
from actors.services.record import BoardWriter
from actors.settings import ServiceSettings

log = logging.getLogger("actors.services")

SHUT_DOWN_ANSWER = 1.0
"""Seconds that a monitor's actor has to take the shutdown: its looks are in tasks beside it."""

MONITORS: Mapping[str, type[MonitorService]] = {
    "http": HttpMonitor,
    "tcp": TcpMonitor,
    "exec": ExecMonitor,
    "feed": FeedMonitor,
    "files": FilesMonitor,
    "report": ReportMonitor,
}
"""The actor of each kind of monitor."""


def can_start(settings: ServiceSettings) -> bool:
    """Whether a service could be started: a process always, a monitor of a kind we have that has something to watch."""
    if settings.kind == "process":
        return True
    kind = MONITORS.get(settings.kind)
    return kind is not None and kind.missing(settings) is None


def new_monitor(settings: ServiceSettings, board: BoardWriter, bus: Bus, logs_dir: Path) -> MonitorRecord:
    """The record of a monitor that was never started."""
    journal = Journal(logs_dir / f"{settings.id}.log", settings.log, f"monitor.{settings.kind}")
    return MONITORS[settings.kind].RECORD(settings, board, bus, journal)


def actor_of(record: MonitorRecord, surroundings: Surroundings) -> Callable[[], MonitorService]:
    """What makes an incarnation of the monitor that *record* is of."""
    kind = MONITORS[record.settings.kind]
    return lambda: kind(record, surroundings)


async def shut_down_monitor(ref: Ref[ServiceCommands], record: MonitorRecord) -> None:
    """Stop a monitor for good, also one whose actor is down: nothing of it looks any more."""
    record.shutting_down = True
    if ref.state is ActorState.RUNNING:
        try:
            await ref.ask(ShutDown(), timeout=SHUT_DOWN_ANSWER)
        except ActorError as error:
            log.error("services.shutdown_unanswered service=%s error=%s next=none", record.settings.id, error)
        else:
            return
    record.change(SHUTDOWN, **NOT_RUNNING, state=State.STOPPED, health=Health.UNKNOWN, waits_for=())


__all__ = [
    "MONITORS",
    "MonitorRecord",
    "MonitorService",
    "Surroundings",
    "actor_of",
    "can_start",
    "new_monitor",
    "shut_down_monitor",
]
