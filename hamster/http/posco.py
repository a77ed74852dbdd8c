"""`/api/posco`: deploying the site, switching branches, and how it all stands."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from actors.deploy.messages import Deployment
from actors.services import ServiceNotFound
from actors.system import System
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.parameters import reading
from hamster.http.posco_models import NEWS, PAGES, deployment_model, pages_model, status_model, switch_model
from hamster.http.problems import InvalidRequest
from hamster.http.services import Command, give
from hamster.http.times import Stamp

MOST = 1000
MONITORS = (PAGES, NEWS)
"""The services that `monitoring/start` and `monitoring/stop` mean."""


class DeployBody(msgspec.Struct):
    """What is to be deployed."""

    target_branch: str | None = None
    branch: str | None = None
    force: bool = False
    backup: bool = True


class BranchBody(msgspec.Struct):
    """A branch."""

    branch: str | None = None
    target_branch: str | None = None


def register(app: QuartTrio, system: System, stamp: Stamp) -> None:
    """Add the routes to *app*."""
    _register_deploying(app, system, stamp)
    _register_branches(app, system)
    _register_watching(app, system, stamp)


def _register_deploying(app: QuartTrio, system: System, stamp: Stamp) -> None:
    deployments = system.deployments

    async def deploy() -> Response:
        body = await json_body(DeployBody) if await request.get_data() else DeployBody()
        target = named(body.target_branch, body.branch)
        begun = await deployments.deploy(target, force=body.force, backup=body.backup, by="HTTP")
        text = texts_ko.DEPLOYMENT_STARTED.format(branch=begun.target)
        return json_response({"message": text, "deployment_id": begun.id})

    async def stop() -> Response:
        ended = await deployments.cancel()
        text = texts_ko.DEPLOYMENT_NOT_RUNNING if ended is None else texts_ko.DEPLOYMENT_STOPPING
        return json_response({"message": text, "deployment_id": None if ended is None else ended.id})

    async def status() -> Response:
        current = deployments.state.value.current
        return json_response({"current_deployment": model(current)})

    async def history() -> Response:
        with reading(request.args) as query:
            limit = query.integer("limit", default=100, low=1, high=MOST)
        found = await deployments.history(limit)
        return json_response({"deployment_history": [model(one) for one in found if one.is_over]})

    def model(deployment: Deployment | None) -> dict[str, object] | None:
        return None if deployment is None else deployment_model(deployment, stamp)

    base = "/api/posco"
    app.add_url_rule(f"{base}/deploy", "posco.deploy", deploy, methods=["POST"])
    app.add_url_rule(f"{base}/deployment/start", "posco.deployment.start", deploy, methods=["POST"])
    app.add_url_rule(f"{base}/deployment/stop", "posco.deployment.stop", stop, methods=["POST"])
    app.add_url_rule(f"{base}/deployment/status", "posco.deployment.status", status, methods=["GET"])
    app.add_url_rule(f"{base}/deployment/history", "posco.deployment.history", history, methods=["GET"])


def _register_branches(app: QuartTrio, system: System) -> None:
    deployments = system.deployments

    async def switch() -> Response:
        body = await json_body(BranchBody)
        branch = named(body.branch, body.target_branch)
        if branch is None:
            raise InvalidRequest.of("branch", errors_ko.FIELD_MISSING)
        now = await deployments.switch(branch)
        return json_response({"message": texts_ko.BRANCH_SWITCHED.format(branch=now), "current_branch": now})

    async def current() -> Response:
        return json_response({"current_branch": deployments.git.value.current_branch})

    async def switch_status() -> Response:
        return json_response(switch_model(deployments.state.value.switch))

    base = "/api/posco"
    app.add_url_rule(f"{base}/branch-switch", "posco.switch", switch, methods=["POST"])
    app.add_url_rule(f"{base}/branch/current", "posco.branch", current, methods=["GET"])
    app.add_url_rule(f"{base}/branch/status", "posco.branch.status", switch_status, methods=["GET"])


def _register_watching(app: QuartTrio, system: System, stamp: Stamp) -> None:
    deployments, services = system.deployments, system.services

    async def status() -> Response:
        state, git = deployments.state.value, deployments.git.value
        return json_response(status_model(state, git, services.board.value, stamp))

    async def pages() -> Response:
        return json_response(pages_model(services.board.value.get(PAGES), stamp))

    def monitoring(name: Command) -> Callable[[], Awaitable[Response]]:
        async def command() -> Response:
            return json_response({"message": await command_monitors(system, name)})

        return command

    base = "/api/posco"
    app.add_url_rule(f"{base}/status", "posco.status", status, methods=["GET"])
    app.add_url_rule(f"{base}/github-pages/status", "posco.pages", pages, methods=["GET"])
    for name in ("start", "stop"):
        app.add_url_rule(f"{base}/monitoring/{name}", f"posco.monitoring.{name}", monitoring(name), methods=["POST"])


async def command_monitors(system: System, name: Command) -> str:
    """Start or stop the services that watch the site and the news; what the answer says.

    Raises:
        ServiceNotFound, ServiceUnconfigured: As the command for one service; one that is not to be watched at all does
            not keep the other from being started.
    """
    board = system.services.board.value
    there = [service_id for service_id in MONITORS if service_id in board]
    if not there:
        raise ServiceNotFound(MONITORS[0])
    able = [service_id for service_id in there if name == "stop" or board[service_id].available] or there
    changed = [(await give(system.services, name, service_id)).changed for service_id in able]
    texts: Mapping[tuple[str, bool], str] = {
        ("start", True): texts_ko.MONITORING_STARTED,
        ("start", False): texts_ko.MONITORING_RUNS,
        ("stop", True): texts_ko.MONITORING_STOPPED,
        ("stop", False): texts_ko.MONITORING_NOT_RUNNING,
    }
    return texts[name, any(changed)]


def named(first: str | None, second: str | None) -> str | None:
    """The branch that either of two keys names; both may, if they agree.

    Raises:
        InvalidRequest: They do not.
    """
    given = {name for name in (first, second) if name}
    if len(given) > 1:
        raise InvalidRequest.of("branch", errors_ko.BRANCH_TWICE)
    return next(iter(given), None)
