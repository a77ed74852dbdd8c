"""Two WatchHamsters in one program, each with its own services, port and data; one acts on what befalls the other."""

import tempfile

import trio

import hamster
from actors import ProcessOptions, ServiceEvent, ServiceSettings


def config(name: str, command: str) -> hamster.HamsterConfig:
    """A configuration with one service, on a free port."""
    service = ServiceSettings(id=name, process=ProcessOptions(command=command, start_seconds=0.1))
    return hamster.HamsterConfig(server=hamster.ServerSettings(port=0), services=(service,))


async def main(directory: str) -> None:
    worker, helper = config("worker", "sh -c 'sleep 0.5; exit 3'"), config("helper", "sleep 1000")
    async with (
        hamster.open_hamster(worker, data_dir=f"{directory}/worker") as first,
        hamster.open_hamster(helper, data_dir=f"{directory}/helper") as second,
    ):
        print("two ports:", first.url != second.url)
        with first.system.bus.subscribe(ServiceEvent) as events:
            async for event in events:
                if isinstance(event, ServiceEvent) and event.event_type == "error" and event.failure is not None:
                    print(f"{event.view.id}: {event.failure.detail}")
                    await second.system.services.restart("helper")
                    break


with tempfile.TemporaryDirectory() as directory:
    trio.run(main, directory)
