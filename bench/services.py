"""The services domain beside supervisord and beside plain `Popen`, which is the floor.

Each supervisor is a process of its own that runs the same commands with the same policy: restarts at once and without
limit, output kept whole. What happened is what the kernel and the services say: a service writes its pid into a pipe
as soon as it is executed, and is gone when it is no longer in /proc. Another peer is one more entry in `PEERS`.
"""

import os
import signal
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.daemon import LAUNCH_SECONDS, Daemon, Launch
from bench.hosted import hosted, product
from bench.peers import pm2 as pm2_peer
from bench.peers.circus import circus
from bench.peers.pm2 import pm2
from bench.peers.supervisord import supervisord
from bench.processes import (
    MIB,
    POLL_SECONDS,
    TooSlow,
    alive,
    cpu_seconds,
    helpers,
    rss,
    until_gone,
    uss,
)
from bench.question import Better, Figure, Question, Reading, Side, Target
from bench.workshop import Workshop, workshop

OURS: Launch = hosted("bench.host")
FLOOR = ("plain Popen", hosted("bench.peers.plain_host"))
PEERS: tuple[tuple[str, Launch], ...] = (("supervisord", supervisord), ("circus", circus), ("PM2", pm2))

SETTLE_SECONDS = 1.0
"""Between the start of everything and what is measured of a supervisor that is left alone."""

IDLE_SERVICES = 50
ORPHAN_SECONDS = 2.0
"""After the supervisor was killed: as long as any guard of its children needs."""

STATUS_SERVICES = 100
STATUS_PATIENCE = 10.0
"""For a supervisor to say of all services that they run, which it may do later than they do."""

SLOW_SECONDS = 0.5
FLOOD_SERVICES = 4
CRASH_BYTES = MIB

SLOW_SCRIPT = """
def end(*_):
    time.sleep({seconds})
    os._exit(0)
signal.signal(signal.SIGTERM, end)
arrive()
while True:
    signal.pause()
"""

CRASH_SCRIPT = """
arrive()
left = {bytes}
while left:
    left -= os.write(1, b'x' * min(left, 8192))
os.kill(os.getpid(), signal.SIGKILL)
"""

# Lines of 80 bytes, about 8 KiB at a time: what a busy program's buffered output looks like.
FLOOD_SCRIPT = """
arrive()
lines, left = (b'x' * 79 + b'\\n') * 100, {bytes}
while left:
    left -= os.write(1, lines[:left])
while True:
    signal.pause()
"""


# -- what is measured


def life(launch: Launch, count: int) -> Reading:
    """Seconds: from launching the supervisor until *count* services are executed; from SIGKILL to all of them until
    all are executed again; from the command to stop until it says that all are stopped; from the command to start
    until all are executed."""
    with workshop() as shop:
        plan = shop.sleepers(count)
        begun = time.perf_counter()
        with launch(plan) as daemon:
            pids = shop.arrivals.wait(count)
            launched = time.perf_counter() - begun
            begun = time.perf_counter()
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)
            shop.arrivals.wait(count)
            back = time.perf_counter() - begun
            stopped = _timed_stop(shop, daemon)
            begun = time.perf_counter()
            daemon.start_all()
            shop.arrivals.wait(count)
            started = time.perf_counter() - begun
    return {"launch": launched, "killed": back, "stop": stopped, "start": started}


def _timed_stop(shop: Workshop, daemon: Daemon) -> float:
    begun = time.perf_counter()
    daemon.stop_all()
    taken = time.perf_counter() - begun
    left = [name for name, pid in shop.arrivals.pids.items() if alive(pid)]
    if left:
        raise AssertionError(
            f"{len(left)} of {len(shop.arrivals.pids)} run although they are said to be stopped: {left}"
        )
    return taken


def restart(launch: Launch, count: int) -> Reading:
    """Milliseconds from SIGKILL to the re-execution of the one service, *count* times: p50 and the longest."""
    with workshop() as shop, launch(shop.sleepers(1)):
        (pid,) = shop.arrivals.wait(1).values()
        found: list[float] = []
        for _ in range(count):
            begun = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            (pid,) = shop.arrivals.wait(1).values()
            found.append((time.perf_counter() - begun) * 1000)
    return {"p50": statistics.median(found), "longest": max(found)}


