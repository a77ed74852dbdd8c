import re
from pathlib import Path

import pytest
from werkzeug.routing import Map

from hamster.security.needs import RULES, Need, Needs, default, listed
from hamster.security.scopes import Scope
from tests.hamster.security.secured import secured

READ, CONTROL, ADMIN = Scope.READ, Scope.CONTROL, Scope.ADMIN


def routes(url_map: Map) -> set[tuple[str, str]]:
    """Method and path of every route, with an `x` for each of its values."""
    found: set[tuple[str, str]] = set()
    for rule in url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "x", rule.rule)
        methods = {"WEBSOCKET"} if rule.websocket else set(rule.methods or ())
        found |= {(method, path) for method in methods}
    return found


async def test_every_route_of_the_application_is_in_the_table_and_no_rule_is_about_none(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        known = routes(asking.hamster.routes)
    assert len(known) > 150
    assert sorted(f"{method} {path}" for method, path in known if listed(method, path) is None) == []
    # What is not made yet, and `/metrics`, which a rule of its own is about.
    expected = {"/docs/**", "/redoc/**", "/openapi.json", "/dashboard/**"}
    used = {id(_rule(method, path)) for method, path in known}
    unused = {"/" + "/".join(rule.pattern) for rule in RULES if id(rule) not in used}
    assert unused - expected == set()


def _rule(method: str, path: str) -> object:
    parts = tuple(part for part in path.strip("/").split("/") if part)
    asked = "GET" if method in ("HEAD", "OPTIONS") else method
    return next((rule for rule in RULES if rule.fits(asked, parts)), None)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/", None),
        ("GET", "/health", None),
        ("GET", "/health/", None),
        ("HEAD", "/health", None),
        ("GET", "/docs/swagger.css", None),
        ("POST", "/api/auth/login", None),
        ("GET", "/metrics", READ),
        ("GET", "/api/services/", READ),
        ("OPTIONS", "/api/services", READ),
        ("GET", "/api/anything/new", READ),
        ("POST", "/api/auth/ticket", READ),
        ("POST", "/api/logs/export", READ),
        ("WEBSOCKET", "/ws", READ),
        ("POST", "/api/services/a/start", CONTROL),
        ("POST", "/api/services/start/start/", CONTROL),
        ("POST", "/api/services/batch", CONTROL),
        ("POST", "/api/webhooks/send", CONTROL),
        ("POST", "/api/webhook/send", CONTROL),
        ("POST", "/api/webhooks/enhanced/error-alert", CONTROL),
        ("POST", "/api/alerts/7/acknowledge", CONTROL),
        ("POST", "/api/system/restart", CONTROL),
        ("POST", "/api/services", ADMIN),
        ("POST", "/api/services/a/input", ADMIN),
        ("PUT", "/api/services/a", ADMIN),
        ("DELETE", "/api/services/batch", ADMIN),
        ("PUT", "/api/webhooks/enhanced/config", ADMIN),
        ("POST", "/api/webhooks/receivers/a/rotate-secret", ADMIN),
        ("DELETE", "/api/logs/watchhamster.log", ADMIN),
        ("GET", "/api/settings/download/a.json", ADMIN),
        ("PUT", "/api/settings", ADMIN),
        ("POST", "/api/posco/deploy", ADMIN),
        ("GET", "/api/auth/keys", ADMIN),
        ("POST", "/api/auth/keys", ADMIN),
        ("DELETE", "/api/auth/sessions/x", ADMIN),
        # What nobody thought of.
        ("PATCH", "/api/services/a", ADMIN),
        ("BREW", "/health", ADMIN),
        ("POST", "/", ADMIN),
        ("WEBSOCKET", "/elsewhere", ADMIN),
        ("GET", "/dashboard", READ),
        ("GET", "/ws", READ),
        ("GET", "/assets/app.js", None),
    ],
)
def test_what_a_request_needs(method: str, path: str, scope: Scope | None) -> None:
    needs = Needs()
    assert needs.of(method, path).scope is scope
    assert needs.of(method, path).scope is scope  # as it is remembered


def test_sockets_and_streams_last() -> None:
    lasting = {("WEBSOCKET", "/ws"), ("WEBSOCKET", "/api/logs/ws"), ("GET", "/api/logs/stream")}
    assert all(Needs().of(*asked) == Need(READ, lasting=True) for asked in lasting)


def test_what_the_table_says_nothing_of_needs_the_most() -> None:
    assert default("POST", "/new") == Need(ADMIN)
    assert default("GET", "/api") == Need(READ)
