"""How WatchHamster is served: any ASGI application, on Trio, by a server that ends when it is told to."""

from .binding import BACKLOG, LOOPBACKS, bind_sockets
from .errors import (
    AddressInUse,
    AddressNotHere,
    BindError,
    ClientGone,
    InvalidPort,
    PortForbidden,
    ServerError,
    StartupFailed,
    UnknownHost,
)
from .limits import ServerLimits, ServerStatistics
from .protocol import ErrorAnswer
from .server import DEFAULT_GRACE, Server, open_server, plain_error

__all__ = [
    "BACKLOG",
    "DEFAULT_GRACE",
    "LOOPBACKS",
    "AddressInUse",
    "AddressNotHere",
    "BindError",
    "ClientGone",
    "ErrorAnswer",
    "InvalidPort",
    "PortForbidden",
    "Server",
    "ServerError",
    "ServerLimits",
    "ServerStatistics",
    "StartupFailed",
    "UnknownHost",
    "bind_sockets",
    "open_server",
    "plain_error",
]
