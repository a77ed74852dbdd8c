"""supervisord, told over its XML-RPC on a Unix socket."""

import http.client
import importlib.util
import shlex
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import attrs

from bench.daemon import ANSWER_SECONDS, LAUNCH_SECONDS, Daemon, Plan, Service, popen
from bench.question import Absent

HEAD = """
[unix_http_server]
file={directory}/socket
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
logfile={directory}/supervisord.log
pidfile={directory}/supervisord.pid
childlogdir={directory}
loglevel=warn
silent=true
"""

# Restarts at once and without limit; the output kept whole.
PROGRAM = """
[program:{name}]
command={command}
autostart={autostart}
autorestart={autorestart}
startsecs=0
stopwaitsecs=10
redirect_stderr=true
stdout_logfile={directory}/{name}.log
stdout_logfile_maxbytes=0
"""

POLL_SECONDS = 0.005
"""Between two attempts to reach a supervisord that is starting."""


@contextmanager
def supervisord(plan: Plan) -> Generator[Daemon, None, None]:
    """Launch supervisord with *plan*.

    Raises:
        Absent: It is not installed.
    """
    if importlib.util.find_spec("supervisor") is None:
        raise Absent("supervisor is not installed; make bench installs it")
    config = plan.directory / "supervisord.conf"
    config.write_text(configuration(plan), encoding="utf-8")
    process = popen(
        [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)], plan.directory, talk=False
    )
    transport = _UnixTransport(plan.directory / "socket")
    try:
        yield Supervisord(process.pid, plan.directory, transport)
    finally:
        transport.close()
        # Told to end, it stops one program after the other, some in a second. Whoever is left is killed by the pids.
        process.kill()
        process.wait()


def configuration(plan: Plan) -> str:
    """*plan* as supervisord reads it."""
    return HEAD.format(directory=plan.directory) + "".join(_program(plan, service) for service in plan.services)


def _program(plan: Plan, service: Service) -> str:
    return PROGRAM.format(
        name=service.name,
        command=shlex.join(service.argv).replace("%", "%%"),
        autostart=str(plan.autostart).lower(),
        autorestart=str(service.restart).lower(),
        directory=plan.directory,
    )


@attrs.frozen
class Supervisord:
    """A supervisord that runs."""

    pid: int
    directory: Path
    transport: "_UnixTransport"

    def start_all(self) -> None:
        self._call("supervisor.startAllProcesses", wait=False)

    def stop_all(self) -> None:
        self._call("supervisor.stopAllProcesses", wait=True)

    def status(self) -> int:
        found = self._request("supervisor.getAllProcessInfo", ())
        return sum(each["statename"] == "RUNNING" for each in found)

    def log(self, service: str) -> Path:
        return self.directory / f"{service}.log"

    def _call(self, method: str, *, wait: bool) -> None:
        self._request(method, (wait,))

    def _request(self, method: str, arguments: tuple[bool, ...]) -> list[dict[str, Any]]:
        body = xmlrpc.client.dumps(arguments, method)
        give_up = time.monotonic() + LAUNCH_SECONDS
        while True:
            try:
                # The transport keeps its connection for the next request.
                answer = self.transport.request("localhost", "/RPC2", body.encode())
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > give_up:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return cast("tuple[list[dict[str, Any]]]", answer)[0]


class _UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _UnixConnection(self._path)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ANSWER_SECONDS)
        self.sock.connect(str(self._path))
