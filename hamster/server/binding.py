"""Listening sockets."""

import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import Sequence

import trio

from hamster.server.errors import (
    AddressInUse,
    AddressNotHere,
    BindError,
    Exposed,
    InvalidPort,
    PortForbidden,
    UnknownHost,
)

#: Both, because a browser may resolve the name `localhost` to either.
LOOPBACKS = ("127.0.0.1", "::1")
#: Connections that the kernel completes while we are busy; a page of 1,000 watchers reconnects at once.
BACKLOG = 1_024
#: Two families, one port: how often another program may sit on the second one before we give up.
FREE_PORT_ATTEMPTS = 32

#: What a machine without IPv6 answers, depending on how it lacks it.
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT, errno.ENODEV})


async def bind_sockets(host: str = "localhost", port: int = 0, *, backlog: int = BACKLOG) -> list[socket.socket]:
    """Sockets that listen on *port* of every address of *host*, which the caller closes or gives away.

    Args:
        host: A name or an address. `localhost` is 127.0.0.1 and [::1] on the same port, or only the first
            where there is no IPv6.
        port: 0 to 65535; 0 takes one that is free on every address.
        backlog: Connections the kernel holds for us until they are accepted.

    Raises:
        BindError: One of its kinds, with the sentence to show.
    """
    if not 0 <= port <= 65_535:
        raise InvalidPort(host, port)
    optional = host.rstrip(".").lower() == "localhost"
    addresses = LOOPBACKS if optional else await _addresses(host, port)
    attempts = FREE_PORT_ATTEMPTS if port == 0 else 1
    while True:
        attempts -= 1
        try:
            return _bind_all(addresses, port, backlog=backlog, ipv6_optional=optional)
        except AddressInUse:
            if not attempts:
                raise


async def _addresses(host: str, port: int) -> Sequence[str]:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(bare))]
    try:
        found = await trio.socket.getaddrinfo(bare or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UnknownHost(host, port, getattr(error, "strerror", None) or str(error)) from None
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def _bind_all(addresses: Sequence[str], port: int, *, backlog: int, ipv6_optional: bool) -> list[socket.socket]:
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        for address in addresses:
            try:
                listener = _bind(address, port, backlog)
            except OSError as error:
                if ":" in address and ipv6_optional and sockets and error.errno in _NO_IPV6:
                    continue
                raise _explained(error, address, port) from None
            sockets.append(listener)
            opened.callback(listener.close)
            port = int(listener.getsockname()[1])
        opened.pop_all()
        return sockets


def _bind(address: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # A restart must not wait for the old connections to time out. On Windows the same option would
            # let two programs share the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def refuse_exposed(sockets: Sequence[socket.socket]) -> None:
    """See that only this machine reaches *sockets*.

    Raises:
        Exposed: Others do.
    """
    for listener in sockets:
        if listener.family not in (socket.AF_INET, socket.AF_INET6):
            continue
        host, port = listener.getsockname()[:2]
        if not ipaddress.ip_address(str(host).partition("%")[0]).is_loopback:
            raise Exposed(host, port)


def _explained(error: OSError, address: str, port: int) -> BindError:
    match error.errno:
        case errno.EADDRINUSE:
            return AddressInUse(address, port)
        case errno.EACCES | errno.EPERM:
            return PortForbidden(address, port)
        case errno.EADDRNOTAVAIL:
            return AddressNotHere(address, port)
        case _:
            return BindError(address, port, f"cannot listen on {address} port {port}: {error.strerror or error}")


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """The address a client on this machine connects to: loopback where every interface is listened on."""
    host, port = listener.getsockname()[:2]
    if listener.family == socket.AF_INET6:
        host = "[::1]" if host == "::" else f"[{host}]"
    elif host == "0.0.0.0":  # noqa: S104 (compared with, not bound to)
        host = "127.0.0.1"
    return f"{'https' if tls else 'http'}://{host}:{port}"
