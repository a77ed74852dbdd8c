"""A program that owns services, to be killed by a test: it runs a shell script so many times, and sleeps."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio

from actors.services.keeper import Phase, ProcessSpec, Run, open_keeper


async def main(directory: Path, count: int, script: str) -> None:
    def nothing(run: Run) -> None:
        pass

    async with open_keeper() as keeper:
        for number in range(count):
            spec = ProcessSpec(
                argv=("sh", "-c", script),
                env=dict(os.environ),
                cwd=None,
                log_path=str(directory / f"{number}.log"),
                grace=1.0,
            )
            run = await keeper.start(str(number), spec, nothing)
            await run.wait(Phase.RUNNING)
        sys.stdout.write(f"{keeper.pid}\n")
        sys.stdout.flush()
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
