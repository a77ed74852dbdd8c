"""The actor of the programs: it does what its messages say and writes down that it did."""

from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from typing import Protocol

import attrs
import trio

from actors.runtime import Actor, Context, Down, Message, Ref, Tick
from tests.actors.runtime.programs.history import (
    Call,
    Finish,
    History,
    Incarnation,
    Life,
    TimerRecord,
    WatchRecord,
)
from tests.actors.runtime.programs.plan import Detach, Fail, Kind, Step, StopSelf


class DeclaredError(Exception):
    """What messages declare."""


class PlannedCrashError(Exception):
    """What crashes actors on purpose."""


@attrs.frozen
class Sender:
    """Who sends: *name* sends one message after the other, *origin* is the caller that caused it all."""

    name: str
    origin: str
    deadline: float
    worker: "Worker | None" = None


class Surroundings(Protocol):
    """What workers need of the world."""

    history: History
    quiet: bool

    async def play(self, steps: tuple[Step, ...], sender: Sender) -> None: ...

    def play_now(self, steps: tuple[Step, ...], sender: Sender) -> None: ...

    def ref_of(self, actor: int) -> "tuple[Life, Ref[Worker]] | None": ...


@attrs.frozen
class Told(Message["Worker", int]):
    """A message of a program; the answer is the number of the call."""

    errors = (DeclaredError,)
    call: Call

    def deliver(self, to: "Worker") -> int | Awaitable[int]:
        match self.call.work.kind:
            case Kind.SYNC:
                return to.handle_now(self.call)
            case Kind.ASYNC:
                return to.handle(self.call)
            case Kind.LATE:
                return to.handle_late(self.call)


@attrs.frozen
class Asked(Told):
    """The same by another name, so that dead letters of asks and of tells can be told apart."""


@attrs.frozen
class AskedNow(Asked):
    """An ask that is answered without waiting: the runtime remembers which classes are not."""


@attrs.frozen
class Nudged(Message["Worker", None]):
    """What a late handler tells its own actor first."""

    sent_at: float
    crash: bool

    def deliver(self, to: "Worker") -> None:
        with to.handling(self.sent_at):
            if self.crash:
                raise PlannedCrashError


@attrs.frozen
class Ticked(Message["Worker", None]):
    """A timer has fired."""

    sent_at: float
    record: TimerRecord
    tick: Tick

    def deliver(self, to: "Worker") -> Awaitable[None] | None:
        if self.record.plan.hold:
            return self._slowly(to)
        with to.handling(self.sent_at):
            self._note()
        return None

    async def _slowly(self, to: "Worker") -> None:
        with to.handling(self.sent_at):
            self._note()
            await trio.sleep(self.record.plan.hold)

    def _note(self) -> None:
        self.record.ticks.append((self.tick, trio.current_time()))


@attrs.frozen
class Noticed(Message["Worker", None]):
    """An actor that is monitored went down."""

    sent_at: float
    record: WatchRecord
    down: Down

    def deliver(self, to: "Worker") -> None:
        with to.handling(self.sent_at):
            self.record.downs.append(self.down)


