"""What the tests of the keeper share: commands to run, a log, a mark to find their processes by."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import attrs
import trio

from actors.services.keeper import Keeper, Phase, ProcessSpec, Run, RunStatus

# Five processes: the main one, a child, a child in a session of its own with a child, and a double-forked one
# in a session of its own. All carry the mark in their environment.
TREE = """
sleep 1000 &
setsid sh -c 'sleep 1000 & wait' &
( setsid sleep 1000 & )
wait
"""
TREE_SIZE = 5

# Seconds a test gives to what takes milliseconds.
PATIENCE = 20.0


@attrs.define
class Workshop:
    """Builds specs with a log and a mark of this test alone."""

    directory: Path
    mark: str = attrs.field(factory=lambda: f"mark-{uuid.uuid4().hex}")

    @property
    def log_path(self) -> Path:
        return self.directory / "service.log"

    @property
    def log(self) -> bytes:
        return self.log_path.read_bytes()

    def spec(
        self,
        *argv: str,
        cwd: str | None = None,
        log_path: str | None = None,
        grace: float = 5.0,
        env: dict[str, str] | None = None,
    ) -> ProcessSpec:
        return ProcessSpec(
            argv=argv,
            env={"PATH": os.environ["PATH"], "HAMSTER_MARK": self.mark, **(env or {})},
            cwd=cwd,
            log_path=str(self.log_path) if log_path is None else log_path,
            grace=grace,
        )

    def shell(self, script: str, *, grace: float = 5.0, log_path: str | None = None) -> ProcessSpec:
        return self.spec("sh", "-c", script, grace=grace, log_path=log_path)

    def processes(self) -> list[int]:
        """The pids of living processes with the mark, those of our own interpreter's environment included."""
        return list(_marked(self.mark.encode()))

    async def until_processes(self, count: int) -> list[int]:
        """Wait until so many live. The kernel has no event for that."""
        await until(lambda: len(self.processes()) == count)
        return self.processes()


@attrs.define
class Story:
    """What `notify` was told, in order. Hand it over as the callback."""

    statuses: list[RunStatus] = attrs.field(factory=list[RunStatus])

    def __call__(self, run: Run) -> None:
        self.statuses.append(run.status)

    @property
    def phases(self) -> list[Phase]:
        return [status.phase for status in self.statuses]


async def finished(keeper: Keeper, name: str, spec: ProcessSpec) -> RunStatus:
    """Start it and wait for its end."""
    run = await keeper.start(name, spec, ignore)
    return await run.wait(Phase.EMPTY)


def ignore(run: Run) -> None:
    """For those who look at the status instead."""


async def until(condition: Callable[[], bool]) -> None:
    """Poll for what the kernel tells no event of."""
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110  there is no event, that is why this exists
            await trio.sleep(0.005)


def parent_of(pid: int) -> int:
    return int(_stat(pid)[1])


def state(pid: int) -> str:
    """As ps shows it: T is stopped."""
    return _stat(pid)[0]


def alive(pid: int) -> bool:
    """It exists and is no zombie."""
    with suppress(OSError):
        return _stat(pid)[0] != "Z"
    return False


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def _marked(mark: bytes) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    yield int(entry.name)
