"""A program that has a system open, to be killed by a test: it says so on stdout once its services run."""

import sys
from pathlib import Path

import trio

from actors import State, open_system
from tests.actors.services.yard import Yard


async def main(directory: Path, mark: str) -> None:
    yard = Yard(directory, mark)
    services = yard.service("a"), yard.shell("b", "setsid sleep 1000 & exec sleep 1000")
    async with open_system(yard.settings(*services)) as system:
        for service in services:
            await system.services.start(service.id)
            await system.services.wait_for(service.id, State.RUNNING)
        sys.stdout.write("running\n")
        sys.stdout.flush()
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), sys.argv[2])
