"""Tracing of messages: off unless somebody asks for it, and then a record per message."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import attrs

from actors.runtime.bus import Bus
from actors.runtime.subscription import DEFAULT_CAPACITY, Subscription

Outcome = Literal["handled", "error", "crashed", "interrupted"]


@attrs.frozen
class MessageTraced:
    """A message was handled. Durations in seconds."""

    path: str
    """Of the actor that handled it."""
    message: str
    """The name of its class; its content may be secret."""
    correlation: str | None
    """What it was a consequence of, such as the id of an HTTP request."""
    asked: bool
    """Somebody waits for the answer."""
    waited: float
    """From being sent to its turn."""
    took: float
    outcome: Outcome
    """`error`: it raised what it declares, which is an answer."""


class Tracer:
    """Whether messages are traced, for all actors of a tree."""

    def __init__(self, bus: Bus) -> None:
        self.on = False
        self._bus = bus
        self._readers = 0

    def record(self, traced: MessageTraced) -> None:
        """Tell those who trace."""
        self._bus.publish(traced)

    @contextmanager
    def trace(self, *, capacity: int = DEFAULT_CAPACITY) -> Generator[Subscription[MessageTraced], None, None]:
        """Every message handled while the block runs."""
        with self._bus.subscribe(MessageTraced, capacity=capacity) as traced:
            self._readers += 1
            self.on = True
            try:
                yield traced
            finally:
                self._readers -= 1
                self.on = self._readers > 0
