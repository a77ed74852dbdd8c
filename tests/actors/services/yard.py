"""Real services for the tests: their settings, their processes found by a mark, and what is told of them."""

import os
import signal
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import attrs
import trio

from actors import MetricsSettings, ProcessOptions, ServiceEvent, ServiceSettings, SystemSettings
from actors.runtime import Bus, Subscription
from actors.settings import WebhookSettings

PATIENCE = 20.0
"""Seconds that a test gives to what takes milliseconds on an idle machine."""

SLEEP = ("sleep", "1000")
"""A service that just runs and ends by TERM at once."""

TREE = """
sleep 1000 &
setsid sh -c 'sleep 1000 & wait' &
( setsid sleep 1000 & )
wait
"""
"""A main process, a child, a child in a session of its own with a child, and a daemon in a session of its own."""
TREE_SIZE = 5

DEAF = "trap '' TERM; echo up; while :; do sleep 1000; done"
"""Ignores TERM; so do its children. It prints `up` from when on."""

QUICK = ProcessOptions(command=SLEEP, start_seconds=0.05, stop_grace=5.0, backoff_initial=0.02, backoff_max=0.1)
"""Like the defaults, only for the impatient."""


@attrs.define
class Yard:
    """Where the services of one test live: a data directory and a mark in every process's environment."""

    directory: Path
    mark: str = attrs.field(factory=lambda: f"mark-{uuid.uuid4().hex}")

    def service(self, service_id: str, *command: str, autostart: bool = False, **options: object) -> ServiceSettings:
        """A process service of `QUICK` options, changed by *options*; `sleep` without a *command*."""
        process = attrs.evolve(QUICK, **{"command": command or SLEEP, "env": {"HAMSTER_MARK": self.mark}, **options})
        return ServiceSettings(id=service_id, autostart=autostart, process=process)

    def shell(self, service_id: str, script: str, *, autostart: bool = False, **options: object) -> ServiceSettings:
        """A service that runs *script*."""
        return self.service(service_id, "sh", "-c", script, autostart=autostart, **options)

    def settings(self, *services: ServiceSettings, metrics: MetricsSettings | None = None) -> SystemSettings:
        return SystemSettings(
            data_dir=self.directory / "data",
            services=services,
            metrics=metrics or MetricsSettings(interval=60.0),
            webhooks=WebhookSettings(allow_private=True),  # their receivers are on loopback
        )

    def log(self, service_id: str) -> bytes:
        """What the service printed; empty before it did."""
        path = self.directory / "data" / "logs" / f"{service_id}.log"
        return path.read_bytes() if path.exists() else b""

    def processes(self, service_id: str | None = None) -> list[int]:
        """The pids of this test's living processes, or of one service's."""
        marks = [f"HAMSTER_MARK={self.mark}".encode()]
        if service_id is not None:
            marks.append(f"HAMSTER_SERVICE={service_id}".encode())
        return list(_marked(marks))


def kill_all(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])


def seeded() -> Random:
    """Jitter that is the same every time."""
    return Random(2024)  # noqa: S311 - no secret


class Longest(Random):
    """Jitter that always comes out longest."""

    def random(self) -> float:
        return 0.9999


@attrs.define
class Story:
    """The service events from when it was opened on, in order."""

    events: Subscription[ServiceEvent]
    told: list[ServiceEvent] = attrs.field(factory=list[ServiceEvent])

    @classmethod
    def of(cls, bus: Bus) -> "Story":
        return cls(bus.subscribe(ServiceEvent))

    async def until(self, event_type: str, service_id: str | None = None) -> ServiceEvent:
        """The next event of this type (of this service), from where the story was read to."""
        with trio.fail_after(PATIENCE):
            while True:
                event = await self.events.receive()
                assert isinstance(event, ServiceEvent), f"the story has a hole: {event}"
                self.told.append(event)
                if event.event_type == event_type and service_id in (None, event.view.id):
                    return event

    def so_far(self, service_id: str | None = None) -> list[str]:
        """The types of all events until now, read or not."""
        with suppress(trio.WouldBlock):
            while True:
                event = self.events.receive_nowait()
                assert isinstance(event, ServiceEvent), f"the story has a hole: {event}"
                self.told.append(event)
        return [event.event_type for event in self.told if service_id in (None, event.view.id)]


def _marked(marks: list[bytes]) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                variables = (entry / "environ").read_bytes().split(b"\0")
                if all(mark in variables for mark in marks):
                    yield int(entry.name)
