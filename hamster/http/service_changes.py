"""Services that come, change and go at run time: `POST`, `PUT` and `DELETE` on `/api/services`."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
from quart import Response
from quart_trio import QuartTrio

from actors.services import ServiceOwned
from actors.setting_rules import SettingProblem, SettingsError, dotted
from actors.settings import ServiceSettings, instance_ids, read_service
from actors.system import System
from hamster.config_services import paths_of
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.local_token import LocalToken
from hamster.http.problems import FieldProblem, HttpProblem, InvalidRequest
from hamster.http.service_models import service_model
from hamster.http.times import Stamp
from hamster.reloading import Reloader

ID = "id"


def register(app: QuartTrio, system: System, stamp: Stamp, token: LocalToken, reloader: Reloader) -> None:
    """Add the routes to *app*."""
    services = system.services

    def answer(text: str, service: ServiceSettings) -> Response:
        readings, board = system.metrics.readings.value, services.board.value
        views = [board[service_id] for service_id in instance_ids(service) if service_id in board]
        return json_response(
            {
                "message": text.format(service=service.id),
                "service_id": service.id,
                "services": [service_model(view, readings, stamp) for view in views],
            }
        )

    async def add() -> Response:
        service = service_of(await json_body(dict[str, object]))
        token.require_for(service)
        with refusing(service.id):
            await services.add(service)
        return answer(texts_ko.ADDED, service)

    async def change(service_id: str) -> Response:
        body = await json_body(dict[str, object])
        if body.setdefault(ID, service_id) != service_id:
            raise InvalidRequest.of(ID, errors_ko.ID_OF_ADDRESS.format(service=service_id))
        service = service_of(body)
        token.require_for(service, services.declared.get(service_id))
        try:
            with refusing(service_id):
                await services.change(service)
        except ServiceOwned as error:
            raise owned(error, reloader.source) from None
        return answer(texts_ko.CHANGED, service)

    async def remove(service_id: str) -> Response:
        try:
            await services.remove(service_id)
        except ServiceOwned as error:
            raise owned(error, reloader.source) from None
        return json_response({"message": texts_ko.REMOVED.format(service=service_id), "service_id": service_id})

    base = "/api/services"
    app.add_url_rule(f"{base}/", "services.add", add, methods=["POST"])
    app.add_url_rule(f"{base}/<service_id>", "services.change", change, methods=["PUT"])
    app.add_url_rule(f"{base}/<service_id>", "services.remove", remove, methods=["DELETE"])


@contextmanager
def refusing(service_id: str) -> Generator[None, None, None]:
    """Answer with 400 what does not fit the other services."""
    try:
        yield
    except SettingsError as error:
        raise InvalidRequest(field_problems(error.problems, within=("services", service_id))) from None


def service_of(body: Mapping[str, object]) -> ServiceSettings:
    """The service that a body says: its `id`, and the keys of hamster.toml.

    Raises:
        InvalidRequest: With every key that is wrong. Paths must be absolute: there is no file they could be
            relative to.
    """
    service_id = body.get(ID)
    if not isinstance(service_id, str):
        raise InvalidRequest.of(ID, errors_ko.FIELD_MISSING)
    service, problems = read_service(service_id, {k: v for k, v in body.items() if k != ID}, origin="api")
    if service is not None:
        problems = [problem.within(service_id) for problem in relative_paths(service)]
    if service is None or problems:
        raise InvalidRequest(field_problems(problems, within=(service_id,)))
    return service


def relative_paths(service: ServiceSettings) -> list[SettingProblem]:
    """A problem for each path that is not absolute."""
    return [
        SettingProblem(keys, path, "an absolute path", "write it whole")
        for keys, path in paths_of(service)
        if not Path(path).is_absolute()
    ]


def field_problems(problems: Sequence[SettingProblem], *, within: tuple[str, ...] = ()) -> list[FieldProblem]:
    """*problems* as fields of a body; *within* leads to the body."""
    found: list[FieldProblem] = []
    for problem in problems:
        beyond = problem.path[len(within) :] if problem.path[: len(within)] == within else problem.path
        here = attrs.evolve(problem, path=beyond or (ID,))
        found.append(FieldProblem(dotted(here.path), errors_ko.FIELD_OF_BODY.format(problem=str(here))))
    return found


def owned(error: ServiceOwned, source: Path | None) -> HttpProblem:
    """409: who may change it instead."""
    where = "hamster.toml" if source is None else str(source)
    text = errors_ko.SERVICE_BUILT_IN if error.origin == "built-in" else errors_ko.SERVICE_OF_FILE
    if error.origin == "api":  # one of several instances
        text = errors_ko.SERVICE_IS_INSTANCE
    return HttpProblem(409, text.format(service=error.service, file=where))
