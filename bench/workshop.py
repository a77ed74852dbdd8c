"""Where the services of a measurement live: a folder, and a pipe over which they say that they were executed."""

import shlex
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import attrs

from bench.daemon import Plan, Service
from bench.processes import Arrivals, need_linux


@attrs.frozen
class Workshop:
    """A folder, and the pipe over which the services in it arrive."""

    directory: Path
    arrivals: Arrivals

    def python(self, name: str, script: str, *, restart: bool = True) -> Service:
        """A service in Python that does *script* with `arrive()`, `os`, `signal` and `time` at hand."""
        arrive = f"def arrive(): open({str(self.arrivals.path)!r}, 'w').write(f'{name} {{os.getpid()}}\\n')"
        file = self.directory / f"{name}.py"
        file.write_text(f"import os, signal, time\n{arrive}\n{script}", encoding="utf-8")
        return Service(name, (sys.executable, "-I", "-S", str(file)), restart=restart)

    def plan(self, services: "list[Service]", *, autostart: bool = True) -> Plan:
        """A plan with *services* in this folder."""
        return Plan(self.directory, tuple(services), autostart=autostart)

    def sleepers(self, count: int) -> Plan:
        """Services that arrive, sleep, and end at once when told to: a shell that executes nothing more."""
        pipe, never = (shlex.quote(str(path)) for path in (self.arrivals.path, self.arrivals.never))
        return self.plan(
            [
                Service(f"sleeper-{number}", ("/bin/sh", "-c", f"echo sleeper-{number} $$ > {pipe}; read x < {never}"))
                for number in range(count)
            ]
        )


@contextmanager
def workshop() -> Generator[Workshop, None, None]:
    """A workshop; nothing is left of it afterwards.

    Raises:
        Absent: This is not Linux.
    """
    need_linux()
    # Not in the folder of tests or results: a Unix socket's path has room for about a hundred bytes.
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        arrivals = Arrivals(Path(name) / "arrivals")
        try:
            yield Workshop(Path(name), arrivals)
        finally:
            arrivals.close()
