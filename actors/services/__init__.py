"""Services: supervised child processes, and the kinds that are still to come."""

from actors.services.checking import CheckAborted, CheckNow, LookTicket, NotCheckable, NotRunning
from actors.services.directory import Services
from actors.services.look import Look
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
    ServiceUnconfigured,
    ServiceView,
    StartService,
    State,
    StopService,
    Wanted,
)

__all__ = [
    "Accepted",
    "Board",
    "CheckAborted",
    "CheckNow",
    "Failure",
    "Happened",
    "Health",
    "Look",
    "LookTicket",
    "NotCheckable",
    "NotRunning",
    "RestartService",
    "ServiceChanged",
    "ServiceCommands",
    "ServiceEvent",
    "ServiceNotFound",
    "ServiceUnavailable",
    "ServiceUnconfigured",
    "ServiceView",
    "Services",
    "StartService",
    "State",
    "StopService",
    "Wanted",
]
