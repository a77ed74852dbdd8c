"""A program that puts two notices into an outbox and sends them, and kills itself at the step that it is told.

A step is one side of a transaction of the store or of an attempt: before it, and after it.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import trio

from actors.store import Store
from actors.webhooks.delivery import Delivery
from tests.actors.webhooks.office import a_post

P = ParamSpec("P")
T = TypeVar("T")


class Steps:
    """Counts them, and ends the process at one."""

    def __init__(self, last: int) -> None:
        self._left = last

    def step(self) -> None:
        """One more."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, whole: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """*whole* with a step on each side."""

        async def stepped(*args: P.args, **kwargs: P.kwargs) -> T:
            self.step()
            result = await whole(*args, **kwargs)
            self.step()
            return result

        return stepped


async def main(directory: Path, url: str, last: int) -> None:
    steps = Steps(last)
    Store.write = steps.around(Store.write)  # type: ignore[method-assign]  # this process is for nothing else
    Delivery.attempt = steps.around(Delivery.attempt)  # type: ignore[method-assign]  # as above
    async with a_post(directory) as post:
        await post.put("one", "two", url=url)
        sent: set[object] = set()
        while len(sent) < 2:
            for key in ("one", "two"):
                if (await post.row(key))["status"] == "success":
                    sent.add(key)
            await trio.sleep(0.01)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
