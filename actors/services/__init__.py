"""Services: supervised child processes, and the kinds that are still to come."""

from actors.services.directory import Services
from actors.services.messages import (
    Accepted,
    Board,
    Failure,
    Happened,
    Health,
    RestartService,
    ServiceChanged,
    ServiceCommands,
    ServiceEvent,
    ServiceNotFound,
    ServiceUnavailable,
    ServiceView,
    StartService,
    State,
    StopService,
    Wanted,
)

__all__ = [
    "Accepted",
    "Board",
    "Failure",
    "Happened",
    "Health",
    "RestartService",
    "ServiceChanged",
    "ServiceCommands",
    "ServiceEvent",
    "ServiceNotFound",
    "ServiceUnavailable",
    "ServiceView",
    "Services",
    "StartService",
    "State",
    "StopService",
    "Wanted",
]