def slow_stop(launch: Launch, count: int) -> Reading:
    """Seconds to stop *count* services that each need half a second."""
    script = SLOW_SCRIPT.format(seconds=SLOW_SECONDS)
    with workshop() as shop:
        plan = shop.plan([shop.python(f"slow-{number}", script) for number in range(count)])
        with launch(plan) as daemon:
            shop.arrivals.wait(count)
            return {"": _timed_stop(shop, daemon)}


def idle(launch: Launch, seconds: int) -> Reading:
    """With 50 services that sleep: CPU over *seconds* in per cent of a core, and memory in MiB. The helpers are
    processes of the supervisor's own beside its main one."""
    with workshop() as shop, launch(shop.sleepers(IDLE_SERVICES)) as daemon:
        pids = shop.arrivals.wait(IDLE_SERVICES)
        time.sleep(SETTLE_SECONDS)
        own = [daemon.pid, *helpers(daemon.pid, pids.values())]
        before = cpu_seconds(own)
        time.sleep(seconds)
        used = cpu_seconds(own) - before
        return {
            "CPU": used / seconds * 100,
            "RSS": rss(daemon.pid),
            "USS": uss([daemon.pid]),
            "USS with its helpers": uss(own),
        }


def crash_output(launch: Launch, count: int) -> Reading:
    """Per cent kept of the output of *count* services that each write 1 MiB and kill themselves at once."""
    script = CRASH_SCRIPT.format(bytes=CRASH_BYTES)
    with workshop() as shop:
        services = [shop.python(f"crash-{number}", script, restart=False) for number in range(count)]
        with launch(shop.plan(services)) as daemon:
            pids = shop.arrivals.wait(count)
            until_gone(pids.values(), LAUNCH_SECONDS)
            logs = [daemon.log(service.name) for service in services]
            _until_written(logs, CRASH_BYTES * count, seconds=2.0)
            return {"": _size(logs) / (CRASH_BYTES * count) * 100}


def flood(launch: Launch, megabytes: int) -> Reading:
    """While four services write *megabytes* MiB in all: seconds from the command to the last byte in the logs, CPU
    seconds of the supervisor and its helpers, and by how many MiB the supervisor grew at most."""
    size = megabytes * MIB // FLOOD_SERVICES
    script = FLOOD_SCRIPT.format(bytes=size)
    with workshop() as shop:
        services = [shop.python(f"flood-{number}", script) for number in range(FLOOD_SERVICES)]
        with launch(shop.plan(services, autostart=False)) as daemon:
            daemon.stop_all()  # answered once it is up
            logs = [daemon.log(service.name) for service in services]
            at_rest, cpu_before = rss(daemon.pid), cpu_seconds([daemon.pid, *helpers(daemon.pid, ())])
            begun = time.perf_counter()
            daemon.start_all()
            pids = shop.arrivals.wait(FLOOD_SERVICES)
            most = _until_written(logs, size * FLOOD_SERVICES, seconds=LAUNCH_SECONDS, watch=daemon.pid)
            taken = time.perf_counter() - begun
            used = cpu_seconds([daemon.pid, *helpers(daemon.pid, pids.values())]) - cpu_before
    return {"wall": taken, "CPU": used, "growth": most - at_rest}


def _until_written(logs: "list[Path]", size: int, *, seconds: float, watch: int | None = None) -> float:
    """Wait until *logs* have *size* bytes together; the most memory that *watch* had meanwhile, in MiB."""
    most, give_up = 0.0, time.monotonic() + seconds
    while True:
        if watch is not None:
            most = max(most, rss(watch))
        if _size(logs) >= size:
            return most
        if time.monotonic() > give_up:
            if watch is None:
                return most
            raise TooSlow(f"{size} bytes of output (there were {_size(logs)})")
        time.sleep(POLL_SECONDS)


def _size(logs: "list[Path]") -> int:
    return sum(log.stat().st_size for log in logs if log.exists())


