"""What the server allows a client to take."""

import attrs

MIB = 1024 * 1024


@attrs.frozen(kw_only=True)
class ServerLimits:
    """Bounds on connections; durations in seconds, sizes in bytes."""

    #: A page holds one socket and a few keep-alive connections: 1,000 watchers and room for the rest.
    max_connections: int = 1_100
    #: How long a connection may stay without a request.
    keep_alive_seconds: float = 30.0
    #: From the first byte of a request's head to its last. On the stock protocols it is `keep_alive_seconds`.
    head_seconds: float = 10.0
    #: A write that a client takes nothing of for so long ends its connection: it holds memory and a place.
    send_seconds: float = 30.0
    tls_handshake_seconds: float = 10.0
    startup_seconds: float = 30.0
    shutdown_seconds: float = 5.0
    #: A ping at this rate makes a healthy WebSocket client say something.
    websocket_ping_seconds: float = 60.0
    #: A WebSocket from which nothing at all came for so long has lost its peer.
    websocket_silent_seconds: float = 300.0
    websocket_max_message: int = MIB
    #: Request line and headers together.
    max_head: int = 32 * 1024


@attrs.frozen(kw_only=True)
class ServerStatistics:
    """Counts since the start, and what is open now."""

    open_connections: int
    open_websockets: int
    open_streams: int
    accepted: int
    #: Turned away because `max_connections` were open.
    refused: int
    #: Connections that ended with an error of ours or of the protocol library.
    crashed: int
    #: Connections closed by force at the end of a drain.
    aborted: int
    #: Times the machine had no file or buffer left to accept with.
    accept_pauses: int
    draining: bool