class Worker(Actor):
    """One incarnation of an actor of a program."""

    def __init__(self, world: Surroundings, life: Life) -> None:
        self._world = world
        self._history = world.history
        self._life = life
        self.incarnation: Incarnation | None = None

    def attach(self, context: Context) -> None:
        super().attach(context)
        history, life = self._history, self._life
        for before in life.incarnations:
            if before.gone is None:
                history.wrong(5, f"{life.path} has two incarnations at a time")
            if before.tasks:
                history.wrong(6, f"{before.tasks} tasks of an incarnation of {life.path} outlive it")
        self.incarnation = Incarnation(
            life, len(life.incarnations), history.next(), trio.current_time(), trio.lowlevel.current_task()
        )
        life.incarnations.append(self.incarnation)

    async def on_start(self) -> None:
        incarnation, plan = self._now(), self._life.plan
        if plan.start_seconds:
            await trio.sleep(plan.start_seconds)
        if incarnation.number in plan.bad_starts:
            raise PlannedCrashError
        if incarnation.number in plan.quits:
            self.act(StopSelf())
        for other in plan.watches:
            self._watch(other)
        for other in plan.links:
            linked = self._world.ref_of(other)
            if linked is not None:
                self.context.link(linked[1])
        if not self._world.quiet:
            self._start_timers(incarnation)
        incarnation.serving = True

    async def on_stop(self) -> None:
        incarnation = self._now()
        incarnation.serving = False
        incarnation.ended = self._history.next()
        if self._life.plan.stop_seconds:
            await trio.sleep(self._life.plan.stop_seconds)
        incarnation.gone = self._history.next()

    def handle_now(self, call: Call) -> int:
        """Do what *call* says, without waiting."""
        with self.handling(call.at, call):
            self._world.play_now(call.work.steps, self._sender(call))
        return call.index

    async def handle(self, call: Call) -> int:
        """Do what *call* says."""
        with self.handling(call.at, call):
            await self._world.play(call.work.steps, self._sender(call))
        return call.index

    def handle_late(self, call: Call) -> Awaitable[int]:
        """Do something at once and the rest later."""
        # Some of these crash the actor while the rest still waits for its turn.
        self.context.tell(Nudged(trio.current_time(), crash=call.index % 3 == 0))
        return self.handle(call)

    def act(self, step: Fail | StopSelf | Detach) -> None:
        """Do something that only an actor can."""
        match step:
            case Fail():
                raise DeclaredError if step.declared else PlannedCrashError
            case StopSelf():
                self._now().stops_itself = True
                self.context.stop()
            case Detach():
                self.context.start_soon(self._detached, step)

    @contextmanager
    def handling(self, sent_at: float, call: Call | None = None) -> Generator[None, None, None]:
        """One message from beginning to end."""
        incarnation, life, history = self._now(), self._life, self._history
        self._check_turn(call)
        if trio.lowlevel.current_task() is incarnation.task:
            life.waits.append(trio.current_time() - sent_at)
        if call is not None:
            call.began, call.by = history.next(), incarnation
        life.busy += 1
        finish: Finish = "crashed"
        try:
            yield
            finish = "handled"
        except DeclaredError:
            finish = "declared"
            raise
        except trio.Cancelled:
            finish = "interrupted"
            raise
        finally:
            life.busy -= 1
            life.handled += finish in {"handled", "declared"}
            life.crashed += finish == "crashed"
            life.interrupted += finish == "interrupted"
            incarnation.broken = finish in {"crashed", "interrupted"}
            if call is not None:
                call.finished = finish

    def _check_turn(self, call: Call | None) -> None:
        incarnation, life, wrong = self._now(), self._life, self._history.wrong
        if life.busy:
            wrong(5, f"{life.path} handles two messages at a time")
        if not incarnation.serving:
            wrong(5, f"{life.path} handles {call or 'a message'} in an incarnation that does not run")
        if incarnation.broken:
            wrong(5, f"{life.path} handles {call or 'a message'} after a crash, in the same incarnation")
        if call is not None and call.began is not None:
            wrong(2, f"{call} is handled twice")

    def _sender(self, call: Call) -> Sender:
        return Sender(self._life.path, call.origin, call.deadline, self)

    def _start_timers(self, incarnation: Incarnation) -> None:
        for plan in self._life.plan.timers:
            record = TimerRecord(incarnation, plan, trio.current_time())
            record.timer = self.context.every(
                plan.interval, lambda tick, record=record: Ticked(trio.current_time(), record, tick)
            )
            self._history.timers.append(record)

    def _watch(self, other: int) -> None:
        found = self._world.ref_of(other)
        if found is None:
            return
        record = WatchRecord(self._now(), found[0], self._history.next())
        self._history.watches.append(record)
        self.context.monitor(found[1], lambda down: Noticed(trio.current_time(), record, down))

    async def _detached(self, step: Detach) -> None:
        incarnation = self._now()
        incarnation.tasks += 1
        try:
            await trio.sleep(step.seconds)
        finally:
            incarnation.tasks -= 1
        if step.crash:
            raise PlannedCrashError

    def _now(self) -> Incarnation:
        assert self.incarnation is not None
        return self.incarnation
