"""`/api/system`, `/api/ping` and `/api/info`: the whole, in a few words, and all services at once."""

import platform
from collections.abc import Mapping

import trio
from quart import Response
from quart_trio import QuartTrio

from actors.runtime import TreeNode
from actors.services import State
from actors.services.everything import Everything
from actors.system import System
from hamster.http import texts_ko
from hamster.http.app import API_VERSION, json_response
from hamster.http.metrics_models import metrics_model
from hamster.http.times import Stamp
from hamster.version import product_version

FEATURES = (
    "services",
    "monitors",
    "metrics",
    "alerts",
    "logs",
    "webhooks",
    "deployments",
    "news",
    "settings",
    "websocket",
    "server-sent-events",
    "prometheus",
)
"""What can be asked for."""


def register(app: QuartTrio, system: System, stamp: Stamp) -> None:
    """Add the routes to *app*."""
    began = trio.current_time()
    everything = Everything(system.services)

    async def ping() -> Response:
        return json_response({"status": "ok", "version": API_VERSION})

    async def info() -> Response:
        return json_response(
            {
                "version": API_VERSION,
                "uptime": int(trio.current_time() - began),
                "environment": "production",
                "features": FEATURES,
                "product_version": product_version(),
                "python": platform.python_version(),
                "platform": platform.system().lower(),
            }
        )

    async def status() -> Response:
        return json_response(status_model(system, int(trio.current_time() - began), stamp))

    async def start() -> Response:
        await everything.change("start")
        return json_response({"message": texts_ko.SYSTEM_STARTING, "status": "starting"})

    async def stop() -> Response:
        await everything.change("stop")
        return json_response({"message": texts_ko.SYSTEM_STOPPING, "status": "stopping"})

    async def restart() -> Response:
        await everything.change("restart")
        return json_response({"message": texts_ko.SYSTEM_RESTARTING, "status": "restarting"})

    app.add_url_rule("/api/ping", "ping", ping, methods=["GET"])
    app.add_url_rule("/api/info", "info", info, methods=["GET"])
    app.add_url_rule("/api/system/status", "system.status", status, methods=["GET"])
    app.add_url_rule("/api/system/start", "system.start", start, methods=["POST"])
    app.add_url_rule("/api/system/stop", "system.stop", stop, methods=["POST"])
    app.add_url_rule("/api/system/restart", "system.restart", restart, methods=["POST"])


def status_model(system: System, uptime: int, stamp: Stamp) -> Mapping[str, object]:
    """The whole system: `overall_status` is `healthy`, `warning` or `critical`, as `/api/metrics/stability` says."""
    readings = system.metrics.readings.value
    views = system.services.board.value.values()
    sample = readings.sample
    return {
        "overall_status": readings.health,
        "services_running": sum(view.state is State.RUNNING for view in views),
        "services_total": len(views),
        "uptime": uptime,
        "last_check": stamp(sample.taken_at) if sample is not None else "-",
        "components": {node.name: component_model(node) for node in system.tree().children},
        "metrics": {} if sample is None else metrics_model(sample, stamp),
    }


def component_model(node: TreeNode) -> Mapping[str, object]:
    """A domain of ours: whether it runs, and how often one of its actors was started again."""
    return {"status": node.state.value, "restarts": restarts_below(node)}


def restarts_below(node: TreeNode) -> int:
    """How often actors at and below *node* were started again."""
    return node.restarts + sum(map(restarts_below, node.children))
