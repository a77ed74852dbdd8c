"""What is asked of a process supervisor that is measured, whoever wrote it."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import attrs
import msgspec

ROOT = Path(__file__).resolve().parent.parent

LAUNCH_SECONDS = 20.0
"""For a supervisor to come up, and for all its services to be executed: many times what any needs."""

ANSWER_SECONDS = 60.0
"""For a supervisor to answer a command: some stop one service after the other."""

END_SECONDS = 10.0
"""For a supervisor to end that was told to; then it is killed."""


@attrs.frozen
class Service:
    """A command to be kept running. *restart* is at once and without limit, or not at all."""

    name: str
    argv: tuple[str, ...]
    restart: bool = True


@attrs.frozen
class Plan:
    """What a supervisor is to run: its own folder for whatever it writes, and the services."""

    directory: Path
    services: tuple[Service, ...]
    autostart: bool = True


class Daemon(Protocol):
    """A supervisor that runs."""

    @property
    def pid(self) -> int:
        """Of its main process."""
        ...

    def start_all(self) -> None:
        """Have all services running; returns when the command is taken."""
        ...

    def stop_all(self) -> None:
        """Have all services stopped; returns when it says that they are."""
        ...

    def status(self) -> int:
        """Ask it for the full status of all services, over the way that its clients take; how many run.

        Raises:
            Absent: There is no such way.
        """
        ...

    def log(self, service: str) -> Path:
        """The file with the output of *service*."""
        ...


Launch = Callable[[Plan], AbstractContextManager[Daemon]]
"""Launch a supervisor for the time of a block; it has not ended when this returns, and may not be ready."""


def end(process: "subprocess.Popen[str]") -> None:
    """Have *process* end in peace, and kill it if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        if process.stdout is not None:
            process.stdout.close()


def popen(
    argv: Sequence[str], directory: Path, *, talk: bool, env: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Run a supervisor from the project's root, its errors in `stderr` of *directory*.

    Args:
        argv: The command.
        directory: Of its plan.
        talk: With pipes for stdin and stdout.
        env: Added to our environment.
    """
    pipe = subprocess.PIPE if talk else subprocess.DEVNULL
    with (directory / "stderr").open("ab") as errors:
        return subprocess.Popen(
            argv,
            stdin=pipe,
            stdout=pipe,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        )


def read_plan(file: Path) -> Plan:
    """The plan that `hosted` wrote."""
    return msgspec.json.decode(file.read_bytes(), type=Plan, dec_hook=_path)


def _path(kind: type, value: object) -> object:
    if kind is not Path:
        raise TypeError(f"{kind.__name__} is not in a plan; expected Path")
    return Path(str(value))
