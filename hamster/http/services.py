"""`/api/services`: the services, and the commands to them."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import attrs
import trio
from quart import Response, request
from quart_trio import QuartTrio

from actors.runtime import ActorError
from actors.services import (
    Accepted,
    CheckAborted,
    Look,
    NotCheckable,
    NotRunning,
    ServiceNotFound,
    Services,
    ServiceUnavailable,
    ServiceView,
    State,
)
from actors.system import System
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.masking import mask_text
from hamster.http.parameters import reading
from hamster.http.problems import HttpProblem, InvalidRequest
from hamster.http.rolling import MAX_PARALLEL, roll
from hamster.http.service_encoding import ServiceEncoder
from hamster.http.service_models import ServiceModel, look_model, service_model
from hamster.http.targets import SEVERAL, SEVERAL_REACHED, Result, Several, each, is_one, several
from hamster.http.times import Stamp

MAX_WAIT = 300.0
"""Seconds that `?wait=` may ask for."""
MAX_ACTIONS = 1_000

REFUSALS = (
    HttpProblem,
    ServiceNotFound,
    ServiceUnavailable,
    NotCheckable,
    NotRunning,
    CheckAborted,
    ActorError,
)
"""What may become of a command to one of several, and is its result."""

Command = Literal["start", "stop", "restart"]

IN_PROGRESS: Mapping[Command, str] = {
    "start": texts_ko.STARTING,
    "stop": texts_ko.STOPPING,
    "restart": texts_ko.RESTARTING,
}
REACHED: Mapping[Command, str] = {
    "start": texts_ko.STARTED,
    "stop": texts_ko.STOPPED,
    "restart": texts_ko.RESTARTED,
}
UNCHANGED: Mapping[tuple[Command, State], str] = {
    ("start", State.RUNNING): texts_ko.ALREADY_RUNNING,
    ("start", State.STARTING): texts_ko.ALREADY_STARTING,
    ("stop", State.STOPPED): texts_ko.ALREADY_STOPPED,
    ("stop", State.STOPPING): texts_ko.ALREADY_STOPPING,
}


@attrs.frozen
class Action:
    """One of a batch."""

    action: Command
    service_id: str


@attrs.frozen
class Batch:
    """The body of `POST /api/services/batch`."""

    actions: list[Action]


def register(app: QuartTrio, system: System, stamp: Stamp) -> None:
    """Add the routes of `/api/services` to *app*."""
    services = system.services
    encoder = ServiceEncoder(stamp)

    def model(view: ServiceView) -> ServiceModel:
        return service_model(view, system.metrics.readings.value, stamp)

    async def list_services() -> Response:
        board = services.board.value
        targets = request.args.getlist("target")
        chosen = {one for target in targets for one in services.matching(target)} if targets else board
        readings = system.metrics.readings.value
        return json_response([encoder.encoded(view, readings) for view in board.values() if view.id in chosen])

    async def get_service(service_id: str) -> Response:
        return json_response(model(services.view(service_id)))

    async def start(service_id: str) -> Response:
        return await command(services, "start", service_id)

    async def stop(service_id: str) -> Response:
        return await command(services, "stop", service_id)

    async def restart(service_id: str) -> Response:
        return await command(services, "restart", service_id)

    async def batch() -> Response:
        body = await json_body(Batch)
        if len(body.actions) > MAX_ACTIONS:
            text = errors_ko.FIELD_TOO_MANY.format(count=len(body.actions), limit=MAX_ACTIONS)
            raise InvalidRequest.of("actions", text)
        return json_response({"results": await run_batch(services, body.actions)})

    async def check(service_id: str) -> Response:
        if is_one(services, service_id):
            found = await look_now(services, service_id)
            return json_response(look_model(services.view(service_id), found))  # of the moment after the look
        results = await each(services.matching(service_id), partial(check_one, services))
        return json_response(several(service_id, texts_ko.CHECKED_SEVERAL, results))

    base = "/api/services"
    app.add_url_rule(f"{base}/", "services.list", list_services, methods=["GET"])
    app.add_url_rule(f"{base}/batch", "services.batch", batch, methods=["POST"])
    app.add_url_rule(f"{base}/<service_id>", "services.get", get_service, methods=["GET"])
    app.add_url_rule(f"{base}/<service_id>/start", "services.start", start, methods=["POST"])
    app.add_url_rule(f"{base}/<service_id>/stop", "services.stop", stop, methods=["POST"])
    app.add_url_rule(f"{base}/<service_id>/restart", "services.restart", restart, methods=["POST"])
    app.add_url_rule(f"{base}/<service_id>/check", "services.check", check, methods=["POST"])


async def command(services: Services, name: Command, target: str) -> Response:
    """Give a command and answer at once, or, with `?wait=SECONDS`, when it has come to its end.

    An id is answered as the contract says; a group, a tag or a pattern with what became of each. `?rolling=true`
    restarts them one behind the other, `?parallel=` at a time.
    """
    with reading(request.args) as query:
        wait = query.number("wait", default=0.0, low=0.0, high=MAX_WAIT)
        rolling = query.boolean("rolling", default=False) and name == "restart"
        parallel = query.integer("parallel", default=1, low=1, high=MAX_PARALLEL)
    if rolling:
        return json_response(await roll(services, target, parallel, wait))
    if is_one(services, target):
        return json_response({"message": await carry_out(services, name, target, wait), "service_id": target})
    return json_response(await carry_out_several(services, name, target, wait))


async def carry_out_several(services: Services, name: Command, target: str, wait: float) -> Several:
    """Give a command to all services that *target* names, at the same time; what became of each.

    Raises:
        ServiceNotFound: It names none.
    """

    async def one(service_id: str) -> Result:
        try:
            return Result(service_id, success=True, message=await carry_out(services, name, service_id, wait))
        except REFUSALS as error:
            return Result(service_id, success=False, message=refusal(service_id, error))

    results = await each(services.matching(target), one)
    return several(target, (SEVERAL_REACHED if wait > 0 else SEVERAL)[name], results)


async def carry_out(services: Services, name: Command, service_id: str, wait: float) -> str:
    """Give a command to one service; what the answer says. Raises as `give` and, with *wait*, `reach`."""
    accepted = await give(services, name, service_id)
    message = sentence(name, service_id, accepted)
    if wait <= 0:
        return message
    await reach(services, name, service_id, wait)
    return REACHED[name].format(service=service_id) if accepted.changed else message


def give(services: Services, name: Command, service_id: str) -> Awaitable[Accepted]:
    """Send the command of that name."""
    commands: Mapping[Command, Callable[[str], Awaitable[Accepted]]] = {
        "start": services.start,
        "stop": services.stop,
        "restart": services.restart,
    }
    return commands[name](service_id)


def sentence(name: Command, service_id: str, accepted: Accepted) -> str:
    """What the answer says."""
    text = None if accepted.changed else UNCHANGED.get((name, accepted.view.state))
    return (text or IN_PROGRESS[name]).format(service=service_id)


async def reach(services: Services, name: Command, service_id: str, wait: float) -> None:
    """Wait until the command has come to its end.

    Raises:
        HttpProblem: 409, it has not within *wait* seconds, or cannot any more.
    """
    goal = State.STOPPED if name == "stop" else State.RUNNING
    with trio.move_on_after(wait):
        # A job that ended as it should was started, too.
        view = await services.wait_for(service_id, goal, State.FATAL, State.EXITED)
        if view.state is goal or (view.state is State.EXITED and name != "stop" and view.last_failure is None):
            return
    state = services.view(service_id).state.value
    text = errors_ko.NOT_REACHED.format(service=service_id, seconds=wait, goal=goal.value, state=state)
    raise HttpProblem(409, text)


async def look_now(services: Services, service_id: str) -> Look:
    """What a look at a monitor finds now. Raises as `Services.check` and its ticket do.

    Raises:
        HttpProblem: 409, it takes too long to wait for.
    """
    ticket = await services.check(service_id)
    with trio.move_on_after(MAX_WAIT):  # a look has a deadline of its own, of at most an hour
        return await ticket.wait()
    raise HttpProblem(409, errors_ko.CHECK_NOT_DONE.format(service=service_id, seconds=MAX_WAIT))


async def check_one(services: Services, service_id: str) -> Result:
    """A look as one of several: what it found, or why there was none."""
    try:
        found = await look_now(services, service_id)
    except REFUSALS as error:
        return Result(service_id, success=False, message=refusal(service_id, error))
    return Result(service_id, found.ok, mask_text(found.detail))


async def run_batch(services: Services, actions: Sequence[Action]) -> list[Result]:
    """Carry *actions* out: those of one service in their order, those of different ones at the same time."""
    results: dict[tuple[int, str], Result] = {}
    by_service: defaultdict[str, list[tuple[int, Action]]] = defaultdict(list)
    for number, action in enumerate(actions):
        try:
            ids = services.matching(action.service_id)
        except ServiceNotFound as error:
            text = errors_ko.SERVICE_NOT_FOUND.format(service=error.service)
            results[number, ""] = Result(action.service_id, success=False, message=text)
            continue
        for service_id in ids:
            by_service[service_id].append((number, action))

    async def run(service_id: str, own: Sequence[tuple[int, Action]]) -> None:
        for number, action in own:
            results[number, service_id] = await run_action(services, action.action, service_id)

    async with trio.open_nursery() as nursery:
        for service_id, own in by_service.items():
            nursery.start_soon(run, service_id, own)
    order = {service_id: place for place, service_id in enumerate(["", *services.board.value])}
    return [results[key] for key in sorted(results, key=lambda key: (key[0], order[key[1]]))]


async def run_action(services: Services, name: Command, service_id: str) -> Result:
    """One command of a batch: what went wrong is its result."""
    try:
        accepted = await give(services, name, service_id)
    except REFUSALS as error:
        return Result(service_id, success=False, message=refusal(service_id, error))
    return Result(service_id, success=True, message=sentence(name, service_id, accepted))


def refusal(service_id: str, error: Exception) -> str:
    """What the result of one of several says of *error*."""
    match error:
        case HttpProblem():
            return error.detail
        case ActorError():
            return errors_ko.BUSY.format(service=service_id)
        case _:
            return errors_ko.sentence_of(error)
