"""`POST /api/services/{target}/reload`: services that run read their configuration again."""

from collections.abc import Mapping

import trio
from quart import Response, request
from quart_trio import QuartTrio

from actors.runtime import ActorError
from actors.services import CannotReload, ReloadEnded, ServiceNotRunning, ServiceUnavailable
from actors.system import System
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_response
from hamster.http.errors_ko import ErrorTable
from hamster.http.parameters import reading
from hamster.http.problems import HttpProblem
from hamster.http.services import MAX_WAIT
from hamster.http.targets import Result, each, is_one, several

CANNOT = (CannotReload, ServiceNotRunning, ServiceUnavailable)
"""Errors of one service, which among several are its result."""


def register(app: QuartTrio, system: System) -> None:
    """Add the route to *app*."""
    errors = ErrorTable()

    async def reload(target: str) -> Response:
        with reading(request.args) as query:
            wait = query.number("wait", default=0.0, low=0.0, high=MAX_WAIT)
        if is_one(system.services, target):
            return json_response({"message": await reload_one(system, target, wait), "service_id": target})

        async def one(service_id: str) -> Result:
            return await result_of(system, service_id, wait, errors)

        results = await each(system.services.matching(target), one)
        return json_response(several(target, texts_ko.SERVICES_RELOADED, results))

    app.add_url_rule("/api/services/<target>/reload", "services.reload", reload, methods=["POST"])


async def reload_one(system: System, service_id: str, wait: float) -> str:
    """Have a service told; the sentence for it, at once or, with *wait*, once it is told.

    Raises:
        HttpProblem: 409, it could not be told, or was not within *wait* seconds.
    """
    with system.bus.subscribe(ReloadEnded) as ended:
        taken = await system.services.reload(service_id)
        if wait > 0:
            with trio.move_on_after(wait):
                async for event in ended:
                    if isinstance(event, ReloadEnded) and (event.service_id, event.number) == (
                        service_id,
                        taken.number,
                    ):
                        return _told(event)
            raise HttpProblem(409, errors_ko.RELOAD_UNFINISHED.format(service=service_id, seconds=wait))
    text = texts_ko.SERVICE_RELOADED if taken.ended else texts_ko.SERVICE_RELOADING
    return text.format(service=service_id)


async def result_of(system: System, service_id: str, wait: float, errors: ErrorTable) -> Result:
    """`reload_one` among several: what went wrong is the result."""
    try:
        return Result(service_id, success=True, message=await reload_one(system, service_id, wait))
    except HttpProblem as problem:
        return Result(service_id, success=False, message=problem.detail)
    except CANNOT as error:
        found = errors.find(error)
        return Result(service_id, success=False, message=str(error) if found is None else found[1])
    except ActorError:
        return Result(service_id, success=False, message=errors_ko.BUSY.format(service=service_id))


def _told(event: ReloadEnded) -> str:
    names: Mapping[str, str] = {"service": event.service_id, "problem": event.problem or ""}
    if event.problem is not None:
        raise HttpProblem(409, errors_ko.RELOAD_FAILED.format_map(names))
    return texts_ko.SERVICE_RELOADED.format_map(names)
