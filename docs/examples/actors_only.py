"""The actors alone, with one of your own beside them: a process is killed, and your actor hears of it.

Runs where nothing of the HTTP server or the command line is installed.
"""

import os
import signal
from collections import deque

import attrs
import trio

from actors import ProcessOptions, ServiceEvent, ServiceSettings, State, SystemSettings, open_system
from actors.runtime import Actor, Cell, ChildSpec, Lagged, Message, open_supervisor


@attrs.frozen
class Heard(Message["Witness", None]):
    event: ServiceEvent

    def deliver(self, to: "Witness") -> None:
        to.hear(self.event)


class Witness(Actor):
    """Remembers the last hundred things that happened to services."""

    def __init__(self, heard: Cell[tuple[str, ...]]) -> None:
        self._heard = heard
        self._last: deque[str] = deque(heard.value, maxlen=100)

    async def on_start(self) -> None:
        self.context.start_soon(self._listen)

    async def _listen(self) -> None:
        with self.context.bus.subscribe(ServiceEvent) as events:
            async for event in events:
                if not isinstance(event, Lagged):
                    self.context.tell(Heard(event))

    def hear(self, event: ServiceEvent) -> None:
        self._last.append(f"{event.view.id} {event.event_type}")
        self._heard.set(tuple(self._last))


async def main() -> None:
    clock = ServiceSettings(
        id="clock",
        process=ProcessOptions(command="sh -c 'while date; do sleep 1; done'", start_seconds=0.1),
    )
    heard: Cell[tuple[str, ...]] = Cell(())
    settings = SystemSettings(data_dir="data", services=[clock])
    async with open_system(settings) as system, open_supervisor("mine", bus=system.bus) as mine:
        await mine.start(ChildSpec("witness", lambda: Witness(heard)))
        view = await system.services.wait_for("clock", State.RUNNING)
        if view.pid is not None:
            os.kill(view.pid, signal.SIGKILL)
        watch = heard.subscribe()
        while "clock recovered" not in heard.value:
            await watch.changes.receive()
    print("\n".join(heard.value))


trio.run(main)
