"""The actors beside bare Trio, asyncio and Pykka.

Every side does the same addition for a message. All run on one core: Pykka's threads would otherwise be measured by
how the cores are shared, and the others by how often they are moved.
"""

import io
import logging
import time
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from functools import wraps

import trio

from actors.runtime import (
    Backoff,
    Bus,
    ChildSpec,
    Message,
    Ref,
    RestartIntensity,
    Subscription,
    Supervisor,
    open_supervisor,
)
from bench.counting import Add, AddLater, Counter, CounterActor, Counting, Crash
from bench.harness import one_core
from bench.peers import asyncio_peer, pykka_peer, trio_peer
from bench.question import Better, Figure, Measure, Question, Reading, Side, Target

BURST = 200
"""Tells before an ask lets the actor run: less than a mailbox holds, more than a batch."""

TIMERS_PER_ACTOR = 100
TIMER_SECONDS = 2.0
TIMER_INTERVAL = 1.0
"""Seconds that timers are watched, and between two ticks of each."""


def _rate(target: Target | None = None) -> tuple[Figure, ...]:
    return (Figure("", "/s", Better.HIGHER, target),)


def _side(name: str, run: Measure) -> Side:
    @wraps(run)
    def pinned(size: int) -> Reading:
        with one_core():
            return run(size)

    return Side(name, pinned)


# -- ours


def ask_of(message: Message[Counting, int]) -> Measure:
    """Asks a second, each with its deadline, one after the other."""
    return lambda count: trio.run(_ask, count, message)


async def _ask(count: int, message: Message[Counting, int]) -> Reading:
    async with open_supervisor() as root:
        ref = await root.start(ChildSpec("counter", CounterActor))
        begun = time.perf_counter()
        for _ in range(count):
            await ref.ask(message)
        return {"": count / (time.perf_counter() - begun)}


def tell(count: int) -> Reading:
    """Messages a second that are told in bursts and handled; an ask ends each burst, so that none is only queued."""
    return trio.run(_tell, count)


