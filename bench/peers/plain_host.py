"""`python -m bench.peers.plain_host PLAN`: the floor. `Popen`, output straight into files, `waitpid` in a thread."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from bench.daemon import Plan, Service, read_plan


class PlainHost:
    """Starts, waits and starts again; nothing more."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._logs = plan.directory / "logs"
        self._logs.mkdir()
        self._wanted = False
        self._running: dict[int, tuple[Service, subprocess.Popen[bytes]]] = {}
        self._changed = threading.Condition()

    def run(self) -> None:
        """Obey stdin until it ends, then stop all."""
        threading.Thread(target=self._reap, daemon=True).start()
        if self._plan.autostart:
            self._start()
        for line in sys.stdin:
            word = line.strip()
            self._start() if word == "start" else self._stop()
            print(word, flush=True)
        self._stop()

    def _start(self) -> None:
        with self._changed:
            self._wanted = True
            for service in self._plan.services:
                self._spawn(service)

    def _spawn(self, service: Service) -> None:
        with (self._logs / f"{service.name}.log").open("ab") as log:
            process = subprocess.Popen(service.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._running[process.pid] = (service, process)
        self._changed.notify_all()

    def _stop(self) -> None:
        with self._changed:
            self._wanted = False
            for pid in self._running:
                os.kill(pid, signal.SIGTERM)
            self._changed.wait_for(lambda: not self._running)

    def _reap(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._running))
            pid, status = os.waitpid(-1, 0)
            with self._changed:
                service, process = self._running.pop(pid)
                process.returncode = os.waitstatus_to_exitcode(status)
                if self._wanted and service.restart:
                    self._spawn(service)
                self._changed.notify_all()


if __name__ == "__main__":
    PlainHost(read_plan(Path(sys.argv[1]))).run()
