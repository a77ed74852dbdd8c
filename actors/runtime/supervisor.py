"""Supervisors: they start their children in order, restart what crashes and stop in reverse."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import attrs
import trio

from actors.runtime.actor import Actor
from actors.runtime.children import ActorChild, Child, Surroundings
from actors.runtime.core import ActorState
from actors.runtime.errors import ActorStopped, InvalidSpec, RestartIntensityExceeded, StartFailed
from actors.runtime.events import ActorFailed, TreeNode
from actors.runtime.ref import Ref
from actors.runtime.specs import (
    ChildSpec,
    Restart,
    RestartWindow,
    SupervisorSpec,
    affected,
    wants_restart,
)
from actors.runtime.subscription import DEFAULT_CAPACITY, Subscription
from actors.runtime.tracing import MessageTraced

A = TypeVar("A", bound=Actor)

log = logging.getLogger("actors.runtime")


@attrs.define(eq=False)
class _Plan:
    """A restart on its way: the group is halted, waits until it is due, and is started in order."""

    group: list[Child]
    due: float
    error: BaseException
    before: "list[_Plan]"
    """Plans that this one replaces; it waits until they have let go."""
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    done: trio.Event = attrs.field(factory=trio.Event)


class Supervisor:
    """A running supervisor. Made by `open_supervisor` or `Supervisor.start_supervisor`, never by hand."""

    def __init__(self, path: str, spec: SupervisorSpec, around: Surroundings) -> None:
        self.path = path
        self.spec = spec
        self._around = around
        self._children: dict[str, Child] = {}
        self._window = RestartWindow(spec.intensity)
        self._plans: list[_Plan] = []
        self._nursery: trio.Nursery | None = None
        self._leave = trio.Event()
        self._final = True
        self._failure: RestartIntensityExceeded | None = None

    @property
    def children(self) -> tuple[str, ...]:
        """Names, in the order they were started."""
        return tuple(self._children)

    @property
    def members(self) -> tuple[Child, ...]:
        """The records of the children, in the order they were started; for the supervisor above."""
        return tuple(self._children.values())

    async def start(self, spec: ChildSpec[A]) -> Ref[A]:
        """Start an actor as the last child.

        Returns:
            Its ref, once its `on_start` is through.

        Raises:
            InvalidSpec: The name is taken.
            StartFailed: Its factory or `on_start` raised or took too long. It is not kept.
            ActorStopped: This supervisor is not running.
        """
        child = ActorChild(f"{self.path}/{spec.name}", spec, self._around)
        await self._add(child)
        return Ref[A](child.core)

    async def start_supervisor(self, spec: SupervisorSpec) -> "Supervisor":
        """Start a supervisor as the last child. Raises as `start` does."""
        inner = Supervisor(f"{self.path}/{spec.name}", spec, self._around)
        await self._add(SupervisorChild(inner))
        return inner

    async def stop(self, name: str) -> None:
        """Stop a child for good and forget it; what is queued is handled first, within its grace.

        Also at once in the middle of a backoff. It is complete when this returns, even if the caller is cancelled.

        Raises:
            KeyError: There is no such child.
        """
        child = self._children[name]
        self._take_from_plans(child)
        del self._children[name]
        with trio.CancelScope(shield=True):  # bounded by the child's grace and the deadline of its `on_stop`
            await child.end(final=True)
        child.give_up(ActorState.STOPPED)

    async def replace(self, spec: ChildSpec[A]) -> Ref[A]:
        """Run the actor of that name by *spec* from now on: its ref, its mailbox and what is queued stay.

        The message in progress is handled to its end first, within the grace of the old spec. It is complete when
        this returns, even if the caller is cancelled.

        Raises:
            KeyError: There is no actor of that name.
            ActorStopped: It has ended for good; stop it by its name and start a new one.
            InvalidSpec: The mailbox of *spec* is another one.
            StartFailed: It does not start by *spec*. It is not kept.
        """
        child = self._children[spec.name]
        if not isinstance(child, ActorChild):
            raise KeyError(spec.name)
        if child.gone:
            raise ActorStopped(child.path)
        child.check_replacement(spec)
        with trio.CancelScope(shield=True):  # bounded by the grace, the deadline of `on_stop` and `start_seconds`
            await child.end(final=False)
            if child.gone:
                raise ActorStopped(child.path)
            self._take_from_plans(child)
            child.waiting()
            child.replace(spec)
            if not self._leave.is_set():  # else it starts with its supervisor, if that does
                await self._launch_first(child)
        return Ref[A](child.core)

    def trace(self, *, capacity: int = DEFAULT_CAPACITY) -> AbstractContextManager[Subscription[MessageTraced]]:
        """A record of every message handled in the whole tree while the block runs; costs some microseconds each."""
        return self._around.tracer.trace(capacity=capacity)

    def tree(self) -> TreeNode:
        """This supervisor and all beneath it, as of now."""
        return TreeNode(
            path=self.path,
            name=self.spec.name,
            kind="supervisor",
            state=self._state(),
            restarts=0,
            statistics=None,
            children=tuple(child.node() for child in self._children.values()),
        )

    def request_stop(self, *, final: bool) -> None:
        """Stop all children in reverse and leave `run`. *final*: they will not be started again."""
        self._final = final
        self._leave.set()

    def give_up(self, state: ActorState) -> None:
        """Answer whoever still waits for one of the children: they will not be started again."""
        for child in reversed(self._children.values()):
            child.give_up(state)

    def begin(self) -> None:
        """Get ready to run. From here on `request_stop` counts, also before `run` had its first turn."""
        self._leave = trio.Event()
        self._failure = None
        self._window.clear()

    async def run(self, started: Callable[[], None]) -> None:
        """Run until asked to stop, or until the children crash too often.

        Raises:
            RestartIntensityExceeded: They did. All children have been stopped.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await self._launch_again()
                started()
                await self._leave.wait()
                await self._stop_all()
            finally:
                self._nursery = None
            nursery.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure

    def _staying(self) -> list[Child]:
        """The children that are not down for good, in the order they were started."""
        return [child for child in self._children.values() if not child.gone]

    def _state(self) -> ActorState:
        if self._nursery is None:
            return ActorState.STOPPED
        return ActorState.STOPPING if self._leave.is_set() else ActorState.RUNNING

    async def _add(self, child: Child) -> None:
        if child.name in self._children:
            raise InvalidSpec("name", child.name, f"a name that {self.path} has no child of yet")
        if self._nursery is None or self._leave.is_set():
            raise ActorStopped(self.path)
        self._children[child.name] = child
        await self._launch_first(child)

    async def _launch_first(self, child: Child) -> None:
        child.first_start = True
        try:
            await self._launch(child)
        except trio.Cancelled:
            await self._withdraw(child)
            raise
        if child.first_start:  # it ended before it ran
            self._forget(child)
            child.give_up(ActorState.STOPPED if child.stopping else ActorState.FAILED)
            raise StartFailed(child.path, child.exit_error or ActorStopped(child.path))

    async def _withdraw(self, child: Child) -> None:
        """Undo a start that nobody waits for any more."""
        self._forget(child)
        child.stopping = True
        child.scope.cancel()
        with trio.CancelScope(shield=True):  # bounded by the deadline of its `on_stop`
            await child.exited.wait()
        child.give_up(ActorState.STOPPED)

    def _forget(self, child: Child) -> None:
        # Only if it is still this one: it may have been stopped, and another started by its name.
        if self._children.get(child.name) is child:
            del self._children[child.name]

    async def _launch_again(self) -> None:
        """Start the children of the run before; there are some only when this supervisor itself was restarted."""
        for child in self._staying():
            if self._leave.is_set():
                return
            # One that crashes meanwhile has a plan, which may concern those after it as well.
            if not (child.alive or child.gone or any(child in plan.group for plan in self._plans)):
                child.prepare_restart()
                await self._launch(child)

    async def _launch(self, child: Child) -> bool:
        """Start an incarnation and wait until it runs; False if it ended instead."""
        if self._nursery is None:
            return False
        child.begin()
        self._nursery.start_soon(self._incarnate, child, name=child.path)
        await child.settled.wait()
        return child.alive

    async def _incarnate(self, child: Child) -> None:
        error: Exception | None = None
        try:
            await child.run()
        except Exception as raised:
            # Whatever it was, it is this supervisor's to decide by: the task itself ends in peace.
            error = raised
        except BaseExceptionGroup as group:
            # It crashed while everything here was cancelled: the cancellation passes, the crash ends here.
            cancelled, crash = group.split(trio.Cancelled)
            if cancelled is None or (crash is not None and not isinstance(crash, Exception)):
                raise
            error = crash
            raise cancelled from None
        finally:
            child.ended(error)
        self._exited(child, error)

    def _exited(self, child: Child, error: BaseException | None) -> None:
        if child.stopping or child.first_start or self._leave.is_set():
            return
        if not wants_restart(child.restart_type, crashed=error is not None):
            state = ActorState.STOPPED if error is None else ActorState.FAILED
            if error is not None:
                self._report(child, error, None)
            child.give_up(state)
            return
        now = trio.current_time()
        cause = error or ActorStopped(child.path)
        if not self._window.allow(now):
            self._report(child, cause, None)
            intensity = self.spec.intensity
            self._failure = RestartIntensityExceeded(self.path, intensity.restarts, intensity.period, cause)
            self.request_stop(final=False)
            return
        delay = child.next_delay(now, self._around.random)
        self._report(child, cause, delay)
        self._plan(child, now + delay, cause)

    def _report(self, child: Child, error: BaseException, delay: float | None) -> None:
        log.error(
            "actor.failed path=%s error=%r restart_in_s=%s",
            child.path,
            error,
            "never" if delay is None else f"{delay:.3f}",
            exc_info=error,
        )
        self._around.bus.publish(ActorFailed(child.path, repr(error), delay))

    def _plan(self, crashed: Child, due: float, error: BaseException) -> None:
        assert self._nursery is not None  # noqa: S101 - a child of ours has just ended in it
        order = self._staying()
        if crashed not in order:
            return
        wanted = set(affected(self.spec.strategy, order, crashed))
        replaced = [plan for plan in self._plans if wanted.intersection(plan.group)]
        for plan in replaced:
            wanted.update(plan.group)
            plan.scope.cancel()
        due = max([due, *(plan.due for plan in replaced)])
        plan = _Plan([child for child in order if child in wanted], due, error, replaced)
        self._plans.append(plan)
        crashed.waiting()
        self._nursery.start_soon(self._carry_out, plan, name=f"{self.path} restart")

    def _take_from_plans(self, child: Child) -> None:
        for plan in self._plans:
            if child in plan.group:
                plan.group.remove(child)

    async def _carry_out(self, plan: _Plan) -> None:
        try:
            for earlier in plan.before:
                await earlier.done.wait()
            with plan.scope:
                await self._restart(plan)
        finally:
            plan.done.set()
            self._plans.remove(plan)

    async def _restart(self, plan: _Plan) -> None:
        for child in reversed(plan.group.copy()):
            await child.end(final=False)
            if child in plan.group:  # else somebody stopped or replaced it
                self._set_aside(child)
        await trio.sleep_until(plan.due)
        while plan.group:
            child = plan.group[0]
            if child.gone or child.alive:
                plan.group.remove(child)
                continue
            child.prepare_restart()
            if not await self._launch(child) and (plan.scope.cancel_called or self._leave.is_set()):
                return  # its end has made a plan of its own, or was one too many
            if child in plan.group:
                plan.group.remove(child)

    def _set_aside(self, child: Child) -> None:
        """*child* is down because of others: until it is restarted with them, unless it never is."""
        if child.restart_type is Restart.TEMPORARY:
            child.give_up(ActorState.STOPPED)
        else:
            child.waiting()

    async def _stop_all(self) -> None:
        for plan in self._plans:
            plan.scope.cancel()
        for child in reversed(self._staying()):
            await child.end(final=self._final)
            if self._final:
                child.give_up(ActorState.STOPPED)
            else:
                self._set_aside(child)