def status(launch: Launch, count: int) -> Reading:
    """Milliseconds to be told the status of 100 services, *count* times: p50 and p99. PM2's is measured at the end of
    a pipe to its client, which costs it some hundredth of that."""
    with workshop() as shop, launch(shop.sleepers(STATUS_SERVICES)) as daemon:
        shop.arrivals.wait(STATUS_SERVICES)
        give_up = time.monotonic() + STATUS_PATIENCE
        while (running := daemon.status()) < STATUS_SERVICES:
            if time.monotonic() > give_up:
                raise AssertionError(f"only {running} of {STATUS_SERVICES} are said to run although all do")
            time.sleep(POLL_SECONDS)
        found: list[float] = []
        for _ in range(count):
            begun = time.perf_counter()
            daemon.status()
            found.append((time.perf_counter() - begun) * 1000)
    return {"p50": statistics.median(found), "p99": statistics.quantiles(found, n=100, method="inclusive")[98]}


def orphans(launch: Launch, count: int) -> Reading:
    """How many of *count* services run two seconds after SIGKILL of the supervisor; they are killed afterwards."""
    with workshop() as shop, launch(shop.sleepers(count)) as daemon:
        pids = shop.arrivals.wait(count)
        os.kill(daemon.pid, signal.SIGKILL)
        return {"": len(until_gone(pids.values(), ORPHAN_SECONDS))}


# -- the questions

MeasureOf = Callable[[Launch, int], Reading]


def _question(
    name: str,
    text: str,
    figures: tuple[Figure, ...],
    measure: MeasureOf,
    *,
    size: int,
    quick: int,
    ours: tuple[str, Launch] = ("services domain", OURS),
    peers: tuple[tuple[str, Launch], ...] = (*PEERS, FLOOR),
    rounds: int = 3,
) -> Question:
    sides = [Side(side, partial(_measured, measure, launch)) for side, launch in (ours, *peers)]
    return Question(name, text, figures, sides[0], tuple(sides[1:]), size, quick, rounds=rounds, quick_rounds=1)


def _measured(measure: MeasureOf, launch: Launch, size: int) -> Reading:
    if launch is pm2:
        pm2_peer.install()  # before any clock runs
    return measure(launch, size)


def _lower(name: str, unit: str, target: float | None = None) -> Figure:
    return Figure(name, unit, Better.LOWER, None if target is None else Target(target))


QUESTIONS: tuple[Question, ...] = (
    _question(
        "restart",
        "SIGKILL to re-execution",
        (_lower("p50", "ms", 10.0), _lower("longest", "ms", 20.0)),
        restart,
        size=20,
        quick=3,
    ),
    _question(
        "life",
        "100 services",
        (
            _lower("launch", "s", 0.6),
            _lower("start", "s"),
            _lower("killed", "s", 0.3),
            _lower("stop", "s", 0.2),
        ),
        life,
        size=100,
        quick=100,
    ),
    _question(
        "slow_stop",
        "stop services that need 0.5 s each",
        (_lower("", "s", 0.7),),
        slow_stop,
        size=20,
        quick=20,
    ),
    _question(
        "idle",
        "50 services asleep",
        (
            _lower("CPU", "%", 0.5),
            _lower("RSS", "MiB", 60.0),
            _lower("USS", "MiB", 45.0),
            _lower("USS with its helpers", "MiB"),
        ),
        idle,
        size=60,
        quick=10,
        ours=("hamster serve", product),
        peers=PEERS,
        rounds=2,
    ),
    _question(
        "status",
        "the status of 100 services",
        (_lower("p50", "ms", 5.0), _lower("p99", "ms", 15.0)),
        status,
        size=300,
        quick=100,
        ours=("hamster serve", product),
        peers=PEERS,
    ),
    _question(
        "crash_output",
        "1 MiB kept of a service that kills itself",
        (Figure("", "%", Better.HIGHER, Target(100.0)),),
        crash_output,
        size=10,
        quick=5,
    ),
    _question(
        "flood",
        "output of four services",
        (_lower("wall", "s", 1.6), _lower("CPU", "s"), _lower("growth", "MiB", 5.0)),
        flood,
        size=200,
        quick=200,
    ),
    _question(
        "orphans",
        "of 20 services alive 2 s after SIGKILL of the supervisor",
        (_lower("", "", 0.0),),
        orphans,
        size=20,
        quick=20,
    ),
)
