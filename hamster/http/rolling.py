"""`?rolling=true`: restarts one behind the other, and `GET /api/services/{target}/rolling`, how far they are."""

import attrs
import trio
from quart import Response
from quart_trio import QuartTrio

from actors.services import Rolling, ServiceNotFound, Services
from actors.system import System
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_response
from hamster.http.masking import mask_text
from hamster.http.problems import HttpProblem
from hamster.http.targets import Result, Several

MAX_PARALLEL = 1_000


def register(app: QuartTrio, system: System) -> None:
    """Add the route to *app*."""

    async def get_rolling(target: str) -> Response:
        rolling = system.services.rollings.value.get(target)
        if rolling is None:
            raise ServiceNotFound(target)
        return json_response(attrs.asdict(attrs.evolve(rolling, why=mask_text(rolling.why))))

    app.add_url_rule("/api/services/<target>/rolling", "services.rolling", get_rolling, methods=["GET"])


async def roll(services: Services, target: str, parallel: int, wait: float) -> Several:
    """Begin a rolling restart; with *wait* seconds, answered when it is over.

    Raises:
        ServiceNotFound: Nothing is named so.
        AlreadyRolling: Some of it is in the middle of another.
        HttpProblem: 409, it has failed, or has not ended in time.
    """
    rolling = await services.roll(target, parallel=parallel)
    if wait <= 0:
        return _answer(rolling, texts_ko.ROLLING)
    with trio.move_on_after(wait):
        rolling = await services.rolled(target)
        if rolling.state == "done":
            return _answer(rolling, texts_ko.ROLLED)
        why = mask_text(rolling.why)
        text = errors_ko.ROLLING_FAILED.format(target=target, service=rolling.failed or "-", why=why)
        raise HttpProblem(409, text)
    rolling = services.rollings.value[target]
    counts = {"done": len(rolling.done), "count": len(rolling.ids)}
    raise HttpProblem(409, errors_ko.ROLLING_NOT_DONE.format(target=target, seconds=wait, **counts))


def _answer(rolling: Rolling, text: str) -> Several:
    results = [Result(one, success=True, message=_said(rolling, one)) for one in rolling.ids]
    return Several(text.format(count=len(rolling.ids), target=rolling.target), rolling.target, results)


def _said(rolling: Rolling, service_id: str) -> str:
    text = texts_ko.RESTARTED if service_id in rolling.done else texts_ko.ROLLING_WAITS
    return text.format(service=service_id)
