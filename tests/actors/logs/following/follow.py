"""A log that is followed, with what it tells."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import attrs
import trio

from actors.logs.files.catalogue import Catalogue
from actors.logs.following.state import LogState, Told
from actors.logs.known import KnownLog
from actors.logs.logs import Logs, open_logs
from actors.runtime import Lagged, Subscription, open_supervisor

OWN = "watchhamster.log"
LONG = 20.0
"""Seconds that nothing here needs; but the machine may be busy."""


@attrs.frozen(eq=False)
class Followed:
    """A directory of logs whose followers run, and everything that they tell."""

    directory: Path
    logs: Logs
    told: Subscription[Told]

    def state(self, name: str = OWN) -> LogState:
        return self.logs.followed[name]

    async def texts(self, count: int) -> list[str]:
        """The texts of the next *count* records."""
        found: list[str] = []
        with trio.fail_after(LONG):
            while len(found) < count:
                for told in await self.told.receive_batch(count - len(found)):
                    assert not isinstance(told, Lagged), told
                    found.append(told.record.text)
        return found

    async def counted(self, total: int, name: str = OWN) -> None:
        """Until so many records are counted in the log."""
        with trio.fail_after(LONG):
            while name not in self.logs.followed or total != self.total(name):  # noqa: ASYNC110 - counting tells nobody
                await trio.sleep(0.005)

    def total(self, name: str = OWN) -> int:
        return sum(sum(generation.counts) for generation in self.state(name).generations)


@asynccontextmanager
async def a_followed(
    directory: Path, *, captures: bool = False, outside: Sequence[KnownLog] = ()
) -> AsyncGenerator[Followed, None]:
    """Follow the logs of *directory*, and those from *outside*."""
    places = directory / "logs"
    places.mkdir(exist_ok=True)
    logs = Logs(Catalogue(places, lambda _: captures, {log.name: log for log in outside}), directory / "log_index", UTC)
    with logs.feed(None, capacity=100_000) as told:
        async with open_supervisor("logs") as supervisor:
            await open_logs(logs, supervisor)
            with trio.fail_after(LONG):
                while not {OWN, *(log.name for log in outside)} <= logs.followed.keys():  # noqa: ASYNC110 - as above
                    await trio.sleep(0.005)
                for state in list(logs.followed.values()):
                    await state.ready.wait()
            yield Followed(places, logs, told)
