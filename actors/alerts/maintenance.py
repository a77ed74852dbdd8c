"""Times in which nobody is told: whether one is now, and of which alerts. Pure."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from cronsim import CronSim

from actors.alerts.messages import Alert
from actors.settings import MaintenanceWindow, ServiceSettings
from actors.settings.patterns import names

FindService = Callable[[str], ServiceSettings | None]
"""The settings of the service of an id; None when there is none (any more)."""


def is_open(window: MaintenanceWindow, now: datetime, zone: tzinfo | None) -> bool:
    """Whether *now* (aware) is within *window*: its start belongs to it, its end does not.

    Args:
        window: Times without an offset are in its own zone, else in *zone*.
        now: Aware.
        zone: The system's; None is the machine's.
    """
    at = _zone(window, zone)
    if window.start is not None and window.end is not None:
        return _aware(window.start, at) <= now < _aware(window.end, at)
    if window.cron is None or window.duration is None:
        return False
    # The first time after it began so long ago: were that yet to come, none of them lasts now. Going over to UTC and
    # back, so that an hour that clocks live through twice is told apart.
    earliest = (now.astimezone(UTC) - timedelta(seconds=window.duration)).astimezone(at)
    begins = next(CronSim(window.cron, earliest), None)
    return begins is not None and begins <= now


def ends(window: MaintenanceWindow, zone: tzinfo | None) -> datetime | None:
    """When *window* is over for good; None for one that comes again."""
    return None if window.end is None else _aware(window.end, _zone(window, zone))


def concerns(window: MaintenanceWindow, alert: Alert, find: FindService) -> bool:
    """Whether *window* is for alerts such as *alert*."""
    if window.rules and not any(fnmatchcase(alert.rule, pattern) for pattern in window.rules):
        return False
    if not window.services:
        return True
    if alert.service_id is None:
        return False
    service = find(alert.service_id) or ServiceSettings(id=alert.service_id, kind="http")
    return any(names(pattern, service) for pattern in window.services)


def _zone(window: MaintenanceWindow, zone: tzinfo | None) -> tzinfo | None:
    return ZoneInfo(window.zone) if window.zone else zone


def _aware(at: datetime, zone: tzinfo | None) -> datetime:
    if at.tzinfo is not None:
        return at
    return at.astimezone() if zone is None else at.replace(tzinfo=zone)
