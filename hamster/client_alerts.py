"""Alerts as a client sees them."""

import attrs

from hamster.client import HamsterClient


@attrs.frozen
class Alert:
    """An alert as `GET /api/alerts/` shows it; the server sends more keys."""

    id: str
    state: str
    level: str
    title: str
    message: str
    source: str
    key: str
    since: str
    duration_seconds: float | None
    muted: str | None
    acknowledged: bool


@attrs.frozen
class _Page:
    alerts: list[Alert]


@attrs.frozen
class _Rows:
    alerts: list[dict[str, object]]


async def fetch_alerts(client: HamsterClient, *, every: bool = False, limit: int = 100) -> list[Alert]:
    """The newest *limit* alerts: those that last, or with *every* also those that are over."""
    return (await client.get(_path(every=every, limit=limit), _Page)).alerts


async def fetch_alerts_json(client: HamsterClient, *, every: bool = False, limit: int = 100) -> list[dict[str, object]]:
    """The same with every key that the server sends."""
    return (await client.get(_path(every=every, limit=limit), _Rows)).alerts


def _path(*, every: bool, limit: int) -> str:
    return f"/api/alerts/?state={'all' if every else 'active'}&limit={limit}"
