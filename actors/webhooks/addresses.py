"""Which addresses a webhook may go to. Pure.

By ranges and not by `ipaddress.is_global`, which takes some of what leads home for the internet: an IPv4 address within
an IPv6 one, multicast, site-local. What is in another's range is looked at as that other.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# RFC 6890 and its registry: what is not the internet.
_NOT_PUBLIC = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_NAT64 = tuple(IPv6Network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48"))


def is_public(address: str) -> bool:
    """Whether an IP address, as a resolver gives it, is of the internet: neither ours, nor of a network around us."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _NOT_PUBLIC)
    inner = _inner(found)
    if inner is not None:
        return is_public(str(inner))
    return found in _PUBLIC_6 and not any(found in network for network in _NOT_PUBLIC_6)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is reached by *address*, if it stands for one."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in _NAT64) or int(address) < 2**32:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
