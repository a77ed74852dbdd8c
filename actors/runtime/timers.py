"""Timers on one heap: one task sleeps for all of them."""

import heapq
import itertools
import math
from collections.abc import Callable

import attrs
import trio

from actors.runtime.deadlines import Deadlines
from actors.runtime.errors import InvalidSpec

RETRY_SECONDS = 0.05
"""A one-shot tick that found a full mailbox is tried again this often until there is room."""

Fire = Callable[["Tick", Callable[[], None]], bool]
"""Deliver a tick; the second argument is to be called when it was taken. False: no room, merge it into the next."""


@attrs.frozen
class Tick:
    """One firing of a timer."""

    scheduled_at: float
    """The point of the grid it belongs to, in seconds of Trio's clock; never later than now."""
    missed: int = 0
    """Points of the grid since the tick before that were merged into this one."""


@attrs.define(eq=False)
class Timer:
    """A timer that can be cancelled."""

    fire: Fire
    due: float
    interval: float | None
    cancelled: Callable[[], None]
    active: bool = True
    waiting: bool = False
    """The last tick is still in the mailbox."""
    missed: int = 0

    def cancel(self) -> None:
        """Never fire again. A tick that is already in the mailbox is still handled."""
        if self.active:
            self.active = False
            self.cancelled()

    def taken(self) -> None:
        """The last tick has left the mailbox."""
        self.waiting = False


class Timers:
    """All timers of a tree, and the deadlines of its asks. `run` is the one task that sleeps for them."""

    def __init__(self) -> None:
        self.deadlines = Deadlines()
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._cancelled = 0
        self._sleeps_until = -math.inf
        self._sooner = trio.Event()

    def every(self, interval: float, fire: Fire) -> Timer:
        """Fire at every multiple of *interval* seconds from now.

        Raises:
            InvalidSpec: *interval* is not above 0.
        """
        if not interval > 0:
            raise InvalidSpec("interval", interval, "seconds above 0")
        return self._add(Timer(fire, trio.current_time() + interval, interval, self._one_cancelled))

    def at(self, when: float, fire: Fire) -> Timer:
        """Fire once, at *when* on Trio's clock, at once if that has passed."""
        return self._add(Timer(fire, when, None, self._one_cancelled))

    def wake_by(self, when: float) -> None:
        """Look again at *when* at the latest."""
        if when < self._sleeps_until:
            self._sooner.set()

    async def run(self) -> None:
        """Fire timers and end waits for ever."""
        while True:
            self._sooner = trio.Event()
            self._sleeps_until = min(self._heap[0][0] if self._heap else math.inf, self.deadlines.next())
            with trio.CancelScope(deadline=self._sleeps_until):
                await self._sooner.wait()
            self._sleeps_until = -math.inf
            now = trio.current_time()
            self.deadlines.expire(now)
            self._fire_due(now)

    def _add(self, timer: Timer) -> Timer:
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))
        self.wake_by(timer.due)
        return timer

    def _one_cancelled(self) -> None:
        """Cancelled timers stay in the heap until they are due, or until they are most of it."""
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].active]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _fire_due(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            _, _, timer = heapq.heappop(self._heap)
            if not timer.active:
                self._cancelled = max(0, self._cancelled - 1)
                continue
            _fire(timer, now)
            if timer.active:
                heapq.heappush(self._heap, (timer.due, next(self._order), timer))


def _fire(timer: Timer, now: float) -> None:
    if timer.interval is None:
        if timer.fire(Tick(timer.due), timer.taken):
            timer.active = False
        else:
            timer.due = now + RETRY_SECONDS
        return
    skipped = int((now - timer.due) // timer.interval)
    point = timer.due + skipped * timer.interval
    timer.due = point + timer.interval
    timer.missed += skipped
    if timer.waiting:
        timer.missed += 1
        return
    timer.waiting = True
    if timer.fire(Tick(point, timer.missed), timer.taken):
        timer.missed = 0
    else:
        timer.waiting = False
        timer.missed += 1
