"""`python -m bench.log_flood SECONDS BYTES_PER_SECOND`: follow a log to which the text on stdin is written again and
again, at that rate, by another process. Prints how often it was written, how many records were counted, how many a
subscriber got and was told to have missed, how many seconds after the last write all were counted, and by how many MiB
this process grew."""

import os
import sys
import tempfile
import time
from pathlib import Path

import trio

from actors.logs.logs import LOG_INDEX
from actors.runtime import Lagged
from bench.log_file import NAME
from bench.logs import READY_SECONDS, followed
from bench.processes import rss

WRITER = """
import sys, time
text, path, seconds, rate = sys.stdin.buffer.read(), sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
begun, written = time.monotonic(), 0
with open(path, "ab", buffering=0) as file:
    while time.monotonic() - begun < seconds:
        file.write(text)
        written += 1
        time.sleep(max(0.0, begun + written * len(text) / rate - time.monotonic()))
print(written)
"""


async def main(seconds: float, rate: float, text: bytes) -> None:
    """Do it, and print the figures."""
    records = text.count(b" [mod:")
    got = missed = 0
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        path = Path(name) / NAME
        path.touch()
        async with followed(Path(name), Path(name) / LOG_INDEX) as logs, trio.open_nursery() as nursery:
            most = before = rss(os.getpid())

            async def listen() -> None:
                nonlocal got, missed
                with logs.feed([NAME]) as feed:
                    while True:
                        for told in await feed.receive_batch():
                            if isinstance(told, Lagged):
                                missed += told.missed
                            else:
                                got += 1

            async def watch() -> None:
                nonlocal most
                while True:
                    await trio.sleep(0.1)
                    most = max(most, rss(os.getpid()))

            nursery.start_soon(listen)
            nursery.start_soon(watch)
            command = [sys.executable, "-c", WRITER, str(path), str(seconds), str(rate)]
            done = await trio.run_process(command, stdin=text, capture_stdout=True)
            begun, written = time.perf_counter(), int(done.stdout)

            def total() -> int:
                return sum(sum(generation.counts) for generation in logs.followed[NAME].generations)

            with trio.fail_after(READY_SECONDS):
                while total() < written * records:  # noqa: ASYNC110 - counting tells nobody
                    await trio.sleep(0.01)
            lag = time.perf_counter() - begun
            await trio.sleep(0.2)  # what was told is still being read
            nursery.cancel_scope.cancel()
            print(written, total(), got, missed, lag, most - before)


if __name__ == "__main__":
    trio.run(main, float(sys.argv[1]), float(sys.argv[2]), sys.stdin.buffer.read())
