"""Runs a program and writes down what happens."""

import logging
import math
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import cast

import attrs
import trio

from actors.runtime import (
    ActorEnded,
    ActorError,
    ActorFailed,
    ActorStopped,
    AskTimeout,
    Bus,
    Cell,
    Changed,
    ChildSpec,
    DeadLetter,
    InvalidSpec,
    Lagged,
    Ref,
    RestartIntensityExceeded,
    StartFailed,
    Subscription,
    Supervisor,
    SupervisorSpec,
    TreeNode,
    open_supervisor,
)
from actors.testing import run_seeded
from tests.actors.runtime.programs.history import (
    Call,
    History,
    Life,
    ListenerRecord,
    Missed,
)
from tests.actors.runtime.programs.history import Told as Heard
from tests.actors.runtime.programs.overseer import Overseer
from tests.actors.runtime.programs.plan import (
    CallerPlan,
    Detach,
    Fail,
    Hold,
    How,
    Kind,
    ListenerPlan,
    Look,
    Post,
    Program,
    Publish,
    StartChild,
    Step,
    StopChild,
    StopSelf,
)
from tests.actors.runtime.programs.worker import Asked, AskedNow, DeclaredError, Sender, Told, Worker

LONGEST = 10_000.0
"""Seconds of virtual time after which a program hangs: its longest waits are minutes."""
RESTS = (0.26, 1.0, 4.0, 16.0, 64.0, 256.0, 1024.0)
"""Seconds to wait for what callers left behind to be done; longer each time, since each look costs."""


@attrs.frozen
class Event:
    """What programs publish: numbers from 0."""

    number: int


class RecordingBus(Bus):
    """A bus that writes down what the runtime itself tells."""

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history

    def publish(self, event: object) -> None:
        if isinstance(event, ActorFailed | ActorEnded | DeadLetter):
            self._history.told.append(Heard(self._history.next(), trio.current_time(), event))
        super().publish(event)


def run(program: Program) -> History:
    """What happens when *program* runs: the same every time."""
    history = History(program)
    overseer = Overseer(history)
    with _quietly(history):
        run_seeded(program.seed, World(history, overseer).run, instruments=[overseer])
    return history


@contextmanager
def _quietly(history: History) -> Generator[None, None, None]:
    log = logging.getLogger("actors.runtime")
    disabled, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        log.disabled = disabled
    history.violations.extend(f"0: warned: {warning.message}" for warning in caught)


