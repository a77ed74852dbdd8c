"""The logs domain beside ripgrep, grep, and the way of the backend that it replaced: read everything, then filter."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import trio
import trio.lowlevel
import trio.testing

from actors.expressions import Expression
from actors.logs import Catalogue, Filter, Logs, Source, open_logs
from actors.logs.logs import LOG_INDEX
from actors.runtime import Lagged, open_supervisor
from bench.log_file import MB, NAME, lines, log_directory
from bench.peers import naive_logs
from bench.peers.text_search import counted, grep, ripgrep
from bench.question import Better, Figure, Question, Reading, Side, Target

WORD = "ERROR"
CASELESS = "error"
RARE = "ERROR .*rows=[0-9]*77"
OFTEN = "status=[0-9]* took_ms=[0-9]"
PAGE = 100
TRIES = 5
READY_SECONDS = 300.0
APPENDS = 300
FLOOD_BYTES_PER_SECOND = 50 * MB
WATCHERS = 1000
NAIVE_MOST = 200
"""MB that the naive way is asked for: it needs ten times the file in memory."""

OURS = "logs domain"


@asynccontextmanager
async def followed(directory: Path, index: Path) -> AsyncGenerator[Logs, None]:
    """The logs of *directory*, followed and counted."""
    logs = Logs(Catalogue(directory, lambda _: False), index, UTC)
    async with open_supervisor("bench") as supervisor:
        await open_logs(logs, supervisor)
        with trio.fail_after(READY_SECONDS):
            while NAME not in logs.followed:  # noqa: ASYNC110 - nothing tells of it
                await trio.sleep(0.001)
            await logs.followed[NAME].ready.wait()
        yield logs


_indexes: dict[int, Path] = {}


def _index_of(megabytes: int) -> Path:
    """Where the index of the log of that size is kept for the run, so that it is made once."""
    if megabytes not in _indexes:
        _indexes[megabytes] = log_directory(megabytes) / LOG_INDEX
    return _indexes[megabytes]


def ours(work: Callable[[Logs, Source], Awaitable[Reading]], megabytes: int) -> Reading:
    """What *work* gives of the log of that size."""

    async def run() -> Reading:
        async with followed(log_directory(megabytes), _index_of(megabytes)) as logs:
            return await work(logs, await logs.source(NAME))

    return trio.run(run)


async def _fastest(work: Callable[[], Awaitable[object]], tries: int = TRIES) -> float:
    """Seconds of the median of some tries; the first one reads the file into the system's cache."""
    await work()
    found: list[float] = []
    for _ in range(tries):
        begun = time.perf_counter()
        await work()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


# -- what is measured


async def newest(logs: Logs, source: Source) -> Reading:
    """Milliseconds for the newest 100 records of level ERROR."""
    wanted = Filter(levels=("ERROR",))

    async def page() -> None:
        found = await logs.reader.page(source, wanted, PAGE, with_total=False)
        assert len(found.entries) == PAGE  # noqa: S101 - or nothing was measured

    return {"": await _fastest(page) * 1000}


