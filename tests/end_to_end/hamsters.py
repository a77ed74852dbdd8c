"""`hamster` as a child process, what it prints, and every process that comes of it."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import attrs
import httpx
import trio

HAMSTER = (sys.executable, "-m", "hamster")
PATIENCE = 30.0
"""Seconds for what takes a fraction of one on an idle machine."""
POLL = 0.01
"""Seconds between two looks at what the kernel tells nobody about."""

TREE = """
sleep 1000 &
setsid sh -c 'sleep 1000 & wait' &
( setsid sleep 1000 & )
wait
"""
"""A main process, a child, a child in a session of its own with a child, and a daemon in a session of its own."""
TREE_SIZE = 5


@attrs.define
class Hamster:
    """One `hamster` that was started, and its mark, which every process that comes of it has in its environment."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    mark: str
    out: Path
    err: Path

    @property
    def url(self) -> str:
        """Where it listens, from its first line."""
        return str(self.first_line()["url"])

    @property
    def port(self) -> int:
        """The port of `url`."""
        return int(self.url.rpartition(":")[2])

    def first_line(self) -> dict[str, object]:
        """The JSON that it prints first, waiting for it."""
        until(lambda: b"\n" in self.out.read_bytes() or self.process.poll() is not None, "its first line")
        lines = self.out.read_text("utf-8").splitlines()
        assert lines, f"it ended with {self.process.poll()} and said: {self.said()}"
        return cast("dict[str, object]", json.loads(lines[0]))

    def said(self) -> str:
        """What is on stderr so far."""
        return self.err.read_text("utf-8")

    def log(self) -> str:
        """Its own log so far."""
        return (self.data_dir / "logs" / "watchhamster.log").read_text("utf-8")

    def processes(self) -> list[int]:
        """Everything that lives and came of it, itself included."""
        return marked(self.mark)

    def of_service(self, service_id: str) -> list[int]:
        """What lives of one service."""
        return [pid for pid in self.processes() if f"HAMSTER_SERVICE={service_id}" in environment_of(pid)]

    def keeper(self) -> int:
        """The pid of its keeper: its only child."""
        (keeper,) = [pid for pid in self.processes() if parent_of(pid) == self.process.pid]
        return keeper

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit code."""
        return self.process.wait(seconds)

    async def ended(self, seconds: float = PATIENCE) -> int:
        """Its exit code; lets the test's other tasks run meanwhile."""
        with trio.fail_after(seconds):
            while (code := self.process.poll()) is None:  # noqa: ASYNC110 - this Popen has no event
                await trio.sleep(POLL)
        return code

    def service(self, service_id: str) -> dict[str, object]:
        """A service as it shows it now."""
        answer = httpx.get(f"{self.url}/api/services/{service_id}", trust_env=False, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, object]", answer.json())

    def wait_for(self, service_id: str, **values: object) -> dict[str, object]:
        """The service once its JSON has all of *values*."""
        found: dict[str, object] = {}

        def there() -> bool:
            found.update(self.service(service_id))
            return all(found[key] == value for key, value in values.items())

        until(there, f"{service_id} with {values}")
        return found


@contextmanager
def hamster(
    *arguments: str,
    directory: Path,
    data_dir: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int | None = None,
    stderr: int | None = None,
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> Generator[Hamster, None, None]:
    """`hamster ARGUMENTS`; nothing that came of it lives when the block is left.

    Args:
        directory: Where its output goes, and its data unless *data_dir* is given.
        stdin: As for Popen.
        stdout: Instead of a file.
        stderr: Instead of a file.
        environment: Beside ours.
        prefix: A program that runs it, such as a shell.
    """
    mark = uuid.uuid4().hex
    data_dir = data_dir or directory / "data"
    out, err = directory / f"{mark}.out", directory / f"{mark}.err"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(
            [*prefix, *HAMSTER, *arguments],
            stdin=stdin,
            stdout=out_file if stdout is None else stdout,
            stderr=err_file if stderr is None else stderr,
            env={**os.environ, "HAMSTER_DATA_DIR": str(data_dir), "HAMSTER_MARK": mark, **(environment or {})},
        )
    try:
        yield Hamster(process, data_dir, mark, out, err)
    finally:
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.kill()
        process.wait(PATIENCE)
        for pid in marked(mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def serving(directory: Path, toml: str, *arguments: str, **options: object) -> Generator[Hamster, None, None]:
    """`hamster serve` of the configuration *toml* on a free port, once it answers."""
    config = directory / "hamster.toml"
    config.write_text(toml, encoding="utf-8")
    started = hamster("serve", "--config", str(config), "--port", "0", *arguments, directory=directory, **options)  # pyright: ignore[reportArgumentType] - passed on
    with started as running:
        assert running.url
        yield running


def service(name: str, script: str, **options: object) -> str:
    """The table of a service that runs *script* in a shell."""
    values = {"command": ["sh", "-c", script], "start_seconds": 0.05, "stop_grace": 5.0} | options
    # JSON's strings, numbers, booleans and lists are TOML's, too.
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f"[services.{name}]", *lines, ""])


def run(
    *arguments: str, data_dir: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`hamster ARGUMENTS` to its end."""
    return subprocess.run(
        [*HAMSTER, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "HAMSTER_DATA_DIR": str(data_dir), **(environment or {})},
    )


def until(condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
    """Wait for what no event tells."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds:g} s"
        time.sleep(POLL)


async def soon(condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
    """`until`, beside the test's other tasks."""
    deadline = trio.current_time() + seconds
    while not condition():
        assert trio.current_time() < deadline, f"no {what} within {seconds:g} s"
        await trio.sleep(POLL)


def marked(mark: str) -> list[int]:
    """The pids of all living processes with that mark."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _is_marked(entry, mark)]


def environment_of(pid: int) -> list[str]:
    """A process's environment; empty when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    return []


def parent_of(pid: int) -> int | None:
    """A process's parent; None when it is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    return None


def _is_marked(entry: Path, mark: str) -> bool:
    with suppress(OSError):
        return f"HAMSTER_MARK={mark}".encode() in (entry / "environ").read_bytes().split(b"\0")
    return False
