"""circusd, told over its own protocol on a ZeroMQ socket."""

import importlib
import importlib.util
import shlex
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import attrs

from bench.daemon import ANSWER_SECONDS, Daemon, Plan, Service, popen
from bench.question import Absent

HEAD = """
[circus]
endpoint = ipc://{directory}/circus
pubsub_endpoint = ipc://{directory}/circus.news
loglevel = ERROR
"""

# Restarts without limit; what died is noticed by its default check, every five seconds. The output kept whole.
WATCHER = """
[watcher:{name}]
cmd = {command}
autostart = {autostart}
respawn = {respawn}
max_retry = -1
graceful_timeout = 10
copy_env = true
stdout_stream.class = FileStream
stdout_stream.filename = {directory}/{name}.log
stderr_stream.class = FileStream
stderr_stream.filename = {directory}/{name}.log
"""


POLL_SECONDS = 0.005
"""Between two attempts to have a command taken."""


class _Client(Protocol):
    """What is used of `circus.client.CircusClient`."""

    def call(self, message: Mapping[str, object]) -> dict[str, Any]: ...

    def stop(self) -> None: ...


@contextmanager
def circus(plan: Plan) -> Generator[Daemon, None, None]:
    """Launch circusd with *plan*.

    Raises:
        Absent: It is not installed.
    """
    if importlib.util.find_spec("circus") is None:
        raise Absent("circus is not installed; make bench installs it")
    config = plan.directory / "circus.ini"
    config.write_text(configuration(plan), encoding="utf-8")
    process = popen([sys.executable, "-m", "circus.circusd", str(config)], plan.directory, talk=False)
    make = importlib.import_module("circus.client").CircusClient
    client = cast("_Client", make(endpoint=f"ipc://{plan.directory}/circus", timeout=ANSWER_SECONDS))
    try:
        yield Circus(process.pid, plan, client)
    finally:
        client.stop()
        process.kill()
        process.wait()


def configuration(plan: Plan) -> str:
    """*plan* as circusd reads it."""
    return HEAD.format(directory=plan.directory) + "".join(_watcher(plan, service) for service in plan.services)


def _watcher(plan: Plan, service: Service) -> str:
    return WATCHER.format(
        name=service.name,
        command=shlex.join(service.argv),
        autostart=plan.autostart,
        respawn=service.restart,
        directory=plan.directory,
    )


@attrs.frozen
class Circus:
    """A circusd that runs."""

    pid: int
    plan: Plan
    client: _Client

    def start_all(self) -> None:
        if self.plan.autostart:
            self._call("start")
            return
        for service in self.plan.services:  # a start of all leaves those out that do not start by themselves
            self._call("start", name=service.name, match="simple")

    def stop_all(self) -> None:
        self._call("stop", waiting=True)

    def status(self) -> int:
        raise Absent("what it says of all its watchers at once is one word of each")

    def log(self, service: str) -> Path:
        return self.plan.directory / f"{service}.log"

    def _call(self, command: str, **properties: object) -> None:
        give_up = time.monotonic() + ANSWER_SECONDS
        while (answer := self.client.call({"command": command, "properties": properties})).get("status") == "error":
            # It refuses a command while it is at another, its own checks included.
            if "already running" not in str(answer.get("reason")) or time.monotonic() > give_up:
                raise RuntimeError(f"circusd answered {command} with {answer}; see its stderr")
            time.sleep(POLL_SECONDS)
