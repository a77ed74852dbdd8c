"""The whole of WatchHamster inside your own Trio program, with its HTTP API on a free port."""

import trio

import hamster
from actors import ProcessOptions, ServiceSettings, State


async def main() -> None:
    clock = ServiceSettings(id="clock", process=ProcessOptions(command="sh -c 'while date; do sleep 1; done'"))
    config = hamster.HamsterConfig(server=hamster.ServerSettings(port=0), services=(clock,))
    async with hamster.open_hamster(config, data_dir="data") as running:
        await running.system.services.wait_for("clock", State.RUNNING)
        async with hamster.open_client(running.url) as client:
            for service in await client.services():
                print(f"{running.url}/api/services/{service.id} says: {service.status}, pid {service.pid}")


trio.run(main)
