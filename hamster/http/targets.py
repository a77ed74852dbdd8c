"""Commands to whatever an address names: one service, all instances of one, a tag or a pattern."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs
import trio

from actors.services import Services
from hamster.http import texts_ko


@attrs.define(slots=False)
class Result:
    """What became of one service of several."""

    service_id: str
    success: bool
    message: str


@attrs.define(slots=False)
class Several:
    """The answer to a command to more than one service; the first two keys are the contract's."""

    message: str
    service_id: str
    """What the address named."""
    results: list[Result]


async def each(ids: Sequence[str], one: Callable[[str], Awaitable[Result]]) -> list[Result]:
    """The results of *one* for all *ids*, at the same time, in their order."""
    results: dict[str, Result] = {}

    async def run(service_id: str) -> None:
        results[service_id] = await one(service_id)

    async with trio.open_nursery() as nursery:
        for service_id in ids:
            nursery.start_soon(run, service_id)
    return [results[service_id] for service_id in ids]


def is_one(services: Services, target: str) -> bool:
    """Whether *target* is the id of a service, and answered as the contract says."""
    return target in services.board.value


def several(target: str, text: str, results: list[Result]) -> Several:
    """The answer: *text*, or how many of the *results* are failures."""
    failed = sum(not result.success for result in results)
    said = (texts_ko.SOME_FAILED if failed else text).format(target=target, count=len(results), failed=failed)
    return Several(said, target, results)


SEVERAL: Mapping[str, str] = {
    "start": texts_ko.STARTING_SEVERAL,
    "stop": texts_ko.STOPPING_SEVERAL,
    "restart": texts_ko.RESTARTING_SEVERAL,
}
SEVERAL_REACHED: Mapping[str, str] = {
    "start": texts_ko.STARTED_SEVERAL,
    "stop": texts_ko.STOPPED_SEVERAL,
    "restart": texts_ko.RESTARTED_SEVERAL,
}
