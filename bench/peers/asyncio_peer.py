"""asyncio's queues and futures. The only place of the project where asyncio is imported."""

import asyncio
import time

from bench.counting import Counter
from bench.question import Measure, Reading

Asked = tuple[int, "asyncio.Future[int]"]


def ask(count: int) -> Reading:
    """Asks a second: a future put into a queue, a task that answers it, no deadline."""
    return asyncio.run(_ask(count, None))


def ask_with_timeout(count: int) -> Reading:
    """The same with a deadline of five seconds on each ask, as each of ours has."""
    return asyncio.run(_ask(count, 5.0))


async def _ask(count: int, timeout: float | None) -> Reading:
    queue: asyncio.Queue[Asked] = asyncio.Queue(256)

    async def serve() -> None:
        counter = Counter()
        while True:
            amount, reply = await queue.get()
            reply.set_result(counter.add(amount))

    task = asyncio.create_task(serve())
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    if timeout is None:
        for _ in range(count):
            reply: asyncio.Future[int] = loop.create_future()
            queue.put_nowait((1, reply))
            await reply
    else:
        for _ in range(count):
            reply = loop.create_future()
            queue.put_nowait((1, reply))
            async with asyncio.timeout(timeout):
                await reply
    taken = time.perf_counter() - begun
    await _end([task])
    return {"": count / taken}


def fan_out(subscribers: int, burst: int, *, drained: bool) -> Measure:
    """Deliveries a second to *subscribers* queues, published in bursts.

    Args:
        subscribers: Queues, with one reading task each.
        burst: Events published before the readers get their turn.
        drained: The readers take what is there with `get_nowait`; else each event with `await get`.
    """
    return lambda count: asyncio.run(_fan_out(count, subscribers, burst, drained=drained))


async def _fan_out(count: int, subscribers: int, burst: int, *, drained: bool) -> Reading:
    queues: list[asyncio.Queue[int]] = [asyncio.Queue(1024) for _ in range(subscribers)]
    received = Counter()

    async def read(queue: asyncio.Queue[int]) -> None:
        while True:
            await queue.get()
            got = 1
            while drained and not queue.empty():
                queue.get_nowait()
                got += 1
            received.add(got)

    tasks = [asyncio.create_task(read(queue)) for queue in queues]
    await asyncio.sleep(0)
    bursts = max(1, count // (burst * subscribers))
    begun = time.perf_counter()
    for number in range(1, bursts + 1):
        for event in range(burst):
            for queue in queues:
                queue.put_nowait(event)
        # An event set by the readers would add to their work what ours do not do.
        while received.total < number * burst * subscribers:  # noqa: ASYNC110
            await asyncio.sleep(0)
    taken = time.perf_counter() - begun
    await _end(tasks)
    return {"": received.total / taken}


async def _end(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
