"""Run and watch a service from your own Trio program: the actors alone, no HTTP."""

import trio

from actors import ProcessOptions, ServiceSettings, State, SystemSettings, open_system


async def main() -> None:
    clock = ServiceSettings(id="clock", process=ProcessOptions(command="sh -c 'while date; do sleep 1; done'"))
    async with open_system(SystemSettings(data_dir="data", services=[clock])) as system:
        view = await system.services.wait_for("clock", State.RUNNING)
        print(f"{view.id} runs as process {view.pid}; what it says is in data/logs/clock.log")


trio.run(main)
