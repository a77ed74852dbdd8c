"""Who may do what, and how often: the table [security], whose presence turns it on."""

import ipaddress
from collections.abc import Mapping

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, Nothing, SettingProblem
from actors.setting_tables import named_tables
from hamster.security.passwords import is_hash
from hamster.security.scopes import SCOPE_NAMES, ScopeName

DAY = 86_400.0
USER_NAME = rules.matching(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", "a name of letters, digits and . _ @ -, like kim")


def password_hash(value: object) -> list[SettingProblem]:
    """A hash of argon2. What stands there instead is not shown: it may be the password."""
    if isinstance(value, str) and is_hash(value):
        return []
    return [SettingProblem((), Nothing.HIDDEN, "a hash, $argon2id$...", "make it with `hamster token hash-password`")]


def network(value: object) -> list[SettingProblem]:
    """An address or a network."""
    try:
        found = ipaddress.ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None:
        return [SettingProblem((), value, 'an address or a network, like "192.0.2.7" or "10.0.0.0/8"', "change it")]
    if found.prefixlen == 0:
        return [SettingProblem((), value, "a network of proxies of yours", "anybody could say who they are; narrow it")]
    return []


def per_second(value: object) -> list[SettingProblem]:
    """How often."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0.001 <= value <= 1_000_000
    return [] if right else [SettingProblem((), value, "times per second, 0.001 to 1000000")]


def _texts(items: "tuple[str, ...] | list[str]") -> tuple[str, ...]:
    return tuple(items)


@attrs.frozen(kw_only=True)
class UserSettings:
    """Somebody who may log in: the hash of the password, and what they may do."""

    password: str = attrs.field(repr=False, metadata={RULE: password_hash})
    scope: ScopeName = attrs.field(default="read", metadata={RULE: rules.one_of(*SCOPE_NAMES)})

    def __attrs_post_init__(self) -> None:
        rules.require(self)


@attrs.frozen(kw_only=True)
class SecuritySettings:
    """Users, the lifetimes of what they get by logging in, how often anybody may ask, and proxies.

    An access token holds for `access_token_seconds`, a refresh token for `refresh_token_seconds` unless it is used,
    and a session ends after `session_seconds` however often. Who has a credential may ask `requests_per_second`
    times, and `burst` times at once; an address without one `anonymous_per_second` and `anonymous_burst`. An
    address may try to log in `login_burst` times, and then `logins_per_minute` times; the same holds for a user,
    from all addresses together, three times over.
    """

    users: Mapping[str, UserSettings] = attrs.field(
        factory=dict[str, UserSettings], metadata=named_tables(UserSettings, USER_NAME)
    )
    access_token_seconds: float = attrs.field(default=900.0, metadata={RULE: rules.seconds(10.0, DAY)})
    refresh_token_seconds: float = attrs.field(default=14 * DAY, metadata={RULE: rules.seconds(60.0, 366 * DAY)})
    session_seconds: float = attrs.field(default=90 * DAY, metadata={RULE: rules.seconds(60.0, 3_660 * DAY)})
    requests_per_second: float = attrs.field(default=50.0, metadata={RULE: per_second})
    burst: int = attrs.field(default=200, metadata={RULE: rules.count(1, 1_000_000)})
    anonymous_per_second: float = attrs.field(default=5.0, metadata={RULE: per_second})
    anonymous_burst: int = attrs.field(default=100, metadata={RULE: rules.count(1, 1_000_000)})
    logins_per_minute: float = attrs.field(default=5.0, metadata={RULE: per_second})
    login_burst: int = attrs.field(default=10, metadata={RULE: rules.count(1, 10_000)})
    trusted_proxies: tuple[str, ...] = attrs.field(
        default=(), converter=_texts, metadata={RULE: rules.each(network, "a list of addresses and networks")}
    )
    audit: bool = attrs.field(default=True, metadata={RULE: rules.flag})

    def __attrs_post_init__(self) -> None:
        rules.require(self)
