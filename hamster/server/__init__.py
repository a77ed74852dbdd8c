"""How WatchHamster is served: any ASGI application, on Trio, by a server that ends when it is told to."""

from hamster.server.binding import BACKLOG, LOOPBACKS, bind_sockets, refuse_exposed
from hamster.server.errors import (
    AddressInUse,
    AddressNotHere,
    BindError,
    ClientGone,
    Exposed,
    InvalidPort,
    PortForbidden,
    ServerError,
    StartupFailed,
    UnknownHost,
    only_client_gone,
)
from hamster.server.heads import Head
from hamster.server.limits import ServerLimits, ServerStatistics
from hamster.server.protocol import ErrorAnswer
from hamster.server.server import DEFAULT_GRACE, Server, open_server, plain_error
from hamster.server.serving import Address, Ready

__all__ = [
    "BACKLOG",
    "DEFAULT_GRACE",
    "LOOPBACKS",
    "Address",
    "AddressInUse",
    "AddressNotHere",
    "BindError",
    "ClientGone",
    "ErrorAnswer",
    "Exposed",
    "Head",
    "InvalidPort",
    "PortForbidden",
    "Ready",
    "Server",
    "ServerError",
    "ServerLimits",
    "ServerStatistics",
    "StartupFailed",
    "UnknownHost",
    "bind_sockets",
    "only_client_gone",
    "open_server",
    "plain_error",
    "refuse_exposed",
]
