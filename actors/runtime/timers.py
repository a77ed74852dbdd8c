"""Timers on one heap: one task sleeps for all of them."""

import heapq
import itertools
from collections.abc import Callable

import attrs
import trio

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
    active: bool = True
    waiting: bool = False
    """The last tick is still in the mailbox."""
    missed: int = 0

    def cancel(self) -> None:
        """Never fire again. A tick that is already in the mailbox is still handled."""
        self.active = False

    def taken(self) -> None:
        """The last tick has left the mailbox."""
        self.waiting = False


class Timers:
    """All timers of a tree. `run` is the one task that sleeps for them."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._sooner = trio.Event()

    def every(self, interval: float, fire: Fire) -> Timer:
        """Fire at every multiple of *interval* seconds from now.

        Raises:
            InvalidSpec: *interval* is not above 0.
        """
        if not interval > 0:
            raise InvalidSpec("interval", interval, "seconds above 0")
        return self._add(Timer(fire, trio.current_time() + interval, interval))

    def at(self, when: float, fire: Fire) -> Timer:
        """Fire once, at *when* on Trio's clock, at once if that has passed."""
        return self._add(Timer(fire, when, None))

    async def run(self) -> None:
        """Fire timers for ever."""
        while True:
            self._sooner = trio.Event()
            with trio.CancelScope(deadline=self._heap[0][0] if self._heap else float("inf")):
                await self._sooner.wait()
            self._fire_due(trio.current_time())

    def _add(self, timer: Timer) -> Timer:
        if not self._heap or timer.due < self._heap[0][0]:
            self._sooner.set()
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))
        return timer

    def _fire_due(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            _, _, timer = heapq.heappop(self._heap)
            if not timer.active:
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
