"""What a request costs: a page that asks for the services, and a handler of Quart, beside FastAPI on uvicorn."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from functools import partial
from pathlib import Path

import psutil

from bench.question import Absent, Better, Figure, Question, Reading, Side, Target
from bench.sockets import ROOT, server

CONNECTIONS = 32
SERVICES = "/api/services/"
HEALTH = "/health"
WAIT_SECONDS = 30.0
SERVER_CORE, CLIENT_CORE = 0, 1
UNITS = {"us": 0.001, "ms": 1.0, "s": 1_000.0}
BROWSER = {
    "Origin": "http://localhost:1420",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "Accept": "application/json, text/plain, */*",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8",
    "Cache-Control": "no-cache",
    "Referer": "http://localhost:1420/",
}
"""As a page sends them, to all of them alike."""


def wait_for(url: str) -> None:
    """Until it answers."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            fetch(url + HEALTH)
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def fetch(url: str) -> bytes:
    """What it answers."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - of ours, over http
        return bytes(answer.read())


def ours(path: str, seconds: int, *options: str) -> Reading:
    """WatchHamster."""
    with server(*options) as served:
        return measured(served.process, f"http://127.0.0.1:{served.port}{path}", seconds)


def fastapi(path: str, seconds: int) -> Reading:
    """FastAPI with the answer that WatchHamster gives."""
    for module in ("fastapi", "uvicorn", "uvloop", "httptools"):
        if importlib.util.find_spec(module) is None:
            raise Absent(f"{module} is not installed; `make bench` does")
    with server() as served:
        body = fetch(f"http://127.0.0.1:{served.port}{SERVICES}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "services.json"
        file.write_bytes(body)
        peer = subprocess.Popen([sys.executable, "-m", "bench.peers.fastapi_app", str(port), str(file)], cwd=ROOT)
        try:
            wait_for(f"http://127.0.0.1:{port}")
            return measured(psutil.Process(peer.pid), f"http://127.0.0.1:{port}{path}", seconds)
        finally:
            peer.terminate()
            peer.wait()


def measured(process: psutil.Process, url: str, seconds: int) -> Reading:
    """What wrk sees, on another core than the server's."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise Absent("wrk is not installed; on Debian: apt install wrk")
    headers = [part for name, value in BROWSER.items() for part in ("-H", f"{name}: {value}")]
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *headers, url]
    process.cpu_affinity([SERVER_CORE])
    before = process.cpu_times()
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    psutil.Process(client.pid).cpu_affinity([CLIENT_CORE % (os.cpu_count() or 1)])
    said, _ = client.communicate()
    after = process.cpu_times()
    return {**figures_of(said), "CPU": cpu_each(after.user + after.system - before.user - before.system, said)}


def figures_of(said: str) -> dict[str, float]:
    """Requests a second and the 99th percentile in milliseconds, of what wrk says.

    Raises:
        ValueError: Something was not answered with 200, or it says something else.
    """
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if rate is None or slow is None or "Non-2xx" in said or "Socket errors" in said:
        raise ValueError(f"wrk says {said!r}; expected a rate, percentiles and no errors")
    return {"requests": float(rate[1]), "p99": float(slow[1]) * UNITS[slow[2]]}


def cpu_each(seconds: float, said: str) -> float:
    """Microseconds of a core for each request."""
    count = re.search(r"(\d+) requests in", said)
    return 1e6 * seconds / max(1, int(count[1])) if count is not None else 0.0


def question(name: str, text: str, path: str, target: float) -> Question:
    """What such a request costs."""
    return Question(
        name=name,
        text=text,
        figures=(
            Figure("requests", "/s", Better.HIGHER, Target(target, against="FastAPI on uvicorn")),
            Figure("CPU", "us per request", Better.LOWER),
            Figure("p99", "ms", Better.LOWER),
        ),
        ours=Side("hamster serve", partial(ours, path)),
        peers=(
            Side("FastAPI on uvicorn", partial(fastapi, path)),
            Side("hamster serve --no-fast-lane", lambda seconds: ours(path, seconds, "--no-fast-lane")),
        ),
        size=8,
        quick=3,
        rounds=5,
        quick_rounds=1,
    )


QUESTIONS = (
    question("snapshot", "GET /api/services/, kept, with a browser's headers", SERVICES, 4.0),
    question("routed", "GET /health, by a handler of Quart, with a browser's headers", HEALTH, 1.0),
)