class World:
    """A running program."""

    def __init__(self, history: History, overseer: Overseer) -> None:
        self.history = history
        self.quiet = False
        self._overseer = overseer
        self._program = history.program
        self._bus = RecordingBus(history)
        self._cell = Cell(0)
        self._groups: list[Supervisor] = []
        self._refs: dict[int, tuple[Life, Ref[Worker]]] = {}

    async def run(self) -> None:
        """All of it, from an empty run to an empty run."""
        history = self.history
        tasks = trio.lowlevel.current_statistics().tasks_living
        listeners: list[Subscription[object]] = []
        limit = self._overseer.limit
        limit.deadline = LONGEST
        with limit:
            async with trio.open_nursery() as nursery:
                listeners = [self._listen(plan, nursery) for plan in self._program.listeners]
                try:
                    await self._run_tree()
                except RestartIntensityExceeded:
                    history.escalated = True
                for subscription in listeners:
                    subscription.close()
        if limit.cancelled_caught and trio.current_time() >= LONGEST:
            history.wrong(1, f"something hangs for more than {LONGEST:g} s")
        for subscription, record in zip(listeners, history.listeners, strict=True):
            _drain(subscription, record)
        left = trio.lowlevel.current_statistics().tasks_living - tasks
        if left:
            history.wrong(6, f"{left} tasks outlive the tree")

    def ref_of(self, actor: int) -> tuple[Life, Ref[Worker]] | None:
        """The present ref of an actor, if it was ever started."""
        return self._refs.get(actor)

    async def play(self, steps: tuple[Step, ...], sender: Sender) -> None:
        """Do *steps* one after the other."""
        for step in steps:
            match step:
                case Hold():
                    await trio.sleep(step.seconds)
                case Post(how=How.SEND) | Post(how=How.ASK):
                    with trio.move_on_after(math.inf if step.give_up is None else step.give_up):
                        await self._post(step, sender)
                case StopChild():
                    await self._stop_child(step.actor)
                case StartChild():
                    await self._start_child(step.actor)
                case _:
                    self.play_now((step,), sender)

    def play_now(self, steps: tuple[Step, ...], sender: Sender) -> None:
        """Do *steps*, which do not wait."""
        for step in steps:
            match step:
                case Post():
                    self._tell(step, sender)
                case Look():
                    found = self._refs.get(step.actor)
                    if found is not None:
                        found[1].statistics()
                case Publish():
                    self._publish()
                case Fail() | StopSelf() | Detach():
                    assert sender.worker is not None
                    sender.worker.act(step)
                case _:
                    raise AssertionError(f"{step} waits")

    # -- sending

    def _tell(self, step: Post, sender: Sender) -> None:
        call = self._call(step, sender)
        if call is not None:
            told = self._refs[step.work.to][1].tell(Told(call))
            self._finish(call, "told" if told else "refused")

    async def _post(self, step: Post, sender: Sender) -> None:
        call = self._call(step, sender)
        if call is None:
            return
        ref = self._refs[step.work.to][1]
        try:
            if step.how is How.SEND:
                await ref.send(Told(call))
                self._finish(call, "told")
                return
            message = AskedNow(call) if step.work.kind is Kind.SYNC else Asked(call)
            answer = await ref.ask(message, timeout=step.timeout)
            self._finish(call, "answered")
            if answer != call.index:
                self.history.wrong(1, f"{call} got the answer of #{answer}")
        except AskTimeout as error:
            self._finish(call, f"AskTimeout {error.phase}")
        except (DeclaredError, ActorError) as error:
            self._finish(call, type(error).__name__)
        except trio.Cancelled:
            self._finish(call, "cancelled")
            raise

    def _call(self, step: Post, sender: Sender) -> Call | None:
        found = self._refs.get(step.work.to)
        if found is None:
            return None
        history, now = self.history, trio.current_time()
        call = Call(len(history.calls), sender.name, sender.origin, step.how, found[0], step.work, now)
        if step.how is How.ASK:
            call.deadline = min(now + step.timeout, sender.deadline)
        history.calls.append(call)
        return call

    def _finish(self, call: Call, outcome: str) -> None:
        if call.outcome is not None:
            self.history.wrong(1, f"{call} ends as {outcome} after it ended as {call.outcome}")
        call.outcome = outcome
        call.ended_at = trio.current_time()

    def _publish(self) -> None:
        self._bus.publish(Event(self.history.published))
        self.history.published += 1
        self.history.changes += 1
        if self._cell.set(self.history.changes) != self.history.changes + 1:
            self.history.wrong(9, "the cell's version does not count its changes")

    # -- the tree

    async def _run_tree(self) -> None:
        root = self._program.groups[0]
        async with open_supervisor(
            root.name,
            strategy=root.strategy,
            intensity=root.intensity,
            bus=self._bus,
            random=Random(self._program.seed),  # noqa: S311 - jitter
        ) as supervisor:
            await self._start_all(supervisor)
            async with trio.open_nursery() as nursery:
                for plan in self._program.callers:
                    nursery.start_soon(self._run_caller, plan, name=plan.name)
            await self._come_to_rest(supervisor)
            self.history.left = self.history.next()

    async def _start_all(self, root: Supervisor) -> None:
        self._groups.append(root)
        for plan in self._program.groups[1:]:
            spec = SupervisorSpec(plan.name, plan.strategy, plan.intensity, plan.restart, plan.backoff)
            self._groups.append(await root.start_supervisor(spec))
        for actor in range(len(self._program.actors)):
            await self._start_child(actor)

    async def _run_caller(self, plan: CallerPlan) -> None:
        with trio.CancelScope() as scope:
            if plan.cancel_at is not None:
                self._overseer.cancel(scope, at=plan.cancel_at, lag=plan.lag)
            await self.play(plan.steps, Sender(plan.name, plan.name, math.inf))

    async def _start_child(self, actor: int) -> None:
        plan = self._program.actors[actor]
        group = self._groups[plan.group]
        life = Life(actor, plan, self._program.groups[plan.group], f"{group.path}/{plan.name}")
        self.history.lives.append(life)
        try:
            ref = await group.start(
                ChildSpec(
                    plan.name,
                    partial(Worker, self, life),
                    restart=plan.restart,
                    mailbox=plan.mailbox,
                    grace=plan.grace,
                    backoff=plan.backoff,
                )
            )
        except (InvalidSpec, StartFailed, ActorStopped):
            return
        life.removed = life.stopped
        life.ref = ref
        self._refs[actor] = (life, ref)
        self._overseer.mailboxes.append(ref.core.mailbox)

    async def _stop_child(self, actor: int) -> None:
        plan = self._program.actors[actor]
        group = self._groups[plan.group]
        if plan.name not in group.children:
            return
        for life in self.history.lives:
            if life.actor == actor:
                life.removed = life.stopped = True
        await group.stop(plan.name)

    # -- the end

    async def _come_to_rest(self, root: Supervisor) -> None:
        self.quiet = True
        self._stop_timers()
        states: dict[str, str] = {}
        for seconds in RESTS:
            await trio.sleep(seconds)
            states = dict(_states(root.tree()))
            if self._resting(states):
                break
        else:
            self.history.wrong(8, f"no rest: {states}")
        self.history.states = states
        self.history.serving = {
            life for life in self.history.lives if any(incarnation.serving for incarnation in life.incarnations)
        }
        self.history.resting = {life: life.ref.statistics() for life in self.history.lives if life.ref is not None}

    def _resting(self, states: dict[str, str]) -> bool:
        lives = self.history.lives
        incarnations = [incarnation for life in lives for incarnation in life.incarnations]
        return (
            all(state in {"running", "stopped", "failed"} for state in states.values())
            and not any(life.busy for life in lives)
            and not any(life.mailbox.depth for life in lives if life.ref is not None)
            and not any(incarnation.tasks for incarnation in incarnations)
            and all(incarnation.serving or incarnation.gone is not None for incarnation in incarnations)
        )

    def _stop_timers(self) -> None:
        """End all timers, and see that the ticks of those that have nothing else to do add up."""
        now = trio.current_time()
        for record in self.history.timers:
            timer, life = record.timer, record.incarnation.life
            assert timer is not None
            active = timer.active
            timer.cancel()
            if not active or life.busy or life.mailbox.depth or not record.incarnation.serving:
                continue
            if record.incarnation.broken or life.plan.mailbox.full.value == "drop_oldest":
                continue
            due = int((now - record.started_at) / record.plan.interval + 1e-9)  # starts after a jittered delay round
            seen = sum(1 + tick.missed for tick, _ in record.ticks)
            # What is due this very moment may not have fired; a tick without room is told with the next one.
            if not due - 1 - timer.missed <= seen <= due:
                self.history.wrong(10, f"{due} ticks of {life.path} were due and {seen} are accounted for")

    # -- listeners

    def _listen(self, plan: ListenerPlan, nursery: trio.Nursery) -> Subscription[object]:
        record = ListenerRecord(plan, 1 if plan.of_cell else 0)
        self.history.listeners.append(record)
        if plan.of_cell:
            subscription = cast("Subscription[object]", self._cell.subscribe(capacity=plan.capacity).changes)
        else:
            subscription = cast(
                "Subscription[object]",
                self._bus.subscribe(Event, capacity=plan.capacity, overflow=plan.overflow),
            )
        nursery.start_soon(self._receive, subscription, record)
        return subscription

    async def _receive(self, subscription: Subscription[object], record: ListenerRecord) -> None:
        plan = record.plan
        with trio.move_on_after(math.inf if plan.cancel_after is None else plan.cancel_after):
            try:
                while True:
                    if plan.batch is None:
                        _note(record, await subscription.receive())
                    else:
                        for event in await subscription.receive_batch(plan.batch):
                            _note(record, event)
                    await trio.sleep(plan.pace)
            except trio.EndOfChannel:
                return


def _note(record: ListenerRecord, event: object) -> None:
    match event:
        case Lagged():
            record.received.append(Missed(event.missed))
        case Event():
            record.received.append(event.number)
        case Changed():
            record.received.append(cast("Changed[int]", event).value)
        case _:
            raise AssertionError(f"{event} was never published")


def _drain(subscription: Subscription[object], record: ListenerRecord) -> None:
    try:
        while True:
            _note(record, subscription.receive_nowait())
    except trio.WouldBlock:
        return


def _states(node: TreeNode) -> Generator[tuple[str, str], None, None]:
    yield node.path, node.state.value
    for child in node.children:
        yield from _states(child)
