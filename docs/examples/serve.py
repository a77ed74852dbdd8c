"""The whole of WatchHamster inside your own Trio program, with its HTTP API on a free port."""

from pathlib import Path

import trio

from actors import ProcessOptions, ServiceSettings, State, SystemSettings
from hamster.client import open_client
from hamster.product import open_hamster
from hamster.server import bind_sockets
from hamster.server_settings import ServerSettings


async def main() -> None:
    clock = ServiceSettings(id="clock", process=ProcessOptions(command="sh -c 'while date; do sleep 1; done'"))
    settings = SystemSettings(data_dir=Path("data"), services=[clock])
    async with open_hamster(settings, ServerSettings(), sockets=await bind_sockets()) as hamster:
        await hamster.system.services.wait_for("clock", State.RUNNING)
        async with open_client(hamster.url) as client:
            for service in await client.services():
                print(f"{hamster.url}/api/services/{service.id} says: {service.status}, pid {service.pid}")


trio.run(main)
