"""Connections to receivers: an address is looked at, and it is that one which is connected to."""

import socket
from collections.abc import Iterable
from typing import cast

import httpcore
import trio

from actors.webhooks.addresses import is_public

ADDRESS_SECONDS = 5.0
"""For one address of several, before the next one is tried."""


class Blocked(Exception):
    """The name leads to an address that is not of the internet."""

    def __init__(self, host: str, address: str) -> None:
        if host == address:
            where = f"{address} is not a public address"
        else:
            where = f"{host} is {address}, which is not a public address"
        super().__init__(f"{where}; nothing was sent; allow_private allows it")
        self.host = host
        self.address = address


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects, and refuses a name of which one address is not public, unless *private* ones are allowed."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._tcp = cast("httpcore.AsyncNetworkBackend", httpcore.TrioBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve *host* once, look at every address, and connect to the first of them that answers."""
        try:
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        if not self._private:
            for address in addresses:
                if not is_public(address):
                    raise Blocked(host, address)
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            seconds = ADDRESS_SECONDS if len(addresses) > 1 else timeout
            try:
                return await self._tcp.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """No receiver is one."""
        raise httpcore.ConnectError("no receiver is a Unix socket")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await trio.sleep(seconds)
