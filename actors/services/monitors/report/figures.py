"""What a report says, as variables of its template. Pure."""

import datetime as dt
from collections.abc import Mapping

from actors.services.messages import Board, Health, ServiceView, State
from actors.services.monitors.report.tally import Figure, Tally

NAMED = 10
"""Services that are named in each list; the rest is counted."""
NOTHING = "-"

DOWN = (State.BACKOFF, State.FATAL)


def variables(board: Board, tally: Tally, due: dt.datetime, zone: dt.tzinfo) -> dict[str, str]:
    """Everything that a template may use.

    Args:
        board: All services, now.
        tally: What was counted since the report before.
        due: When this one was due.
        zone: Of the times.
    """
    views = list(board.values())
    down = [view for view in views if is_down(view)]
    running = [view for view in views if view.state is State.RUNNING]
    begin = dt.datetime.fromtimestamp(tally.since, dt.UTC)
    failures = sorted(tally.failures.items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        "timestamp": _time(due, zone),
        "since": _time(begin, zone),
        "services_running": str(len(running)),
        "services_total": str(len(views)),
        "services_down": str(len(down)),
        "down": _listed([view.settings.name for view in down]),
        "restarts": str(tally.restarts),
        "failures": str(sum(tally.failures.values())),
        "failed": _listed([f"{_name(board, service)} {count}" for service, count in failures]),
        "recoveries": str(tally.recoveries),
        "alerts": str(tally.alerts),
        "alerts_over": str(tally.alerts_over),
        "cpu": _figure(tally.cpu),
        "memory": _figure(tally.memory),
        "disk": _figure(tally.disk),
    }


def plain(values: Mapping[str, str]) -> str:
    """The same without a template."""
    return "\n".join(f"{name}: {value}" for name, value in values.items())


def is_down(view: ServiceView) -> bool:
    """Whether a service is not as it is wanted: it failed, or what it watches did."""
    return view.state in DOWN or (view.state is State.RUNNING and view.health is Health.UNHEALTHY)


def _figure(figure: Figure) -> str:
    return NOTHING if figure.mean is None else f"{figure.mean:.1f}% (max {figure.highest:.1f}%)"


def _name(board: Board, service: str) -> str:
    view = board.get(service)
    return service if view is None else view.settings.name


def _listed(names: list[str]) -> str:
    if not names:
        return NOTHING
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" +{more}" if more > 0 else "")


def _time(instant: dt.datetime, zone: dt.tzinfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
