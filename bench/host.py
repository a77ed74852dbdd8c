"""`python -m bench.host PLAN`: our services domain without HTTP, told over stdin."""

import logging
import sys
from pathlib import Path

import trio

from actors.runtime import Ref
from actors.services import ServiceCommands, Services, StartService, State, StopService
from actors.settings import LogOptions, ProcessOptions, ServiceSettings, SystemSettings
from actors.system import open_system
from bench.daemon import Plan, Service, read_plan


def settings_of(plan: Plan) -> SystemSettings:
    """*plan* with restarts at once and without limit: the peers' are measured the same way."""
    services = tuple(_settings(service, autostart=plan.autostart) for service in plan.services)
    return SystemSettings(data_dir=plan.directory, services=services)


def _settings(service: Service, *, autostart: bool) -> ServiceSettings:
    process = ProcessOptions(
        command=service.argv,
        start_seconds=0.0,
        restart="always" if service.restart else "never",
        backoff_initial=0.0,
        backoff_max=0.0,
        fatal_failures=10_000,
        fatal_window=1.0,
    )
    whole = LogOptions(max_bytes=None)  # the peers keep all of the output, too
    return ServiceSettings(id=service.name, process=process, autostart=autostart, log=whole)


async def main(plan: Plan) -> None:
    """Run *plan* until stdin ends."""
    names = [service.name for service in plan.services]
    async with (
        open_system(settings_of(plan)) as system,
        trio.lowlevel.FdStream(sys.stdin.fileno()) as stdin,
    ):
        async for chunk in stdin:
            for word in chunk.decode().split():
                await _obey(word, system.services, names)
                print(word, flush=True)


async def _obey(word: str, services: Services, names: list[str]) -> None:
    message = StartService() if word == "start" else StopService()
    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(_ask, services.ref(name), message)
    if word == "stop":
        await services.wait_until(lambda board: all(view.state is State.STOPPED for view in board.values()))


async def _ask(ref: Ref[ServiceCommands], message: StartService | StopService) -> None:
    await ref.ask(message, timeout=30.0)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    trio.run(main, read_plan(Path(sys.argv[1])))
