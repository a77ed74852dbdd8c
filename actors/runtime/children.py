"""A supervisor's record of one child: the same whether it is an actor or another supervisor."""

from abc import ABC, abstractmethod
from random import Random
from typing import Any

import attrs
import trio

from actors.runtime.actor import STOP_SECONDS, Incarnation
from actors.runtime.backoff import Backoff
from actors.runtime.bus import Bus
from actors.runtime.core import ActorCore, ActorState, Down, Halt
from actors.runtime.errors import ActorRestarting, InvalidSpec
from actors.runtime.events import ActorEnded, ActorStarted, TreeNode
from actors.runtime.mailbox import Mailbox
from actors.runtime.specs import ChildSpec, Restart
from actors.runtime.timers import Timers
from actors.runtime.tracing import Tracer


@attrs.frozen
class Surroundings:
    """What all actors of one tree share."""

    bus: Bus
    timers: Timers
    tracer: Tracer
    random: Random


class Child(ABC):
    """One child over all of its incarnations."""

    stop_seconds: float = STOP_SECONDS

    def __init__(self, path: str, name: str, restart: Restart, backoff: Backoff) -> None:
        self.path = path
        self.name = name
        self.restart_type = restart
        self.scope = trio.CancelScope()
        """Ends the incarnation."""
        self.settled = trio.Event()
        """Set once the incarnation runs, or has ended before it did."""
        self.exited = trio.Event()
        self.alive = False
        self.stopping = False
        """Somebody is ending it and deals with what follows."""
        self.gone = False
        """Down for good: nothing that happens to its siblings or its supervisor starts it again."""
        self.first_start = False
        """It never ran yet, and whoever starts it deals with what follows."""
        self.exit_error: Exception | None = None
        self.restarts: int = 0
        self._backoff = backoff
        self._attempts = 0
        self._began_at = 0.0

    @property
    @abstractmethod
    def grace(self) -> float:
        """Seconds it gets to end by itself."""

    @abstractmethod
    async def run(self) -> None:
        """One incarnation, from start to end."""

    @abstractmethod
    def request_end(self, *, final: bool) -> None:
        """Ask it to end: *final*, after handling what is queued; else keeping what is queued."""

    @abstractmethod
    def prepare_restart(self) -> None:
        """Do what is due between two incarnations."""

    @abstractmethod
    def waiting(self) -> None:
        """It is down and will be started again."""

    @abstractmethod
    def give_up(self, state: ActorState) -> None:
        """It is down for good."""

    @abstractmethod
    def node(self) -> TreeNode:
        """It and what is beneath it, as of now."""

    def begin(self) -> None:
        """Get ready for a new incarnation."""
        self.scope = trio.CancelScope()
        self.settled = trio.Event()
        self.exited = trio.Event()
        self.exit_error = None
        self.alive = True
        self.stopping = False
        self._began_at = trio.current_time()

    def settle(self) -> None:
        """Say that the incarnation runs."""
        self.first_start = False
        self.settled.set()

    def ended(self, error: Exception | None) -> None:
        """Say that the incarnation is over."""
        self.alive = False
        self.exit_error = error
        self.settled.set()
        self.exited.set()

    async def end(self, *, final: bool) -> None:
        """End the incarnation, if there is one: within its grace by itself, then by cancelling it."""
        if not self.alive:
            return
        self.stopping = True
        self.request_end(final=final)
        with trio.move_on_after(self.grace):
            await self.exited.wait()
            return
        self.scope.cancel()
        await self.exited.wait()

    def next_delay(self, now: float, random: Random) -> float:
        """Seconds to wait before the next start, after a crash at *now*."""
        if now - self._began_at >= self._backoff.reset_after:
            self._attempts = 0
        delay = self._backoff.delay(self._attempts, random)
        self._attempts += 1
        return delay


class ActorChild(Child):
    """An actor under a supervisor."""

    def __init__(self, path: str, spec: ChildSpec[Any], around: Surroundings) -> None:
        super().__init__(path, spec.name, spec.restart, spec.backoff)
        mailbox = Mailbox(path, spec.mailbox, around.bus.publish)
        self.core = ActorCore(path, mailbox, around.timers, around.tracer)
        self._halt = Halt(self.core)
        self._spec = spec
        self._around = around
        self._mourned = False
        """Monitors know that the latest incarnation has ended."""

    @property
    def grace(self) -> float:
        return self._spec.grace

    def begin(self) -> None:
        # Not in `run`: a task begins later, and it may be told to stop in between.
        super().begin()
        self._mourned = False
        self.core.state = ActorState.STARTING
        self.core.scope = self.scope
        self._halt = Halt(self.core)

    def check_replacement(self, spec: ChildSpec[Any]) -> None:
        """Refuse a spec that cannot take over from the present one."""
        if spec.mailbox != self._spec.mailbox:
            raise InvalidSpec(f"{spec.name}.mailbox", spec.mailbox, "the mailbox it has; stop it and start a new one")

    def replace(self, spec: ChildSpec[Any]) -> None:
        """Take *spec* for the incarnations to come."""
        self._spec = spec
        self.restart_type = spec.restart
        self._backoff = spec.backoff
        self._attempts = 0

    async def run(self) -> None:
        spec, core = self._spec, self.core
        await Incarnation(core, spec.factory, self._around.bus, self._halt, spec.start_seconds).run(self._started)

    def _started(self) -> None:
        self._around.bus.publish(ActorStarted(self.path, self.restarts))
        self.settle()

    def request_end(self, *, final: bool) -> None:
        self.core.state = ActorState.STOPPING
        if final:
            self.core.mailbox.close()
        else:
            self._halt.after_this_message()

    def prepare_restart(self) -> None:
        if self.core.state is ActorState.STOPPING:
            self.waiting()  # the restart it was stopped for was overtaken by a larger one before it said so
        self.restarts += 1
        self.core.restarts = self.restarts
        self.core.mailbox.restart(ActorRestarting(self.path))

    def waiting(self) -> None:
        if self.gone:
            return
        self.core.state = ActorState.BACKOFF
        if not self._mourned:
            self._mourned = True
            self.core.tell_monitors(Down(self.path, self.exit_error, final=False))

    def give_up(self, state: ActorState) -> None:
        if self.gone:
            return
        self.gone = True
        self.core.state = state
        self.core.mailbox.drop_all("the actor has stopped")
        self.core.tell_monitors(Down(self.path, self.exit_error, final=True))
        self._around.bus.publish(ActorEnded(self.path, state))

    def node(self) -> TreeNode:
        statistics = self.core.statistics()
        return TreeNode(self.path, self.name, "actor", self.core.state, self.restarts, statistics)
