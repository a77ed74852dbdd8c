"""Supervisors of ours that are measured: a process that is told over a pipe, and the product as it is."""

import http.client
import json
import select
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from bench.daemon import ANSWER_SECONDS, Daemon, Launch, Plan, Service, end, popen
from bench.question import Absent
from hamster.defaults import contract_services
from hamster.runtime_file import NotRunning, read_runtime_file


@attrs.frozen
class Hosted:
    """A supervisor that reads `start` and `stop` and answers each with a line."""

    process: "subprocess.Popen[str]"
    logs: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def start_all(self) -> None:
        self._obeyed("start")

    def stop_all(self) -> None:
        self._obeyed("stop")

    def status(self) -> int:
        raise Absent("it has no clients to be asked by")

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def tell(self, word: str) -> str:
        """Its answer to *word*."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError(
                f"{word} cannot be told to a supervisor without pipes; expected them; launch it with talk"
            )
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], ANSWER_SECONDS)[0]:
            raise RuntimeError(f"the supervisor did not answer {word!r} within {ANSWER_SECONDS:g} s; see its stderr")
        return self.process.stdout.readline().strip()

    def _obeyed(self, word: str) -> None:
        answer = self.tell(word)
        if answer != word:
            raise RuntimeError(
                f"the supervisor answered {answer!r} to {word!r}; expected the same word; see its stderr"
            )


def hosted(module: str) -> Launch:
    """Launch *module* with a plan; it keeps logs in `logs` of the plan's folder."""

    @contextmanager
    def launch(plan: Plan) -> Generator[Daemon, None, None]:
        file = plan.directory / "plan.json"
        file.write_text(json.dumps(attrs.asdict(plan), default=str), encoding="utf-8")
        process = popen([sys.executable, "-m", module, str(file)], plan.directory, talk=True)
        try:
            yield Hosted(process, plan.directory / "logs")
        finally:
            end(process)

    return launch


@contextmanager
def product(plan: Plan) -> Generator[Daemon, None, None]:
    """Launch `hamster serve` with the services of *plan* and none of the contract's; it is told nothing."""
    config, data = plan.directory / "hamster.toml", plan.directory / "data"
    config.write_text(
        "\n".join([*(_disabled(service.id) for service in contract_services()), *map(_table, plan.services)]),
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "hamster",
        "serve",
        "--port",
        "0",
        "--config",
        str(config),
        "--data-dir",
        str(data),
    ]
    process = popen(command, plan.directory, talk=True)
    client = Client(data)
    try:
        yield Product(process, data / "logs", client)
    finally:
        client.close()
        end(process)


class Client:
    """Asks the product over HTTP, as any client would: over one connection that stays."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> bytes:
        """The body of its answer.

        Raises:
            NotRunning: It is not up yet.
        """
        if self._connection is None:
            address = urlsplit(read_runtime_file(self._data).url)
            self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_SECONDS)
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"the product answered {answer.status} to GET {path}; expected 200; it said {body!r}")
        return body

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()


@attrs.frozen
class Product(Hosted):
    """The product."""

    client: Client

    def status(self) -> int:
        try:
            found = json.loads(self.client.get("/api/services/"))
        except NotRunning:
            return 0  # services run before it listens
        return sum(each["status"] == "running" for each in found)


def _disabled(name: str) -> str:
    return f"[services.{name}]\nenabled = false\n"


def _table(service: Service) -> str:
    restart = "always" if service.restart else "never"
    # JSON's strings are TOML's too.
    command = json.dumps(list(service.argv))
    return f'[services.{service.name}]\ncommand = {command}\nrestart = "{restart}"\n'
