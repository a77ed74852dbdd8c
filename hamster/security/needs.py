"""What each route needs: one table. What is not in it needs the most."""

from collections.abc import Sequence

import attrs

from hamster.security.scopes import Scope

READ, CONTROL, ADMIN = Scope.READ, Scope.CONTROL, Scope.ADMIN

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
REST = "**"
"""In a pattern: whatever comes after, also nothing. `*` is one part, whatever it says."""
REMEMBERED = 2_048
"""Paths whose need is remembered; those that are asked for are few."""


@attrs.frozen
class Need:
    """What a request needs. `scope` None: nothing, whoever asks.

    `lasting`: the answer goes on, as a socket or a stream does, so it ends with the credential; a ticket will do.
    """

    scope: Scope | None
    lasting: bool = False


@attrs.frozen
class Rule:
    """Requests of *methods* to paths of *pattern* have *need*. `GET` stands for HEAD and OPTIONS, too."""

    methods: frozenset[str]
    pattern: tuple[str, ...]
    need: Need

    def fits(self, method: str, parts: Sequence[str]) -> bool:
        """Whether it is about a request."""
        if method not in self.methods:
            return False
        pattern = self.pattern
        if pattern and pattern[-1] == REST:
            pattern = pattern[:-1]
            parts = parts[: len(pattern)]
        return len(parts) == len(pattern) and all(
            wanted in ("*", part) for wanted, part in zip(pattern, parts, strict=True)
        )


def _rule(methods: str, path: str, scope: Scope | None, *, lasting: bool = False) -> Rule:
    return Rule(frozenset(methods.split()), split(path), Need(scope, lasting))


def split(path: str) -> tuple[str, ...]:
    """The parts of a path; one with and without its trailing slash are the same."""
    return tuple(path.removeprefix("/").removesuffix("/").split("/")) if path != "/" else ()


#: The first that fits counts, so what is special stands before what is general.
RULES: tuple[Rule, ...] = (
    # Whether it lives; the pages of the documentation; how to come in.
    _rule("GET", "/", None),
    _rule("GET", "/health", None),
    _rule("GET", "/docs/**", None),
    _rule("GET", "/redoc/**", None),
    _rule("GET", "/openapi.json", None),
    _rule("POST", "/api/auth/login", None),
    _rule("POST", "/api/auth/refresh", None),
    _rule("POST", "/api/auth/logout", None),
    _rule("POST", "/api/auth/ticket", READ),
    _rule("GET", "/api/auth/me", READ),
    _rule("GET POST DELETE", "/api/auth/**", ADMIN),
    # Sockets and streams. Commands on /ws need CONTROL, which is looked at for each.
    _rule("WEBSOCKET", "/ws", READ, lasting=True),
    _rule("WEBSOCKET", "/api/logs/ws", READ, lasting=True),
    _rule("GET", "/api/logs/stream", READ, lasting=True),
    # Secrets, or what may be some: exports with them, and what was set before.
    _rule("GET", "/api/settings/download/*", ADMIN),
    # Changes to nothing of ours: they compute an answer from what they are given.
    _rule("POST", "/api/logs/export", READ),
    _rule("POST", "/api/webhooks/templates/*/preview", READ),
    _rule("POST", "/api/webhook/templates/*/preview", READ),
    # Control of what is there.
    _rule("POST", "/api/services/batch", CONTROL),
    _rule("POST", "/api/services/*/start", CONTROL),
    _rule("POST", "/api/services/*/stop", CONTROL),
    _rule("POST", "/api/services/*/restart", CONTROL),
    _rule("POST", "/api/services/*/check", CONTROL),
    _rule("POST", "/api/services/*/reload", CONTROL),
    _rule("POST", "/api/system/start", CONTROL),
    _rule("POST", "/api/system/stop", CONTROL),
    _rule("POST", "/api/system/restart", CONTROL),
    _rule("POST", "/api/news/refresh", CONTROL),
    _rule("POST", "/api/posco/monitoring/*", CONTROL),
    _rule("POST DELETE", "/api/alerts/**", CONTROL),
    *(
        _rule("POST", f"/api/{webhooks}/{path}", CONTROL)
        for webhooks in ("webhooks", "webhook")
        for path in (
            "send",
            "history/*/retry",
            "history/*/cancel",
            "addresses/enable",
            "receivers/*/enable",
            "receivers/*/disable",
            "receivers/*/test",
            "receivers/*/replay",
        )
    ),
    _rule("POST", "/api/webhook/test", CONTROL),
    _rule("POST", "/api/webhooks/enhanced/*", CONTROL),
    _rule("POST", "/api/webhook/enhanced/*", CONTROL),
    # What is there, changed.
    _rule("POST", "/api/services/*/input", ADMIN),
    _rule("POST PUT DELETE", "/api/services/**", ADMIN),
    _rule("POST", "/api/system/reload", ADMIN),
    _rule("POST PUT DELETE", "/api/settings/**", ADMIN),
    _rule("POST", "/api/posco/deploy", ADMIN),
    _rule("POST", "/api/posco/deployment/*", ADMIN),
    _rule("POST", "/api/posco/branch-switch", ADMIN),
    _rule("POST DELETE", "/api/logs/**", ADMIN),
    _rule("DELETE", "/api/metrics/history", ADMIN),
    _rule("DELETE", "/api/news/history", ADMIN),
    _rule("POST PUT DELETE", "/api/webhooks/**", ADMIN),
    _rule("POST PUT DELETE", "/api/webhook/**", ADMIN),
    # Looking.
    _rule("GET", "/metrics", READ),
    _rule("GET", "/dashboard/**", READ),
    _rule("GET", "/api/**", READ),
)

RESERVED = frozenset({"api", "ws", "docs", "redoc", "openapi.json", "metrics", "health", "dashboard"})
"""First parts of paths that are ours. Any other GET is for a page of the frontend, which must show who logs in."""


def listed(method: str, path: str) -> Need | None:
    """The need that the table gives; None if it says nothing of such a request. `WEBSOCKET` is a method here."""
    parts = split(path)
    asked = "GET" if method in SAFE else method
    return next((rule.need for rule in RULES if rule.fits(asked, parts)), None)


def default(method: str, path: str) -> Need:
    """What a request needs that the table says nothing of."""
    if method not in SAFE:
        return Need(ADMIN)
    return Need(READ if split(path)[:1] and split(path)[0] in RESERVED else None)


class Needs:
    """Remembers what is asked for most."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Need] = {}

    def of(self, method: str, path: str) -> Need:
        """What a request needs; *path* is decoded, without the query."""
        need = self._known.get((method, path))
        if need is None:
            need = listed(method, path) or default(method, path)
            if len(self._known) < REMEMBERED and len(path) < 200:
                self._known[method, path] = need
        return need