async def count(wanted: Filter, logs: Logs, source: Source) -> Reading:
    """Seconds to count all records that are wanted, and the longest time that the event loop had to wait meanwhile."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begun = time.perf_counter()
            await trio.sleep(0.001)
            longest = max(longest, time.perf_counter() - begun - 0.001)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        seconds = await _fastest(lambda: logs.reader.count(source, wanted))
        nursery.cancel_scope.cancel()
    return {"": seconds, "longest wait of the loop": longest * 1000}


async def a_day(logs: Logs, _: Source) -> Reading:
    """Milliseconds for the statistics of 24 hours."""

    async def ask() -> None:
        assert (await logs.statistics(NAME, 24)).total > 0  # noqa: S101 - or nothing was measured

    return {"": await _fastest(ask) * 1000}


def rebuild(megabytes: int) -> Reading:
    """Seconds for a GB to be counted without an index."""

    async def run() -> float:
        with tempfile.TemporaryDirectory(prefix="bench-") as index:
            begun = time.perf_counter()
            async with followed(log_directory(megabytes), Path(index)):
                return time.perf_counter() - begun

    return {"": trio.run(run) * 1000 / megabytes}


def live(appends: int) -> Reading:
    """Milliseconds from the write of a line to a subscriber in our process: p50 and p99."""

    async def run() -> list[float]:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            path = Path(name) / NAME
            path.touch()
            found: list[float] = []
            async with followed(Path(name), Path(name) / LOG_INDEX) as logs:
                with logs.feed([NAME]) as feed, path.open("ab", buffering=0) as file:
                    for line in lines(appends, datetime.now(UTC), timedelta(0)):
                        if line.startswith("Trace"):
                            continue
                        begun = time.perf_counter()
                        file.write(line.encode())
                        await feed.receive()
                        found.append((time.perf_counter() - begun) * 1000)
                        await trio.sleep(0.002)
            return found

    return _percentiles(trio.run(run))


def served(appends: int) -> Reading:
    """Milliseconds from the write of a line to a client of the event stream of `hamster serve`: p50 and p99."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        config = Path(name) / "hamster.toml"
        config.write_text("[server]\nport = 0\n", "utf-8")
        command = [sys.executable, "-m", "hamster", "serve", "--config", str(config), "--data-dir", f"{name}/data"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            port = int(process.stdout.readline().split(b":")[-1].strip(b' "}\n'))
            try:
                return _percentiles(trio.run(_stream, port, Path(name) / "data" / "logs" / "bench.log", appends))
            finally:
                process.terminate()


async def _stream(port: int, path: Path, appends: int) -> list[float]:
    await trio.Path(path).touch()
    found: list[float] = []
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        with trio.fail_after(READY_SECONDS):
            await trio.sleep(0.5)  # the log was just made
            await stream.send_all(b"GET /api/logs/stream?file_name=bench.log HTTP/1.1\r\nHost: localhost\r\n\r\n")
            got = b""
            while b": connected" not in got:
                got += await stream.receive_some()
            with path.open("ab", buffering=0) as file:
                for number in range(appends):
                    mark = f"line-{number}-end".encode()
                    begun = time.perf_counter()
                    file.write(b"INFO " + mark + b"\n")
                    got = b""
                    while mark not in got:
                        got += await stream.receive_some()
                    found.append((time.perf_counter() - begun) * 1000)
                    await trio.sleep(0.002)
    return found


def _percentiles(found: list[float]) -> Reading:
    return {"p50": statistics.median(found), "p99": statistics.quantiles(found, n=100, method="inclusive")[98]}


def flood(seconds: int) -> Reading:
    """While 50 MB a second are appended: seconds until everything is counted once it is written, per cent of the
    records that a subscriber got or was told to have missed, and by how many MiB our process grew."""
    text = "".join(lines(50_000, datetime.now(UTC), timedelta(milliseconds=1))).encode()
    records = text.count(b" [mod:")
    done = subprocess.run(
        [sys.executable, "-m", "bench.log_flood", str(seconds), str(FLOOD_BYTES_PER_SECOND)],
        input=text, capture_output=True, check=True, timeout=READY_SECONDS,
    )  # fmt: skip
    written, counted_, got, missed, lag, growth = map(float, done.stdout.split())
    assert counted_ == written * records, (counted_, written * records)  # noqa: S101 - else nothing is worth knowing
    return {"lag": lag, "told": (got + missed) / counted_ * 100, "growth": growth}


def watchers(records: int) -> Reading:
    """Microseconds of CPU for each record and listener, with one listener and with a thousand."""

    async def run(listeners: int) -> float:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            path = Path(name) / NAME
            path.touch()
            async with followed(Path(name), Path(name) / LOG_INDEX) as logs, trio.open_nursery() as nursery:
                left = listeners
                done = trio.Event()

                async def listen() -> None:
                    nonlocal left
                    got = 0
                    with logs.feed([NAME]) as feed:
                        while got < records:
                            for told in await feed.receive_batch():
                                got += told.missed if isinstance(told, Lagged) else 1
                    left -= 1
                    if not left:
                        done.set()

                for _ in range(listeners):
                    nursery.start_soon(listen)
                await trio.testing.wait_all_tasks_blocked()
                begun = time.process_time()
                text = [line for line in lines(records * 2, datetime.now(UTC), timedelta(0)) if line[0] == "2"][
                    :records
                ]
                begun = time.process_time()
                with path.open("ab", buffering=0) as file:
                    for line in text:
                        file.write(line.encode())
                        await trio.lowlevel.checkpoint()
                await done.wait()
                return (time.process_time() - begun) / records / listeners * 1e6

    return {"one": trio.run(run, 1), "a thousand": trio.run(run, WATCHERS)}


# -- the peers


def _searched(program: Callable[[], str], *arguments: str) -> Callable[[int], Reading]:
    def run(megabytes: int) -> Reading:
        file = log_directory(megabytes) / NAME
        found = [counted(program(), *arguments, file=file)[0] for _ in range(TRIES + 1)]
        return {"": statistics.median(found[1:])}

    return run


def _naive(work: Callable[[Path], tuple[float, int]], factor: float = 1.0) -> Callable[[int], Reading]:
    """Measured at `NAIVE_MOST` MB at most, and scaled: it is a straight line, and would need the machine's memory."""

    def run(megabytes: int) -> Reading:
        size = min(megabytes, NAIVE_MOST)
        return {"": work(log_directory(size) / NAME)[0] * factor * megabytes / size}

    return run


# -- the questions


def _lower(name: str, unit: str, target: Target | None = None) -> Figure:
    return Figure(name, unit, Better.LOWER, target)


RIPGREP, GREP, NAIVE = "ripgrep", "grep", "read all, then filter"
LOOP = _lower("longest wait of the loop", "ms", Target(10.0))


def _counting(name: str, text: str, wanted: Filter, most: float, arguments: tuple[str, ...]) -> Question:
    return Question(
        name,
        text,
        (_lower("", "s", Target(most, RIPGREP)), LOOP),
        Side(OURS, partial(ours, partial(count, wanted))),
        (
            Side(RIPGREP, _searched(ripgrep, "--no-config", "-a", *arguments)),
            Side(GREP, _searched(grep, "-a", *arguments)),
            Side(NAIVE, _naive(lambda file: naive_logs.with_text(file, CASELESS))),
        ),
        size=1000,
        quick=200,
        rounds=3,
        quick_rounds=1,
    )


QUESTIONS: tuple[Question, ...] = (
    Question(
        "newest",
        "the newest 100 ERROR of 1 GB",
        (_lower("", "ms", Target(5.0)),),
        Side(OURS, partial(ours, newest)),
        (Side(NAIVE, _naive(lambda file: naive_logs.newest_of_level(file, "ERROR", PAGE), 1000)),),
        size=1000,
        quick=200,
        rounds=3,
        quick_rounds=1,
    ),
    _counting("text", "count a word in 1 GB", Filter(text=WORD, cased=True), 1.5, ("-c", WORD)),
    _counting("caseless", "count a word, caseless", Filter(text=CASELESS), 1.5, ("-ci", CASELESS)),
    _counting(
        "regex",
        "count a regular expression, one line in 5,000",
        Filter(expression=Expression(RARE)),
        3.0,
        ("-c", "-e", RARE),
    ),
    _counting(
        "regex_often",
        "count a regular expression, one line in five",
        Filter(expression=Expression(OFTEN)),
        3.0,
        ("-c", "-e", OFTEN),
    ),
    Question(
        "statistics",
        "statistics of 24 hours of 1 GB",
        (_lower("", "ms", Target(20.0)),),
        Side(OURS, partial(ours, a_day)),
        (Side(NAIVE, _naive(naive_logs.statistics, 1000)),),
        size=1000,
        quick=200,
        rounds=3,
        quick_rounds=1,
    ),
    Question(
        "rebuild",
        "count a GB without an index",
        (_lower("", "s/GB", Target(1.5)),),
        Side(OURS, rebuild),
        (Side(NAIVE, _naive(naive_logs.statistics)),),
        size=1000,
        quick=200,
        rounds=3,
        quick_rounds=1,
    ),
    Question(
        "live",
        "from the write of a line to a subscriber",
        (_lower("p50", "ms"), _lower("p99", "ms", Target(2.0))),
        Side(OURS, live),
        (),
        size=1000,
        quick=APPENDS,
        rounds=3,
        quick_rounds=1,
    ),
    Question(
        "stream",
        "from the write of a line to a client of the event stream",
        (_lower("p50", "ms"), _lower("p99", "ms", Target(5.0))),
        Side("hamster serve", served),
        (),
        size=1000,
        quick=APPENDS,
        rounds=3,
        quick_rounds=1,
    ),
    Question(
        "flood",
        "50 MB a second appended",
        (
            _lower("lag", "s", Target(2.0)),
            Figure("told", "%", Better.HIGHER, Target(100.0)),
            _lower("growth", "MiB", Target(40.0)),
        ),
        Side(OURS, flood),
        (),
        size=20,
        quick=5,
        rounds=2,
        quick_rounds=1,
    ),
    Question(
        "watchers",
        "CPU for each record and listener",
        (_lower("one", "us"), _lower("a thousand", "us")),
        Side(OURS, watchers),
        (),
        size=300,
        quick=100,
        rounds=3,
        quick_rounds=1,
    ),
)
