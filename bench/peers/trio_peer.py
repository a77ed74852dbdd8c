"""Bare Trio: what a program pays that has no actors, and the floors that none can go below."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio
import trio.testing

from bench.counting import Counter
from bench.question import Measure, Reading

CHANNEL = 256
"""Messages a channel holds: what a mailbox holds."""


def ping_pong(count: int) -> Reading:
    """Round trips a second of two tasks that reschedule each other: Trio has no cheaper way to change tasks twice."""
    return trio.run(_ping_pong, count)


async def _ping_pong(count: int) -> Reading:
    counter = Counter()
    asker = trio.lowlevel.current_task()

    def never(_: object) -> trio.lowlevel.Abort:
        return trio.lowlevel.Abort.FAILED

    async def answer() -> None:
        for _ in range(count):
            await trio.lowlevel.wait_task_rescheduled(never)
            await counter.add_later(1)
            trio.lowlevel.reschedule(asker)

    async with trio.open_nursery() as nursery:
        tasks: list[trio.lowlevel.Task] = []

        async def server() -> None:
            tasks.append(trio.lowlevel.current_task())
            await answer()

        nursery.start_soon(server)
        await trio.testing.wait_all_tasks_blocked()
        (server_task,) = tasks
        begun = time.perf_counter()
        for _ in range(count):
            trio.lowlevel.reschedule(server_task)
            await trio.lowlevel.wait_task_rescheduled(never)
        taken = time.perf_counter() - begun
    return {"": count / taken}


def channel_send(count: int) -> Reading:
    """Messages a second over a memory channel, each sent with `await send` and handled by the task that receives."""
    return trio.run(_channel_send, count)


async def _channel_send(count: int) -> Reading:
    counter = Counter()
    send, receive = trio.open_memory_channel[int](CHANNEL)

    async def handle() -> None:
        async for amount in receive:
            counter.add(amount)

    begun = time.perf_counter()
    async with trio.open_nursery() as nursery, send:
        nursery.start_soon(handle)
        for _ in range(count):
            await send.send(1)
    return {"": count / (time.perf_counter() - begun)}


def channel_bursts(burst: int) -> Measure:
    """The best that a channel can do: `send_nowait` in bursts, and a receiver that takes all that is there."""
    return lambda count: trio.run(_channel_bursts, count, burst)


async def _channel_bursts(count: int, burst: int) -> Reading:
    counter, bursts = Counter(), max(1, count // burst)
    send, receive = trio.open_memory_channel[int](CHANNEL)

    async def handle() -> None:
        async for amount in receive:
            counter.add(amount)
            with suppress(trio.WouldBlock):
                while True:
                    counter.add(receive.receive_nowait())

    begun = time.perf_counter()
    async with trio.open_nursery() as nursery, send:
        nursery.start_soon(handle)
        await trio.lowlevel.checkpoint()
        for number in range(1, bursts + 1):
            for _ in range(burst):
                send.send_nowait(1)
            while counter.total < number * burst:
                await trio.lowlevel.checkpoint()
    return {"": counter.total / (time.perf_counter() - begun)}


def restarts(count: int) -> Reading:
    """Seconds from a crash to the next reply with a loop that starts the task anew: p50 and p99 in milliseconds."""
    return trio.run(_restarts, count)


async def _restarts(count: int) -> Reading:
    send, receive = trio.open_memory_channel[trio.Event | None](CHANNEL)

    async def serve() -> None:
        counter = Counter()
        async for reply in receive:
            counter.add(1)
            if reply is None:
                raise RuntimeError("told to crash")
            reply.set()

    async def keep() -> None:
        while True:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(serve)
            except* RuntimeError:
                pass

    async def ask() -> None:
        reply = trio.Event()
        await send.send(reply)
        await reply.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep)
        await ask()
        found = [await _timed(send.send_nowait, ask) for _ in range(count)]
        nursery.cancel_scope.cancel()
    return percentiles(found)


async def _timed(tell: Callable[[None], None], ask: Callable[[], Awaitable[None]]) -> float:
    begun = time.perf_counter()
    tell(None)
    await ask()
    return time.perf_counter() - begun


def percentiles(seconds: list[float]) -> Reading:
    """p50 and p99 of *seconds*, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "p50": ordered[len(ordered) // 2] * 1000,
        "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000,
    }


def sleepers(seconds: float, interval: float) -> Measure:
    """CPU of *count* tasks that each wake every *interval* on a grid: microseconds a tick."""
    return lambda count: trio.run(_sleepers, count, seconds, interval)


async def _sleepers(count: int, seconds: float, interval: float) -> Reading:
    counter = Counter()

    async def tick(due: float) -> None:
        while True:
            await trio.sleep_until(due)
            counter.add(1)
            due += interval

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(tick, trio.current_time() + interval)
        await trio.sleep(interval / 2)
        reading = await cpu_per_tick(counter, seconds)
        nursery.cancel_scope.cancel()
    return reading


async def cpu_per_tick(counter: Counter, seconds: float) -> Reading:
    """CPU of this process over *seconds*, divided by what *counter* counted meanwhile, in microseconds."""
    ticks, begun = counter.total, time.process_time()
    await trio.sleep(seconds)
    return {"": (time.process_time() - begun) / max(1, counter.total - ticks) * 1e6}


def tasks_with_channels(count: int) -> Reading:
    """Seconds to start *count* tasks, each ready and with a channel to be told over, and to end them all."""
    return trio.run(_tasks_with_channels, count)


async def _tasks_with_channels(count: int) -> Reading:
    begun = time.perf_counter()
    async with trio.open_nursery() as nursery:
        kept = [await start_task(nursery) for _ in range(count)]
        for send in kept:
            send.close()
    return {"": (time.perf_counter() - begun) * 1000}


async def start_task(nursery: trio.Nursery) -> trio.MemorySendChannel[int]:
    """A task in *nursery* that counts what it is sent, once it is ready."""
    send, receive = trio.open_memory_channel[int](CHANNEL)

    async def serve(task_status: trio.TaskStatus[None]) -> None:
        counter = Counter()
        task_status.started()
        async for amount in receive:
            counter.add(amount)

    await nursery.start(serve)
    return send
