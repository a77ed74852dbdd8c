"""Where the server listens and who may talk to it."""

import ipaddress
import re
from collections.abc import Iterable

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, SettingProblem
from hamster.defaults import ORIGINS

PORT = 8000  # the contract's
_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?"
_ORIGIN = re.compile(rf"[a-z][a-z0-9+.-]*://(?:{_HOST}|\[[0-9A-Fa-f:]+\])(?::[0-9]{{1,5}})?")


LOOPBACK = 'a loopback address: "localhost" (127.0.0.1 and ::1), "127.0.0.1" or "::1"'


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*. `localhost` means both 127.0.0.1 and ::1; another name may be any."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def exposed(host: str) -> SettingProblem:
    """What is wrong with listening on *host* as long as anybody who reaches it may do everything."""
    advice = (
        "without authentication nobody else may reach the server; add a table [security] to the configuration, "
        "or use a tunnel"
    )
    return SettingProblem(("host",), host, LOOPBACK, advice)


def listening_host(value: object) -> list[SettingProblem]:
    """What can be listened on: a name, or an address."""
    return [attrs.evolve(p, expected='"localhost", a name or an address, like "0.0.0.0"') for p in host_name(value)]


def origin(value: object) -> list[SettingProblem]:
    """What a browser sends as `Origin`: scheme, host and perhaps a port, nothing after it."""
    if isinstance(value, str) and _ORIGIN.fullmatch(value):
        return []
    advice = "name each one; a wildcard would let every web page in" if value == "*" else "write it without a path"
    return [SettingProblem((), value, 'an origin, like "http://localhost:1420"', advice)]


def host_name(value: object) -> list[SettingProblem]:
    """A host name or an IP address, without scheme, port or path."""
    expected = 'a host name or address without a port, like "hamster.example" or "192.0.2.7"'
    if isinstance(value, str) and re.fullmatch(_HOST, value):
        return []
    try:
        ipaddress.IPv6Address(value if isinstance(value, str) else "")
    except ValueError:
        return [SettingProblem((), value, expected, "change it")]
    return []


def _texts(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(items)


@attrs.frozen(kw_only=True)
class ServerSettings:
    """Where the server listens (port 0: any free one) and which web pages and host names it answers.

    A host that is not loopback is refused where security is not configured. Loopback names and the server's own
    origin are always allowed; the lists are what comes beside them. With `watch_config` a change of the configuration
    file is applied as it is saved. `max_websockets` may be open at a time; `frontend` is a directory with a built
    single-page application that is served. Without `fast_lane` Hypercorn's own protocols speak plain HTTP/1, too.
    """

    host: str = attrs.field(default="localhost", metadata={RULE: listening_host})
    port: int = attrs.field(default=PORT, metadata={RULE: rules.count(0, 65_535)})
    allowed_origins: tuple[str, ...] = attrs.field(
        default=ORIGINS, converter=_texts, metadata={RULE: rules.each(origin, "a list of origins")}
    )
    allowed_hosts: tuple[str, ...] = attrs.field(
        default=(), converter=_texts, metadata={RULE: rules.each(host_name, "a list of host names")}
    )
    watch_config: bool = attrs.field(default=True, metadata={RULE: rules.flag})
    max_websockets: int = attrs.field(default=1_000, metadata={RULE: rules.count(1, 100_000)})
    frontend: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    fast_lane: bool = attrs.field(default=True, metadata={RULE: rules.flag})

    def __attrs_post_init__(self) -> None:
        rules.require(self)