class SupervisorChild(Child):
    """A supervisor under a supervisor."""

    def __init__(self, inner: Supervisor) -> None:
        spec = inner.spec
        super().__init__(inner.path, spec.name, spec.restart, spec.backoff)
        self.inner = inner
        self._state = ActorState.STOPPED

    @property
    def grace(self) -> float:
        """Its children are stopped one after the other, each within its own grace."""
        return 1.0 + sum(child.grace + child.stop_seconds for child in self.inner.members)

    def begin(self) -> None:
        super().begin()
        self._state = ActorState.STARTING
        self.inner.begin()

    async def run(self) -> None:
        with self.scope:
            await self.inner.run(self._started)

    def _started(self) -> None:
        self._state = ActorState.RUNNING
        self.settle()

    def request_end(self, *, final: bool) -> None:
        self._state = ActorState.STOPPING
        self.inner.request_stop(final=final)

    def prepare_restart(self) -> None:
        self.restarts += 1

    def waiting(self) -> None:
        if not self.gone:
            self._state = ActorState.BACKOFF

    def give_up(self, state: ActorState) -> None:
        self.gone = True
        self._state = state
        self.inner.give_up(state)

    def node(self) -> TreeNode:
        return attrs.evolve(self.inner.tree(), state=self._state, restarts=self.restarts)
