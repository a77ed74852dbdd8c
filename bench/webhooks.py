"""The outbox beside bare httpx on Trio, to receivers in a process of their own: the same bodies, as many at a time."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import httpx
import psutil
import trio

from actors import MetricsSettings, SystemSettings, open_system
from actors.settings import WebhookSettings
from actors.system import System
from bench.question import Better, Figure, Question, Reading, Side, Target

ROOT = Path(__file__).parents[1]
TEXT = "m" * 200
ACCEPTING = 64
"""That put messages in at the same time."""
MANY = 100
HANGING = 10
KILLS = 10
PENDING = 100_000
MIB = 1024 * 1024

OURS, BARE, UNDISTURBED = "outbox", "bare httpx", "without the ten that hang"


@contextmanager
def receiver() -> Generator[int, None, None]:
    """The port of a receiver, in a process of its own."""
    command = [sys.executable, "-m", "bench.peers.webhook_receiver"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@asynccontextmanager
async def a_system(directory: Path) -> AsyncGenerator[System, None]:
    """One that does nothing else."""
    settings = SystemSettings(
        data_dir=directory,
        webhooks=WebhookSettings(allow_private=True),
        metrics=MetricsSettings(interval=60.0),
    )
    async with open_system(settings) as system:
        yield system


async def put(system: System, port: int, count: int, receivers: int, prefix: str = "r") -> None:
    """Put messages in, a crowd at a time, for one receiver after the other."""
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            url = f"http://127.0.0.1:{port}/{prefix}{number % receivers}"
            await system.webhooks.send(url, message=TEXT, webhook_type="generic")

    async with trio.open_nursery() as nursery:
        for _ in range(ACCEPTING):
            nursery.start_soon(some)


class Counter:
    """Asks a receiver what has arrived."""

    def __init__(self, http: httpx.AsyncClient, port: int) -> None:
        self._http = http
        self._url = f"http://127.0.0.1:{port}/count"

    async def ask(self) -> tuple[int, int]:
        """Messages, and different ones."""
        whole, different = (await self._http.get(self._url)).text.split()
        return int(whole), int(different)

    async def until(self, count: int) -> None:
        """Until so many different ones have arrived."""
        while (await self.ask())[1] < count:  # noqa: ASYNC110 - another process tells nobody
            await trio.sleep(0.05)


def accept(count: int) -> Reading:
    """How many are accepted in a second, on the disk, while they are sent."""

    async def run(port: int) -> Reading:
        with tempfile.TemporaryDirectory() as directory:
            async with a_system(Path(directory)) as system:
                began = time.perf_counter()
                await put(system, port, count, 1)
                return {"": count / (time.perf_counter() - began)}

    with receiver() as port:
        return trio.run(run, port)


def deliver(receivers: int, count: int) -> Reading:
    """How many are delivered in a second, from the first that is put in to the last that arrives."""

    async def run(port: int) -> Reading:
        with tempfile.TemporaryDirectory() as directory:
            async with a_system(Path(directory)) as system, httpx.AsyncClient(trust_env=False) as http:
                counter = Counter(http, port)
                began = time.perf_counter()
                await put(system, port, count, receivers)
                await counter.until(count)
                return {"": count / (time.perf_counter() - began)}

    with receiver() as port:
        return trio.run(run, port)


def bare(receivers: int, count: int) -> Reading:
    """The same bodies by httpx, one after the other to each receiver."""
    body = json.dumps({"id": "webhook_1", "message": TEXT, "template_id": None, "variables": {}})

    async def run(port: int) -> Reading:
        limits = httpx.Limits(max_connections=receivers, max_keepalive_connections=receivers)
        async with httpx.AsyncClient(trust_env=False, limits=limits) as http:

            async def to(number: int) -> None:
                url = f"http://127.0.0.1:{port}/r{number}"
                for turn in range(count // receivers):
                    headers = {"content-type": "application/json", "webhook-id": f"{number}-{turn}"}
                    await http.post(url, content=body, headers=headers)

            began = time.perf_counter()
            async with trio.open_nursery() as nursery:
                for number in range(receivers):
                    nursery.start_soon(to, number)
            return {"": count / (time.perf_counter() - began)}

    with receiver() as port:
        return trio.run(run, port)


def beside_hanging(hanging: int, count: int) -> Reading:
    """Seconds until ninety receivers have all of theirs, while *hanging* others never answer."""

    async def run(port: int) -> Reading:
        with tempfile.TemporaryDirectory() as directory:
            async with a_system(Path(directory)) as system, httpx.AsyncClient(trust_env=False) as http:
                counter = Counter(http, port)
                if hanging:
                    await put(system, port, hanging * 10, hanging, prefix="hang")
                began = time.perf_counter()
                await put(system, port, count, MANY - HANGING)
                await counter.until(count)
                return {"": time.perf_counter() - began}

    with receiver() as port:
        return trio.run(run, port)


def killed(count: int) -> Reading:
    """Killed ten times in the middle of it: what never arrives, and what arrives again under its id."""

    async def run(port: int, directory: Path) -> Reading:
        async with httpx.AsyncClient(trust_env=False) as http:
            counter = Counter(http, port)
            for kill in range(KILLS + 1):
                command = [sys.executable, "-m", "bench.webhooks", str(directory), str(port)]
                command += [str(count)] if kill == 0 else ["0"]
                process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, cwd=ROOT)
                assert process.stdout is not None  # noqa: S101 - a pipe was asked for
                await process.stdout.receive_some()  # all are in the outbox: what is not accepted is no loss
                if kill == KILLS:
                    await counter.until(count)
                    process.kill()
                else:
                    wanted = count * (kill + 1) // (KILLS + 2)
                    while (await counter.ask())[0] < wanted and process.poll() is None:  # noqa: ASYNC110 - as above
                        await trio.sleep(0.005)
                    os.kill(process.pid, signal.SIGKILL)
                await process.wait()
                await process.stdout.aclose()
            whole, different = await counter.ask()
            return {"missing": float(count - different), "repeated": float(whole - different)}

    with receiver() as port, tempfile.TemporaryDirectory() as directory:
        return trio.run(run, port, Path(directory))


def pending(count: int) -> Reading:
    """MiB that the process grows by while so many wait for a receiver that never answers."""

    async def run(port: int) -> Reading:
        with tempfile.TemporaryDirectory() as directory:
            async with a_system(Path(directory)) as system:
                await put(system, port, 2000, 1, prefix="hang")
                before = psutil.Process().memory_info().rss
                await put(system, port, count, 1, prefix="hang")
                return {"": (psutil.Process().memory_info().rss - before) / MIB}

    with receiver() as port:
        return trio.run(run, port)


async def _be_killed(directory: Path, port: int, count: int) -> None:
    """A program that puts messages in, and sends until it is killed."""
    async with a_system(directory) as system:
        await put(system, port, count, 5)
        sys.stdout.write("put\n")
        sys.stdout.flush()
        await trio.sleep_forever()


def _ratio(name: str, text: str, receivers: int) -> Question:
    return Question(
        name,
        text,
        (Figure("", "/s", Better.HIGHER, Target(0.7, BARE)),),
        Side(OURS, partial(deliver, receivers)),
        (Side(BARE, partial(bare, receivers)),),
        size=10_000,
        quick=2_000,
        rounds=3,
        quick_rounds=1,
    )


QUESTIONS: tuple[Question, ...] = (
    Question(
        "accept",
        "messages accepted, on the disk, while they are sent",
        (Figure("", "/s", Better.HIGHER, Target(2000.0)),),
        Side(OURS, accept),
        (),
        size=10_000,
        quick=2_000,
        rounds=3,
        quick_rounds=1,
    ),
    _ratio("one", "messages delivered to one receiver", 1),
    _ratio("twenty", "messages delivered to 20 receivers", 20),
    Question(
        "hanging",
        "90 receivers while 10 others hang",
        (Figure("", "s", Better.LOWER, Target(1.1, UNDISTURBED)),),
        Side(OURS, partial(beside_hanging, HANGING)),
        (Side(UNDISTURBED, partial(beside_hanging, 0)),),
        size=9_000,
        quick=1_800,
        rounds=3,
        quick_rounds=1,
    ),
    Question(
        "killed",
        "killed ten times in the middle of it",
        (
            Figure("missing", "", Better.LOWER, Target(0.0)),
            Figure("repeated", "", Better.LOWER),
        ),
        Side(OURS, killed),
        (),
        size=5_000,
        quick=2_000,
        rounds=1,
        quick_rounds=1,
    ),
    Question(
        "pending",
        "growth while messages wait for a receiver that hangs",
        (Figure("", "MiB", Better.LOWER, Target(30.0)),),
        Side(OURS, pending),
        (),
        size=PENDING,
        quick=20_000,
        rounds=1,
        quick_rounds=1,
    ),
)


if __name__ == "__main__":
    trio.run(_be_killed, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
