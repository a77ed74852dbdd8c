"""The receiving end of events: a bounded queue that says what it lost."""

import enum
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

import attrs
import trio

from actors.runtime.errors import InvalidSpec

E = TypeVar("E")

DEFAULT_CAPACITY = 1024
"""Events a subscriber may be behind: some seconds of a busy system, and little memory."""


class Overflow(enum.Enum):
    """Which events a subscriber misses that does not keep up."""

    DROP_OLDEST = "drop_oldest"
    """Those that wait longest: what it reads is recent."""
    DROP_NEWEST = "drop_newest"
    """Those that come while it is behind: what it reads is without a gap until then."""


@attrs.frozen
class Lagged:
    """So many events are missing here, in front of the one that follows."""

    missed: int


@attrs.frozen
class SubscriptionStatistics:
    """How a subscriber keeps up. `received` and `missed` and `queued` add up to what was published to it."""

    queued: int
    capacity: int
    received: int
    missed: int


class Subscription(Generic[E]):
    """Events in the order they were published, for one reading task. Closed by `close` or `with`.

    The publisher never waits: what does not fit is counted, and the reader finds a `Lagged` with that count at the
    place where the events are missing.
    """

    def __init__(
        self,
        *,
        capacity: int = DEFAULT_CAPACITY,
        overflow: Overflow = Overflow.DROP_OLDEST,
        on_close: "Callable[[Subscription[E]], None] | None" = None,
    ) -> None:
        if capacity < 1:
            raise InvalidSpec("subscription.capacity", capacity, "a whole number of 1 or more")
        self._queue: deque[E | Lagged] = deque()
        self._capacity = capacity
        self._overflow = overflow
        self._on_close = on_close
        self._reader: trio.lowlevel.Task | None = None
        self._behind = 0
        """Missed and not yet said."""
        self._markers = 0
        """How many of the queue's entries are `Lagged`; they take no room."""
        self._received = 0
        self._missed = 0
        self._closed = False

    def push(self, event: E) -> None:
        """Give the reader *event*; called by the publisher, never waits."""
        if self._closed:
            return
        queue = self._queue
        if len(queue) - self._markers >= self._capacity:
            self._make_room(event)
            return
        if self._behind and self._overflow is Overflow.DROP_NEWEST:
            queue.append(Lagged(self._behind))
            self._markers += 1
            self._behind = 0
        queue.append(event)
        reader = self._reader
        if reader is not None:
            self._reader = None
            trio.lowlevel.reschedule(reader)

    def miss(self, count: int) -> None:
        """Let the reader know that *count* events were not even pushed; called by the publisher, never waits."""
        if self._closed or count < 1:
            return
        self._behind += count
        self._missed += count
        self._wake()

    async def receive(self) -> E | Lagged:
        """The next event, waiting for one.

        Raises:
            trio.EndOfChannel: Closed, and everything that was queued has been received.
        """
        await self._ready()
        return self._next()

    async def receive_batch(self, most: int = DEFAULT_CAPACITY) -> list[E | Lagged]:
        """All that is there, at least one and at most *most*, waiting for the first.

        Raises:
            trio.EndOfChannel: Closed, and everything that was queued has been received.
        """
        await self._ready()
        if not self._behind and not self._markers and len(self._queue) <= most:
            events = list(self._queue)
            self._queue.clear()
            self._received += len(events)
            return events
        batch = [self._next()]
        while len(batch) < most and (self._queue or self._behind):
            batch.append(self._next())
        return batch

    def receive_nowait(self) -> E | Lagged:
        """The next event.

        Raises:
            trio.WouldBlock: There is none.
        """
        if not self._queue and not self._behind:
            raise trio.WouldBlock
        return self._next()

    def statistics(self) -> SubscriptionStatistics:
        """A record of now."""
        queued = len(self._queue) - self._markers
        return SubscriptionStatistics(queued, self._capacity, self._received, self._missed)

    def close(self) -> None:
        """Take no more events; a reader that waits ends."""
        if self._closed:
            return
        self._closed = True
        if self._on_close is not None:
            self._on_close(self)
        if self._reader is not None:
            self._wake()

    def __enter__(self) -> "Subscription[E]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> "Subscription[E]":
        return self

    async def __anext__(self) -> E | Lagged:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def _make_room(self, event: E) -> None:
        self._behind += 1
        self._missed += 1
        if self._overflow is Overflow.DROP_OLDEST:
            self._queue.popleft()
            self._queue.append(event)

    def _next(self) -> E | Lagged:
        if self._behind and (self._overflow is Overflow.DROP_OLDEST or not self._queue):
            lagged = Lagged(self._behind)
            self._behind = 0
            return lagged
        event = self._queue.popleft()
        if isinstance(event, Lagged):
            self._markers -= 1
        else:
            self._received += 1
        return event

    async def _ready(self) -> None:
        if self._queue or self._behind:
            await trio.lowlevel.checkpoint()
        # Looked at again each time: what woke this reader may have been taken by `receive_nowait` meanwhile.
        while not self._queue and not self._behind:
            if self._closed:
                await trio.lowlevel.checkpoint_if_cancelled()
                raise trio.EndOfChannel
            if self._reader is not None:
                raise trio.BusyResourceError("another task reads this subscription; subscribe once per reader")
            self._reader = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            trio.lowlevel.reschedule(reader)
