"""Pykka: actors on threads."""

import importlib
import time
from collections.abc import Callable
from typing import Any, Protocol, cast

from bench.counting import Counter
from bench.question import Absent, Reading


class _Ref(Protocol):
    """What is used of `pykka.ActorRef`."""

    def ask(self, message: object, *, timeout: float | None = None) -> object: ...

    def stop(self) -> object: ...


def ask(count: int) -> Reading:
    """Asks a second with a deadline of five seconds, to an actor that adds."""
    ref = _starter()()
    try:
        begun = time.perf_counter()
        for _ in range(count):
            ref.ask(1, timeout=5.0)
        return {"": count / (time.perf_counter() - begun)}
    finally:
        ref.stop()


def start_and_stop(count: int) -> Reading:
    """Milliseconds to start *count* actors and to stop them all."""
    start = _starter()
    begun = time.perf_counter()
    refs = [start() for _ in range(count)]
    for ref in refs:
        ref.stop()
    return {"": (time.perf_counter() - begun) * 1000}


def _starter() -> Callable[[], _Ref]:
    try:
        # By name: type checking and everything else that is measured go without it.
        pykka: Any = importlib.import_module("pykka")
    except ImportError:
        raise Absent("pykka is not installed; make bench installs it") from None

    def on_receive(self: Counter, message: int) -> int:
        return self.add(message)

    actor: Any = type("CounterActor", (pykka.ThreadingActor,), {"on_receive": on_receive})
    counting: Any = type("CountingActor", (actor,), {"total": 0, "add": Counter.add})
    return cast(Callable[[], _Ref], counting.start)
