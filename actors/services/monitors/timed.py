"""Monitors that go by the time of day: a clock that is set wakes them."""

import logging
import time

import attrs
import trio

from actors.runtime import Message
from actors.services.messages import State
from actors.services.monitors.base import MonitorService
from actors.services.monitors.record import MonitorRecord
from actors.services.monitors.steps import LOOKS, ClockSteps
from actors.services.monitors.surroundings import Surroundings
from actors.store import Store


@attrs.frozen
class _CompareClocks(Message["TimedMonitor", None]):
    def deliver(self, to: "TimedMonitor") -> None:
        to.compare_clocks()


class TimedMonitor(MonitorService):
    """A monitor whose next look depends on the time of day, and that remembers things in the store."""

    def __init__(self, record: MonitorRecord, surroundings: Surroundings) -> None:
        super().__init__(record, surroundings)
        self._steps = ClockSteps(time.time(), trio.current_time())

    @property
    def store(self) -> Store:
        """Where it remembers things."""
        store = self.surroundings.store
        assert store is not None  # noqa: S101 - whoever opens these kinds gives one
        return store

    async def on_start(self) -> None:
        await super().on_start()
        self.context.every(LOOKS, lambda _: _CompareClocks())

    def compare_clocks(self) -> None:
        """Look again at what the time of day asks for, if it is another one."""
        step = self._steps.step(time.time(), trio.current_time())
        if step == 0.0 or self.record.view.state is not State.RUNNING:
            return
        self.say(logging.WARNING, "monitor.clock_was_set", {"by_s": round(step, 1)})
        self.record.next_at = min(self.record.next_at or trio.current_time(), self.next_look_at(trio.current_time()))
        self.wake()
