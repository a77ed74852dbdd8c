"""`POST /api/system/reload`: the configuration file is read again."""

import attrs
from quart import Response
from quart_trio import QuartTrio

from actors.services import Reconfigured
from actors.setting_rules import dotted
from hamster.config import ConfigError, Problem
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_response
from hamster.http.local_token import LocalToken
from hamster.http.problems import FieldProblem, HttpProblem, InvalidRequest
from hamster.reloading import NothingToReload, Reloaded, Reloader


@attrs.define(slots=False)
class ReloadModel:
    """What a reload changed: ids of services, and what it could not change."""

    message: str
    source: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    restarted: tuple[str, ...]
    changed: tuple[str, ...]
    later: tuple[str, ...]
    failed: dict[str, str]
    needs_restart: tuple[str, ...]
    warnings: list[str]


def register(app: QuartTrio, reloader: Reloader, token: LocalToken) -> None:
    """Add the route to *app*."""

    async def reload() -> Response:
        token.require()  # it may start commands
        try:
            done = await reloader.reload("request over HTTP")
        except NothingToReload:
            raise HttpProblem(409, errors_ko.NOTHING_TO_RELOAD) from None
        except ConfigError as error:
            raise refusal(error) from None
        return json_response(reload_model(done))

    app.add_url_rule("/api/system/reload", "system.reload", reload, methods=["POST"])


def refusal(error: ConfigError) -> InvalidRequest:
    """400 with every mistake and its line."""
    problems = [FieldProblem(field_of(problem), _sentence(problem)) for problem in error.problems]
    return InvalidRequest(problems, errors_ko.CONFIG_REFUSED.format(file=error.problems[0].file))


def field_of(problem: Problem) -> str:
    """The key that is wrong; the file's name where it could not be read that far."""
    return problem.file.name if problem.setting is None else dotted(problem.setting.path)


def _sentence(problem: Problem) -> str:
    if problem.line is None:
        return errors_ko.FIELD_OF_BODY.format(problem=problem.text)
    return errors_ko.CONFIG_LINE.format(line=problem.line, problem=problem.text)


def reload_model(done: Reloaded) -> ReloadModel:
    """*done* as it is answered."""
    services = done.services
    return ReloadModel(
        message=sentence(services),
        source=str(done.source),
        added=services.added,
        removed=services.removed,
        restarted=services.restarted,
        changed=services.changed,
        later=services.later,
        failed=dict(services.failed),
        needs_restart=done.needs_restart,
        warnings=[str(warning) for warning in done.warnings],
    )


def sentence(services: Reconfigured) -> str:
    """What the answer says."""
    if services.nothing:
        return texts_ko.RELOADED_NOTHING
    counts = {name: len(getattr(services, name)) for name in ("added", "removed", "restarted", "changed")}
    return texts_ko.RELOADED.format_map(counts)
