"""Whose address a request came from, when a proxy may stand in front.

A header is believed only if the connection comes from a proxy that was listed, and then only as far as each address
in it was added by one: reading from the right, the first that is none of them is who asked.
"""

import ipaddress
from collections.abc import Sequence
from typing import Protocol, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_HOPS = 32
"""Addresses of a header that are looked at, from the right."""


class Head(Protocol):
    """A request as far as security looks; a gate's `RequestHead` is one."""

    @property
    def method(self) -> str: ...
    @property
    def is_websocket(self) -> bool: ...
    def values(self, name: bytes) -> list[bytes]: ...


class Proxies:
    """Knows which peers are proxies of ours."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        """*trusted* are addresses and networks.

        Raises:
            ValueError: One is neither.
        """
        self._trusted = [network_of(text) for text in trusted]

    def client(self, peer: str | None, head: Head) -> str | None:
        """Whose request it is: the peer, or whom trusted proxies name. None where the connection has no address."""
        if not self._trusted or peer is None or not self._is_trusted(peer):
            return peer
        # Both at once could name two different clients, and only one of them was written by the proxy.
        forwarded = _forwarded(head.values(b"forwarded")) or _x_forwarded_for(head.values(b"x-forwarded-for"))
        found = peer
        for text in reversed(forwarded[-MOST_HOPS:]):
            address = parse_address(text)
            if address is None:
                break
            found = str(address)
            if not self._is_trusted(found):
                break
        return found

    def _is_trusted(self, text: str) -> bool:
        address = parse_address(text)
        return address is not None and any(address in network for network in self._trusted)


def network_of(text: str) -> Network:
    """The network, or the one address, that *text* says.

    Raises:
        ValueError: It says none.
    """
    return ipaddress.ip_network(text, strict=False)


def parse_address(text: str) -> Address | None:
    """An address as headers have it: perhaps with a port, in brackets, in quotes, or an IPv4 one as IPv6."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if isinstance(mapped, ipaddress.IPv4Address) else address


def peer_name(client: str | None) -> str:
    """What a peer is counted by: its address, of IPv6 the /64 network, of which one machine may have all."""
    address = None if client is None else parse_address(client)
    if address is None:
        return client or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _x_forwarded_for(values: Sequence[bytes]) -> list[str]:
    return [part for value in values for part in value.decode("latin-1").split(",")]


def _forwarded(values: Sequence[bytes]) -> list[str]:
    """The `for=` of each element of RFC 7239's header."""
    found: list[str] = []
    for element in (part for value in values for part in value.decode("latin-1").split(",")):
        pairs = (pair.partition("=") for pair in element.split(";"))
        found += [value for name, _, value in pairs if name.strip().lower() == "for"]
    return found
