"""Alerts made of what other parts tell anyway: services, the store, the actors themselves. Pure."""

from collections.abc import Iterable
from typing import TypeAlias

from actors.alerts.messages import Alert, AlertCleared, AlertRaised
from actors.runtime import ActorFailed, ActorStarted
from actors.services.messages import Board, Health, ServiceChanged, ServiceView, State, Wanted
from actors.store import StoreFailed, StoreRecovered

Told: TypeAlias = ServiceChanged | StoreFailed | StoreRecovered | ActorFailed | ActorStarted

SERVICES = "services"
STORE = "store"
ACTORS = "actors"


def alerts_of(event: Told) -> list[AlertRaised | AlertCleared]:
    """What *event* means for alerts; what is raised already, or was never, is for the receiver to know."""
    match event:
        case ServiceChanged(new=view):
            return of_service(view)
        case StoreFailed():
            return [store_failed(event.why)]
        case StoreRecovered():
            return [
                AlertCleared(source=STORE, key="failed", detail=f"it works again; {event.dropped} writes were lost")
            ]
        case ActorFailed():
            return [] if event.restart_in is not None else [actor_failed(event)]
        case ActorStarted():
            return [AlertCleared(source=ACTORS, key=f"gave_up/{event.path}", detail="it runs again")]


def of_service(view: ServiceView) -> list[AlertRaised | AlertCleared]:
    """What the state of a service means for alerts.

    Services raise and clear what they find themselves. What they raised before our own restart they know nothing of any
    more: its end is seen here.
    """
    found: list[AlertRaised | AlertCleared] = []
    rests = view.state is State.EXITED or _rests(view)
    state = f"{view.id} is {view.state.value}"
    if view.state is State.RUNNING or rests:  # starting again is no end of it yet
        found.append(AlertCleared(source=SERVICES, key=f"service_fatal/{view.id}", detail=state))
    if rests or (view.state is State.RUNNING and _is_well(view)):
        key = f"{'service_unhealthy' if view.settings.kind == 'process' else 'monitor_down'}/{view.id}"
        found.append(AlertCleared(source=SERVICES, key=key, detail=f"{view.id} is {view.health.value}"))
    if view.settings.kind == "process" and view.health is Health.UNHEALTHY and view.state is State.RUNNING:
        found.append(
            AlertRaised(
                source=SERVICES,
                key=f"service_unhealthy/{view.id}",
                level="warning",
                code="service_unhealthy",
                detail=f"{view.id} runs and does not work",  # the same at every look: what a probe says may vary
                values={"name": view.settings.name, "error": view.health_detail},
                service_id=view.id,
            )
        )
    return found


def store_failed(why: str) -> AlertRaised:
    """The store does not take writes."""
    return AlertRaised(
        source=STORE, key="failed", level="critical", code="store_failed", detail=why, values={"error": why}
    )


def store_broken(moved_to: str) -> AlertRaised:
    """The database was broken at the start, and a new one was begun."""
    return AlertRaised(
        source=STORE,
        key="broken",
        level="critical",
        code="store_broken",
        detail=f"the database was broken and is now {moved_to}; a new one was begun",
        values={"path": moved_to},
    )


def actor_failed(event: ActorFailed) -> AlertRaised:
    """A part of ours gave up."""
    return AlertRaised(
        source=ACTORS,
        key=f"gave_up/{event.path}",
        level="critical",
        code="actor_failed",
        detail=event.error,
        values={"path": event.path, "error": event.error},
    )


def outdated(active: Iterable[Alert], board: Board) -> list[AlertCleared]:
    """The ends of alerts about services that are no more, and of what we found of those that nobody wants to run.

    No change may tell of either: a service that was given up before our start, and is not started with us, is stopped
    from the beginning.
    """
    found: list[AlertCleared] = []
    for alert in active:
        if alert.service_id is None or alert.source == "metrics":  # which looks at all services by itself
            continue
        view = board.get(alert.service_id)
        if view is None:
            found.append(AlertCleared(source=alert.source, key=alert.key, detail="the service is gone"))
        elif alert.source == SERVICES and _rests(view):
            found.append(AlertCleared(source=alert.source, key=alert.key, detail="it is stopped"))
    return found


def _rests(view: ServiceView) -> bool:
    """Whether it is stopped because somebody wants that; one that stops because we do is wanted all the same."""
    return view.state is State.STOPPED and view.wanted is Wanted.DOWN


def _is_well(view: ServiceView) -> bool:
    """Whether it is seen to be well, or nobody looks at it any more."""
    options = view.settings.process
    return view.health is Health.HEALTHY or (options is not None and options.ready is None and options.alive is None)
