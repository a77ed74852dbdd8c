"""What the connections of a server share, and what it knows of each."""

import ssl
from collections.abc import Callable, Sequence

import attrs
import trio
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, LifespanState

from hamster.server.answers import DateLine
from hamster.server.exchanges import Exchanges
from hamster.server.heads import Head, HeadCache
from hamster.server.limits import ServerLimits
from hamster.server.protocol import ErrorAnswer
from hamster.server.stream import AcceptedStream

Address = tuple[str, int]

Ready = Callable[[Head, Address | None, Address | None, bool], tuple[int, bytes] | None]
"""An answer that need not be made. Takes a head without a body, the client's address, ours, and whether there is TLS.
Gives the status, and everything that follows the status line and the date; or None: ask the application."""


@attrs.frozen(kw_only=True)
class Serving:
    """What all connections of a server share."""

    app: ASGIFramework
    config: Config
    worker: WorkerContext
    state: LifespanState
    exchanges: Exchanges
    limits: ServerLimits
    tls: ssl.SSLContext | None
    error_answer: ErrorAnswer
    fast_lane: bool
    ready: Ready | None
    heads: HeadCache = attrs.field(factory=HeadCache)
    date: DateLine = attrs.field(factory=DateLine)


class Connection:
    """What the server knows of one connection, whoever serves it.

    Attributes:
        stream: The client's bytes, below TLS.
        idle_since: Trio's clock; set while no request is in progress, and before the first.
        head_since: Trio's clock; set while a part of a head is there.
        websocket: An upgrade was accepted, so silence is normal and pings tell whether the client lives.
    """

    def __init__(self, stream: AcceptedStream) -> None:
        self.stream = stream
        self.idle_since: float | None = trio.current_time()
        self.head_since: float | None = None
        self.websocket = False
        self.scope = trio.CancelScope()
        self.client = address(stream.socket.getpeername)

    def abort(self) -> None:
        """End it now, whatever it waits for."""
        self.stream.abort()
        self.scope.cancel()


def address(name: Callable[[], Sequence[object]]) -> Address | None:
    """Host and port from a socket's `getpeername` or `getsockname`; None when the client has left already."""
    try:
        host, port, *_ = name()
    except OSError:
        return None
    return str(host), int(str(port))
