"""Record a real run of the demo as docs/images/demo.svg: `python docs/record_demo.py`."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import Empty, Queue

import httpx
from rich.console import Console

HAMSTER = Path(sys.executable).with_name("hamster")
PICTURE = Path(__file__).parent / "images" / "demo.svg"
PATIENCE = 30.0
"""Seconds that any one thing may take."""


class Demo:
    """A running demo, whose lines can be waited for."""

    def __init__(self, data_dir: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [HAMSTER, "demo", "--port", "0", "--data-dir", data_dir], stdout=subprocess.PIPE, text=True
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = str(json.loads(self.wait_for("listening"))["url"])

    def wait_for(self, pattern: str) -> str:
        """The next line in which *pattern* is found."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except Empty:
                break
            if re.search(pattern, line):
                return line
        raise SystemExit(f"the demo did not print {pattern!r} within {PATIENCE:g} s")

    def pid_of(self, service: str) -> int:
        """The process of a service."""
        return int(httpx.get(f"{self.url}/api/services/{service}", trust_env=False).json()["pid"])

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))


def status(url: str) -> str:
    """What `hamster status` prints."""
    command = [HAMSTER, "status", "--url", url, "newsroom", "flaky", "posco_news"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own program


def main() -> None:
    """Run the demo, kill one of its processes, and draw what was seen."""
    paper = Console(record=True, width=112, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - kept open for the whole run
    with tempfile.TemporaryDirectory() as data_dir:
        demo = Demo(data_dir)
        try:
            demo.wait_for("newsroom .*started .pid")
            paper.print("[bold]$[/] make demo", highlight=False)
            pid = demo.pid_of("newsroom")
            paper.print(f"  newsroom     started (pid {pid}, restarts 0)\n", highlight=False)
            paper.print("[bold]$[/] hamster status newsroom flaky posco_news", highlight=False)
            paper.print(status(demo.url), highlight=False)
            paper.print(f"[bold]$[/] kill -9 {pid}", highlight=False)
            os.kill(pid, signal.SIGKILL)
            for pattern in ("newsroom .*error", "newsroom .*process", "newsroom .*recovered"):
                paper.print(demo.wait_for(pattern), highlight=False, markup=False)
            paper.print("\n[bold]$[/] hamster status newsroom flaky posco_news", highlight=False)
            paper.print(status(demo.url), highlight=False)
        finally:
            demo.stop()
    PICTURE.write_text(self_contained(paper.export_svg(title="WatchHamster", unique_id="demo")), encoding="utf-8")


def self_contained(svg: str) -> str:
    """*svg* without its fonts from the network; the reader's own monospace font serves."""
    return re.sub(r"@font-face \{[^}]*\}|<!--.*?-->", "", svg)


if __name__ == "__main__":
    main()