async def _tell(count: int) -> Reading:
    message, bursts, total = Add(), max(1, count // BURST), 0
    async with open_supervisor() as root:
        ref = await root.start(ChildSpec("counter", CounterActor))
        begun = time.perf_counter()
        for _ in range(bursts):
            for _ in range(BURST - 1):
                ref.tell(message)
            total = await ref.ask(message)
        taken = time.perf_counter() - begun
    if total != bursts * BURST:
        raise AssertionError(f"{total} of {bursts * BURST} messages were handled; expected all")
    return {"": total / taken}


def fan_out(subscribers: int, burst: int) -> Measure:
    """Deliveries a second to *subscribers* of the bus, each in a task of its own, published in bursts."""
    return lambda count: trio.run(_fan_out, count, subscribers, burst)


async def _fan_out(count: int, subscribers: int, burst: int) -> Reading:
    bus, received = Bus(), Counter()

    async def read(subscription: Subscription[Add]) -> None:
        with subscription:
            while True:
                received.add(len(await subscription.receive_batch()))

    async with trio.open_nursery() as nursery:
        for _ in range(subscribers):
            nursery.start_soon(read, bus.subscribe(Add))
        await trio.lowlevel.checkpoint()
        event = Add()
        bursts = max(1, count // (burst * subscribers))
        begun = time.perf_counter()
        for number in range(1, bursts + 1):
            for _ in range(burst):
                bus.publish(event)
            while received.total < number * burst * subscribers:
                await trio.lowlevel.checkpoint()
        taken = time.perf_counter() - begun
        nursery.cancel_scope.cancel()
    return {"": received.total / taken}


def crash_to_reply(count: int) -> Reading:
    """Milliseconds from telling an actor to crash until its next incarnation has answered, the log line included."""
    with _log_in_memory():
        return trio.run(_crash_to_reply, count)


async def _crash_to_reply(count: int) -> Reading:
    spec = ChildSpec("counter", CounterActor, backoff=Backoff(initial=0.0, maximum=0.0))
    async with open_supervisor(intensity=RestartIntensity(restarts=count + 1, period=3600.0)) as root:
        ref = await root.start(spec)
        found: list[float] = []
        for _ in range(count):
            begun = time.perf_counter()
            ref.tell(Crash())
            await ref.ask(Add())
            found.append(time.perf_counter() - begun)
    return trio_peer.percentiles(found)


@contextmanager
def _log_in_memory() -> Generator[None, None, None]:
    """The runtime's log formatted as for a file, and not shown."""
    log = logging.getLogger("actors.runtime")
    handler, propagate = logging.StreamHandler(io.StringIO()), log.propagate
    log.addHandler(handler)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = propagate


class _Ticking(CounterActor):
    """Counts the ticks of its timers in a counter it shares."""

    def __init__(self, ticks: Counter) -> None:
        super().__init__()
        self._ticks = ticks

    async def on_start(self) -> None:
        for _ in range(TIMERS_PER_ACTOR):
            self.context.every(TIMER_INTERVAL, lambda _: _Ticked())

    def tick(self) -> None:
        self._ticks.add(1)


class _Ticked(Message[_Ticking, None]):
    def deliver(self, to: _Ticking) -> None:
        to.tick()


def timers(count: int) -> Reading:
    """CPU of *count* `every` timers, a hundred to an actor: microseconds a tick, its message and handler included."""
    return trio.run(_timers, count)


async def _timers(count: int) -> Reading:
    ticks = Counter()
    async with open_supervisor() as root:
        for number in range(count // TIMERS_PER_ACTOR):
            await root.start(ChildSpec(f"ticking-{number}", lambda: _Ticking(ticks)))
        await trio.sleep(TIMER_INTERVAL / 2)
        return await trio_peer.cpu_per_tick(ticks, TIMER_SECONDS)


def start_and_stop(count: int) -> Reading:
    """Milliseconds to start *count* actors, each once its `on_start` is through, and to stop them all."""
    return trio.run(_start_and_stop, count)


async def _start_and_stop(count: int) -> Reading:
    begun = time.perf_counter()
    async with open_supervisor() as root:
        await _start(root, count)
    return {"": (time.perf_counter() - begun) * 1000}


async def _start(root: Supervisor, count: int) -> list[Ref[CounterActor]]:
    return [await root.start(ChildSpec(f"counter-{number}", CounterActor)) for number in range(count)]


def memory_of_actors(count: int) -> Reading:
    """KiB that one idle actor takes, of Python's own allocations."""
    return trio.run(_memory_of_actors, count)


async def _memory_of_actors(count: int) -> Reading:
    async with open_supervisor() as root:
        await _start(root, 1)
        with _allocations(count) as found:
            for number in range(count):
                await root.start(ChildSpec(f"idle-{number}", CounterActor))
    return found


def memory_of_tasks(count: int) -> Reading:
    """The same of a bare task with its channel."""
    return trio.run(_memory_of_tasks, count)


async def _memory_of_tasks(count: int) -> Reading:
    async with trio.open_nursery() as nursery:
        await trio_peer.start_task(nursery)
        with _allocations(count) as found:
            kept = [await trio_peer.start_task(nursery) for _ in range(count)]
        del kept
        nursery.cancel_scope.cancel()
    return found


@contextmanager
def _allocations(count: int) -> Generator[dict[str, float], None, None]:
    found: dict[str, float] = {}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield found
        found[""] = (tracemalloc.get_traced_memory()[0] - before) / count / 1024
    finally:
        tracemalloc.stop()


# -- the questions


def _ask_questions() -> tuple[Question, ...]:
    # A plain handler of an idle actor may run without a change of tasks, which the floor and Pykka's threads cannot
    # do without: beside them stands the ask that has to change tasks. With Pykka, whose handler is plain, the
    # coroutine is work that only our side has.
    queued, idle = _side("ask", ask_of(AddLater())), _side("ask", ask_of(Add()))
    return (
        Question(
            "ask",
            "ask, handled by a coroutine",
            _rate(Target(0.6, "two Trio tasks rescheduling each other")),
            queued,
            (_side("two Trio tasks rescheduling each other", trio_peer.ping_pong),),
            size=10_000,
            quick=4_000,
            warm_up=500,
        ),
        Question(
            "ask_pykka",
            "ask, handled by a coroutine",
            _rate(Target(1.1, "Pykka ask")),
            queued,
            (_side("Pykka ask", pykka_peer.ask),),
            size=10_000,
            quick=4_000,
            warm_up=500,
        ),
        Question(
            "ask_idle",
            "ask of an idle actor, plain handler",
            _rate(Target(1.2, "asyncio queue and future")),
            idle,
            (
                _side("asyncio queue and future", asyncio_peer.ask),
                _side("the same with a deadline, as ours has", asyncio_peer.ask_with_timeout),
                _side("Pykka ask", pykka_peer.ask),
            ),
            size=10_000,
            quick=4_000,
            warm_up=500,
        ),
    )


def _fan_out_question(burst: int, target: float | None) -> Question:
    peer = "asyncio queues, drained"
    return Question(
        f"fan_out_{burst}",
        f"deliveries to 1,000 subscribers, bursts of {burst}",
        _rate(None if target is None else Target(target, peer)),
        _side("bus", fan_out(1000, burst)),
        (
            _side(peer, asyncio_peer.fan_out(1000, burst, drained=True)),
            _side("asyncio queues, one get each", asyncio_peer.fan_out(1000, burst, drained=False)),
        ),
        size=400_000 if burst > 1 else 20_000,
        quick=200_000 if burst > 1 else 10_000,
        warm_up=1,
    )


QUESTIONS: tuple[Question, ...] = (
    *_ask_questions(),
    Question(
        "tell",
        f"told in bursts of {BURST} and handled",
        # What a program without actors writes is `await send`; the second peer is what it could write at best.
        _rate(Target(4.0, "Trio channel, await send")),
        _side("tell", tell),
        (
            _side("Trio channel, await send", trio_peer.channel_send),
            _side(f"Trio channel, send_nowait in bursts of {BURST}", trio_peer.channel_bursts(BURST)),
        ),
        size=40_000,
        quick=20_000,
        warm_up=BURST,
    ),
    _fan_out_question(1, None),
    _fan_out_question(50, 2.0),
    _fan_out_question(100, 2.0),
    Question(
        "crash",
        "crash to the next reply",
        (
            Figure("p50", "ms", Better.LOWER, Target(1.0)),
            Figure("p99", "ms", Better.LOWER, Target(1.0)),
        ),
        _side("supervisor", crash_to_reply),
        (_side("a loop that starts a Trio task anew", trio_peer.restarts),),
        size=500,
        quick=200,
        warm_up=20,
    ),
    Question(
        "timers",
        "CPU a tick of 10,000 timers",
        (Figure("", "us", Better.LOWER, Target(1.0, "10,000 sleeping tasks")),),
        _side("every", timers),
        (_side("10,000 sleeping tasks", trio_peer.sleepers(TIMER_SECONDS, TIMER_INTERVAL)),),
        size=10_000,
        quick=10_000,
        rounds=3,
        quick_rounds=1,
    ),
    Question(
        "memory",
        "memory of an idle actor",
        (Figure("", "KiB", Better.LOWER),),
        _side("actor", memory_of_actors),
        (_side("Trio task with a channel", memory_of_tasks),),
        size=1_000,
        quick=300,
        rounds=3,
        quick_rounds=1,
    ),
    Question(
        "start_stop",
        "start and stop of 1,000 actors",
        (Figure("", "ms", Better.LOWER),),
        _side("actors", start_and_stop),
        (
            _side("Trio tasks with channels", trio_peer.tasks_with_channels),
            _side("Pykka actors", pykka_peer.start_and_stop),
        ),
        size=1_000,
        quick=1_000,
        rounds=5,
        warm_up=50,
    ),
)
