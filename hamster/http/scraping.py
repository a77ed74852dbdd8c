"""`GET /metrics`."""

from typing import TYPE_CHECKING

import trio
from quart import Response, request
from quart_trio import QuartTrio

from actors.system import System
from hamster.http.live import Hub

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def register(app: QuartTrio, system: System, hub: Hub) -> None:
    """Add `/metrics` to *app*."""
    registry: CollectorRegistry | None = None

    async def metrics() -> Response:
        nonlocal registry
        if registry is None:
            # With the first question: most never ask.
            registry = await trio.to_thread.run_sync(_registry, system, hub)
        from hamster.http.prometheus import exposition

        content, content_type = exposition(registry, request.headers.get("accept", ""))
        return Response(content, content_type=content_type)

    app.add_url_rule("/metrics", "prometheus", metrics, methods=["GET"])


def _registry(system: System, hub: Hub) -> "CollectorRegistry":
    from hamster.http.prometheus import registry_of

    return registry_of(system, hub)
