"""Who waits for whom: whether what a service depends on is there, and in which order all stop. No I/O."""

import enum
from collections.abc import Iterable, Mapping

import attrs

from actors.services.messages import Board, Health, ServiceView, State, Wanted
from actors.settings import ServiceSettings
from actors.settings.service import Condition

LOOKING = frozenset({"http", "tcp", "exec", "feed", "files"})
"""Kinds that always find out how what they watch is doing; of the others only a process with a probe does."""


class Standing(enum.Enum):
    """How far a dependency is."""

    THERE = "there"
    COMING = "coming"
    """It is not as far yet as it must be."""
    MISSED = "missed"
    """It will not come by itself."""


@attrs.frozen
class Outlook:
    """What stands between a service and its start."""

    waits_for: tuple[str, ...] = ()
    """The services that are not there, in the order of the settings and of the board."""
    resting: tuple[str, ...] = ()
    """Those of them that must be started to come."""
    missed: str | None = None
    """Why the first of them that will not come does not, in English."""


def outlook(settings: ServiceSettings, board: Board, *, brings: bool) -> Outlook:
    """What stands between the service of *settings* and its start.

    Args:
        settings: Whose `depends_on` is looked at. A name in it is a service, or all instances of one.
        board: All services.
        brings: It starts what it depends on. Otherwise it does not wait for what was told to stop.
    """
    waits_for: list[str] = []
    resting: list[str] = []
    missed: str | None = None
    for name, condition in settings.depends_on.items():
        views = named(name, board)
        if not views:
            waits_for.append(name)
            missed = missed or f"there is no service {name!r}"
        for view in views:
            stands = standing(view, condition)
            rests = view.wanted is Wanted.DOWN or view.state is State.EXITED
            if stands is Standing.THERE or (view.wanted is Wanted.DOWN and not brings):
                continue
            waits_for.append(view.id)
            if stands is Standing.MISSED:
                missed = missed or why_missed(view)
            elif rests:
                resting.append(view.id)
    return Outlook(tuple(waits_for), tuple(resting), missed)


def standing(view: ServiceView, condition: Condition) -> Standing:
    """How far a dependency is. A job that has ended as expected has been started, too."""
    if not view.available or view.state is State.FATAL:
        return Standing.MISSED
    match condition:
        case "started":
            there = view.state in (State.RUNNING, State.EXITED)
        case "healthy":
            there = view.state is State.RUNNING and _well(view)
        case "completed":
            there = view.state is State.EXITED
    return Standing.THERE if there else Standing.COMING


def _well(view: ServiceView) -> bool:
    process = view.settings.process
    asked = view.settings.kind in LOOKING or (process is not None and (process.ready or process.alive) is not None)
    return view.health is Health.HEALTHY or (view.health is Health.UNKNOWN and not asked)


def why_missed(view: ServiceView) -> str:
    """Why a dependency will not come, in English, named."""
    if not view.available:
        return f"{view.id} cannot be started"
    failure = view.last_failure
    return f"{view.id} is {view.state.value}" + ("" if failure is None else f": {failure.detail}")


def named(name: str, board: Board) -> list[ServiceView]:
    """The service of this id, or all instances of one."""
    one = board.get(name)
    return [one] if one is not None else [v for v in board.values() if v.settings.instance_of == name]


# -- all of them


def dependents(services: Iterable[ServiceSettings]) -> Mapping[str, frozenset[str]]:
    """By id, the services that depend on it, directly."""
    services = tuple(services)
    found: dict[str, set[str]] = {service.id: set() for service in services}
    groups: dict[str, set[str]] = {}
    for service in services:
        groups.setdefault(service.instance_of or service.id, set()).add(service.id)
    for service in services:
        for name in service.depends_on:
            for target in groups.get(name, ()) if name not in found else (name,):
                found[target].add(service.id)
    return {name: frozenset(others) for name, others in found.items()}


def longest(dependents: Mapping[str, frozenset[str]], seconds: Mapping[str, float]) -> float:
    """How long it takes until all have stopped, each after its dependents, if each takes its *seconds*."""
    known: dict[str, float] = {}

    def until(name: str, above: tuple[str, ...]) -> float:
        if name not in known:
            # A circle, which settings refuse, must not be followed for ever.
            later = [until(other, (*above, name)) for other in dependents[name] if other not in above]
            known[name] = seconds.get(name, 0.0) + max(later, default=0.0)
        return known[name]

    return max((until(name, ()) for name in dependents), default=0.0)
