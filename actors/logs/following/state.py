"""One log that is followed: what is known of it, and who listens."""

from collections.abc import Collection, Sequence
from pathlib import Path

import attrs
import msgspec
import trio

from actors.logs.indexing import Generation
from actors.logs.indexing.generation import RANK
from actors.logs.indexing.generations import FIRST
from actors.logs.known import KnownLog
from actors.logs.parsing import Parser
from actors.logs.positions import Position
from actors.logs.records import Level, LogRecord
from actors.runtime import Subscription

LOOK_SECONDS = 10.0
"""Between two looks where the kernel tells of changes."""


@attrs.define(eq=False)
class Told:
    """A record as those who follow get it: the same object for all of them."""

    log: KnownLog
    generation: int
    record: LogRecord
    cache: dict[str, bytes] = attrs.field(factory=dict[str, bytes])
    """For what is made of it once for all, by what it is."""

    @property
    def position(self) -> Position:
        """Where it begins."""
        return Position(self.generation, self.record.offset)

    @property
    def after(self) -> Position:
        """Where what follows it begins: to go on from here loses and repeats nothing."""
        return Position(self.generation, self.record.end)


@attrs.frozen(eq=False)
class Feed:
    """Somebody who listens."""

    subscription: Subscription[Told]
    levels: Collection[Level] | None
    """None: all."""
    names: Collection[str] | None = None
    """Of the logs that it listens to; None: all."""

    def is_of(self, name: str) -> bool:
        """Whether it listens to the log *name*."""
        return self.names is None or name in self.names

    def miss(self, counts: Sequence[int]) -> None:
        """Tell it that it misses so many records of each level, in the order of `LEVELS`."""
        missed = sum(counts) if self.levels is None else sum(counts[RANK[level]] for level in set(self.levels))
        if missed:
            self.subscription.miss(missed)

    def push(self, told: Told) -> None:
        """Give it *told* if it is wanted."""
        if self.levels is None or told.record.level in self.levels:
            self.subscription.push(told)


class Wake:
    """Tells one task that there is something to look at."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        """Let it look, now or as soon as it comes to it."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until `set` was called since the last wait, or for *seconds*."""
        with trio.move_on_after(seconds):
            await self._event.wait()
        self._event = trio.Event()


@attrs.define(eq=False)
class LogState:
    """What outlives the incarnations of a log's follower."""

    log: KnownLog
    parser: Parser
    sidecar: Path
    fresh: bool = False
    """Whether what is in it at the beginning has been written since we started, and is told."""
    feeds: dict[Subscription[Told], Feed] = attrs.field(factory=dict[Subscription[Told], Feed])
    generations: list[Generation] = attrs.field(factory=list[Generation])
    """The newest first. Changed by the follower alone, never during somebody's look."""
    highest: int = FIRST - 1
    """The highest number that was given to a generation: none gets it again, whatever became of its file."""
    poll_seconds: float = LOOK_SECONDS
    """Between two looks at the file when nobody says that it has changed."""
    wake: Wake = attrs.field(factory=Wake)
    archives_changed: bool = True
    """Whether the archives have to be looked at."""
    archives_rewritten: bool = False
    """Whether what is known of the archives is of no use any more."""
    ready: trio.Event = attrs.field(factory=trio.Event)
    """Set once what was there has been counted."""
    reached: Position | None = None
    """Everything before was counted and told."""

    @property
    def about(self) -> str:
        """What the index depends on beside the files."""
        log = self.log
        return msgspec.json.encode([log.origin.value, log.pattern, log.encoding, log.zone]).decode()

    def push(self, generation: int, records: Collection[LogRecord]) -> None:
        """Give *records* to all who listen; what was there before we started is no news."""
        if not self.feeds or not (self.fresh or self.ready.is_set()):
            return
        for record in records:
            told = Told(self.log, generation, record)
            for feed in self.feeds.values():
                feed.push(told)

    def miss(self, counts: Sequence[int]) -> None:
        """Tell all who listen that they miss so many records of each level, in the order of `LEVELS`."""
        if not (self.fresh or self.ready.is_set()):
            return
        for feed in self.feeds.values():
            feed.miss(counts)
