"""Host and Origin as clients write them, brought to one spelling."""

import ipaddress
import re

import attrs

#: The ports a browser leaves out.
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

#: A name as in DNS, with the underscore that some local networks use; an address in brackets; a port. No user
#: information, no percent encoding, no space: whoever sends those is no browser.
_AUTHORITY = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,31})://(?P<authority>[^/?#@\\\s]+)")


@attrs.frozen
class Authority:
    """A host in lower case without a trailing dot or brackets, and the port if one is written."""

    host: str
    port: int | None

    @property
    def is_loopback(self) -> bool:
        """The machine itself under a name that nobody else's DNS decides."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@attrs.frozen
class Origin:
    """A page's origin; the port is None for a scheme without a usual one."""

    scheme: str
    host: str
    port: int | None


def parse_authority(text: str) -> Authority | None:
    """`localhost:8000`, `[::1]`, `example.org.`; None for anything else."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    name, port_text = found["name"], found["port"]
    port = int(port_text) if port_text is not None else None
    if port is not None and port > 65_535:
        return None
    host = _address(name[1:-1]) if name.startswith("[") else _name(name)
    return None if host is None else Authority(host, port)


def parse_origin(text: str) -> Origin | None:
    """`http://localhost:1420`, `tauri://localhost`; None for `null`, a path, user information and so on."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return None
    authority = parse_authority(found["authority"])
    if authority is None:
        return None
    scheme = found["scheme"].lower()
    port = authority.port if authority.port is not None else DEFAULT_PORTS.get(scheme)
    return Origin(scheme, authority.host, port)


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def _name(text: str) -> str | None:
    lower = text.lower()
    bare = lower.removesuffix(".")
    if not bare or bare.startswith(".") or ".." in bare or bare.endswith("."):
        return None
    return bare
