"""`/api/actors`: the tree of actors, each with its state and its statistics."""

from collections.abc import Mapping

import attrs
from quart import Response
from quart_trio import QuartTrio

from actors.runtime import ActorStatistics, TreeNode
from actors.system import System
from hamster.actor_models import ActorFigures, ActorNode
from hamster.http.app import json_response


def register(app: QuartTrio, system: System) -> None:
    """Add `/api/actors` to *app*."""

    async def tree() -> Response:
        return json_response(node_model(system.tree()))

    app.add_url_rule("/api/actors", "actors.tree", tree, methods=["GET"])


def node_model(node: TreeNode) -> ActorNode:
    """*node* and all beneath it."""
    statistics = node.statistics
    return ActorNode(
        path=node.path,
        name=node.name,
        kind=node.kind,
        state=node.state.value,
        restarts=node.restarts,
        uptime=None if statistics is None else statistics.uptime,
        statistics=None if statistics is None else statistics_model(statistics),
        children=[node_model(child) for child in node.children],
    )


def statistics_model(statistics: ActorStatistics) -> ActorFigures:
    """One actor's figures."""
    counts: Mapping[str, int] = attrs.asdict(statistics.counts)
    return ActorFigures(
        **counts,
        queued=statistics.queued,
        capacity=statistics.capacity,
        peak=statistics.peak,
        oldest_age=statistics.oldest_age,
        busy_for=statistics.busy_for,
        wait_p50=statistics.waits.quantile(0.5),
        wait_p99=statistics.waits.quantile(0.99),
    )
