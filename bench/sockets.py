"""What sockets cost the server: a page that opens its own anew, again and again."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import attrs
import psutil
import trio

from bench.question import Better, Figure, Question, Reading, Side, Target

ROOT = Path(__file__).parents[1]
PAGE = "http://localhost:1420"
"""The desktop app's page, as its browser says."""
EACH_SECOND = 60
SETTLE_SECONDS = 3.0
"""After the start: what it does once is not measured."""


@attrs.frozen
class Served:
    """A server that runs."""

    process: psutil.Process
    port: int
    log: Path

    def lines(self) -> int:
        """Of its own log."""
        return self.log.read_bytes().count(b"\n")

    def cpu(self) -> float:
        """Seconds that it has used."""
        used = self.process.cpu_times()
        return used.user + used.system


@contextmanager
def server(*options: str) -> Generator[Served, None, None]:
    """`hamster serve` with *options* and the services of the default configuration."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "hamster", "serve", "--port", "0", "--data-dir", directory, *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "HAMSTER_CONFIG": ""})
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            url = str(json.loads(process.stdout.readline())["url"])
            time.sleep(SETTLE_SECONDS)
            log = Path(directory) / "logs" / "watchhamster.log"
            yield Served(psutil.Process(process.pid), int(url.rpartition(":")[2]), log)
        finally:
            process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


async def visit(port: int, done: list[float]) -> None:
    """Open a socket, read its first frame, and go."""
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET /ws HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {PAGE}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with suppress(OSError, trio.BrokenResourceError):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(request.encode())
            seen = b""
            async for part in stream:
                seen += part
                if b"connection_established" in seen:
                    done.append(trio.current_time())
                    return


async def one_after_the_other(port: int, seconds: int, done: list[float]) -> None:
    """A page with one socket: it opens it anew 60 times a second, or as often as the server lets it."""
    until = trio.current_time() + seconds
    while (now := trio.current_time()) < until:
        await visit(port, done)
        await trio.sleep_until(now + 1 / EACH_SECOND)


async def all_at_once(port: int, seconds: int, done: list[float]) -> None:
    """A page that opens another socket 60 times a second, whatever became of the last one."""
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(seconds * EACH_SECOND):
            nursery.start_soon(visit, port, done)
            await trio.sleep_until(began + (number + 1) / EACH_SECOND)


def reopening(page: Callable[[int, int, list[float]], Awaitable[None]], seconds: int) -> Reading:
    """What a page costs that opens sockets for so long."""

    async def run(served: Served) -> Reading:
        done: list[float] = []
        lines, cpu, began = served.lines(), served.cpu(), time.perf_counter()
        await page(served.port, seconds, done)
        took = time.perf_counter() - began
        used = served.cpu() - cpu
        return {
            "CPU": 100 * used / took,
            "handshakes": len(done) / took,
            "log lines": (served.lines() - lines) / max(1, len(done)),
        }

    with server() as served:
        return trio.run(run, served)


def idle(seconds: int) -> Reading:
    """Nobody at all, for as long."""
    with server() as served:
        cpu, began = served.cpu(), time.perf_counter()
        time.sleep(seconds)
        return {"CPU": 100 * (served.cpu() - cpu) / (time.perf_counter() - began)}


def question(name: str, text: str, page: Callable[[int, int, list[float]], Awaitable[None]]) -> Question:
    """What such a page costs."""
    return Question(
        name=name,
        text=text,
        figures=(
            Figure("CPU", "% of a core", Better.LOWER, Target(10.0)),
            Figure("handshakes", "/s", Better.HIGHER),
            Figure("log lines", "per handshake", Better.LOWER, Target(0.0)),
        ),
        ours=Side("hamster serve", partial(reopening, page)),
        peers=(Side("the same with nobody", idle),),
        size=10,
        quick=5,
        rounds=3,
        quick_rounds=1,
    )


QUESTIONS = (
    question("reopen", "a page that reopens its socket 60 times a second", one_after_the_other),
    question("flood", "a page that opens another socket 60 times a second", all_at_once),
)
