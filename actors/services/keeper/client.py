"""The keeper as a Trio program uses it."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType

import trio

from .holder import Holder
from .link import END_BOUND, KeeperGone, KeeperUnavailable, Link, soft_open_files
from .run import Phase, Run
from .spec import ProcessSpec

_log = logging.getLogger(__name__)

# Seconds that a start may take, the launch of a keeper and the starts before it included.
START_BOUND = 10.0

# Seconds that killed runs have to end with their last words in the log, before the keeper is sent away.
LEAVE_BOUND = 3.0


class RunExists(Exception):
    """That name has a run that is not over."""

    def __init__(self, name: str, run: Run | None) -> None:
        where = run.status.phase.value if run else "being requested"
        super().__init__(f"{name} already has a run, which is {where}; expected none; wait for its end first")
        self.name = name
        self.run = run


class KeeperClosed(Exception):
    """The block of `open_keeper` was left, or is being left."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot start {name}: the keeper is closed; start it within open_keeper()")
        self.name = name


class Keeper:
    """Starts runs and keeps them. Made by `open_keeper`."""

    def __init__(self, open_files: int) -> None:
        self._open_files = open_files
        self._runs: dict[str, Run] = {}
        self._claimed: set[str] = set()
        self._link: Link | None = None
        self._one_at_a_time = trio.Lock()
        self._numbers = 0
        self._holders = 0
        self._guarded = 0
        self._spares: list[Holder] = []
        self._closed = False
        self._nursery: trio.Nursery | None = None
        self._left = trio.Event()
        self._idle = trio.Event()

    @property
    def runs(self) -> Mapping[str, Run]:
        """The runs that are not over, by name. A live view."""
        return MappingProxyType(self._runs)

    @property
    def spares(self) -> int:
        """How many holders have no run, and wait a moment for the next one."""
        return len(self._spares)

    @property
    def pid(self) -> int | None:
        """Of the keeper process; None before the first start and after a loss."""
        return None if self._link is None or self._link.gone.is_set() else self._link.pid

    async def start(self, name: str, spec: ProcessSpec, notify: Callable[[Run], None]) -> Run:
        """Have *spec* run.

        Waits for no process: only for the request to be handed over.

        Args:
            name: One live run has it.
            spec: What to run.
            notify: Called after each change of `Run.status`, from a task of the keeper's. It must not wait.
                What it raises is logged.

        Raises:
            RunExists: The name has a run that is not over.
            KeeperUnavailable: Nothing can be started at the moment.
            KeeperClosed: The block was left.
            InvalidSpec: It is too large.
        """
        if self._closed:
            raise KeeperClosed(name)
        if name in self._runs or name in self._claimed:
            raise RunExists(name, self._runs.get(name))
        packed = spec.packed()
        await trio.lowlevel.checkpoint_if_cancelled()
        if holder := self._spare():
            return self._begin(name, packed, notify, holder)
        self._claimed.add(name)
        try:
            with trio.move_on_after(START_BOUND):
                async with self._one_at_a_time:
                    return self._begin(name, packed, notify, await self._new_holder())
        finally:
            self._claimed.discard(name)
        raise KeeperUnavailable(f"it did not take the request within {START_BOUND} s")

    async def guard(self, pid: int, pidfd: int) -> Callable[[], None]:
        """Have a child of ours killed, with its process group and all below it, should we die before it.

        Args:
            pid: Of the child, which leads a process group.
            pidfd: A descriptor of it; it is sent, and stays the caller's.

        Returns:
            What to call when it has ended, and before it is waited for no more.

        Raises:
            KeeperUnavailable: There is no keeper at the moment.
        """
        async with self._one_at_a_time:
            link = await self._living_link()
        self._guarded += 1
        number = self._guarded
        link.guard(number, pid, pidfd)
        return lambda: link.release(number)

    def _begin(self, name: str, packed: bytes, notify: Callable[[Run], None], holder: Holder) -> Run:
        """Give it a run. Nothing waits: a run that was handed over is always followed."""
        self._numbers += 1
        run = Run(name=name, number=self._numbers, holder=holder, notify=self._told(notify))
        self._runs[name] = run
        holder.hand(run, packed)
        return run

    def _spare(self) -> Holder | None:
        """One that has no run any more, of a keeper that lives."""
        while self._spares:
            holder = self._spares.pop()
            if not holder.link.gone.is_set():
                return holder
        return None

    async def _new_holder(self) -> Holder:
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise KeeperUnavailable(f"no socket: {error.strerror}") from error
        ours.setblocking(False)
        self._holders += 1
        number = self._holders
        with theirs:
            try:
                link = await self._hand_to_a_link(number, theirs)
            except BaseException:
                ours.close()
                raise
        holder = Holder(number=number, conn=ours, link=link, background=self._in_background, spares=self._spares)
        self._in_background(holder.follow, f"holder {number}")
        return holder

    async def _hand_to_a_link(self, number: int, conn: socket.socket) -> Link:
        """A keeper that ended is replaced once; one that ends at once again is a fault to report."""
        for _ in range(2):
            link = await self._living_link()
            try:
                await link.hand_over(number, conn)
            except KeeperGone:
                with trio.move_on_after(END_BOUND):
                    await link.gone.wait()
                self._link = None
            else:
                return link
        raise KeeperUnavailable("it ended as soon as it was launched")

    async def _living_link(self) -> Link:
        """With the lock held."""
        if self._closed:
            raise KeeperUnavailable("it is being closed")
        if self._link is None or self._link.gone.is_set():
            self._link = await Link.launch(self._open_files)
            self._in_background(partial(self._watch, self._link), "keeper link")
        return self._link

    def _told(self, notify: Callable[[Run], None]) -> Callable[[Run], None]:
        def tell(run: Run) -> None:
            if run.status.phase is Phase.EMPTY:
                self._forget(run)
            try:
                notify(run)
            except Exception:
                # It is somebody else's code, and every other run depends on this task's nursery.
                _log.exception("run.notify_failed name=%s phase=%s", run.name, run.status.phase.value)

        return tell

    def _forget(self, run: Run) -> None:
        if self._runs.get(run.name) is run:
            del self._runs[run.name]
        if not self._runs:
            self._idle.set()

    def _in_background(self, task: Callable[[], Awaitable[None]], name: str) -> None:
        if self._nursery is None:
            raise KeeperClosed(name)
        self._nursery.start_soon(task, name=name)

    async def _watch(self, link: Link) -> None:
        await link.watch()
        if not self._closed:
            _log.error("keeper.lost pid=%d live_runs=%d next=launch_at_next_start", link.pid, len(self._runs))

    async def tend(self, task_status: trio.TaskStatus[None]) -> None:
        """Be the nursery of everything in the background until `leave` is done.

        What belongs to a run outlives the task that started it, and a cancellation of the block as well:
        otherwise nobody would hear how the runs ended that this very cancellation kills.
        """
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await self._left.wait()
                self._nursery = None
                nursery.cancel_scope.cancel()

    async def leave(self) -> None:
        """Kill what is left, and see the keeper out. Deadlines bound it; `open_keeper` calls it, shielded."""
        self._closed = True
        for run in list(self._runs.values()):
            run.kill()
        if self._runs:
            self._idle = trio.Event()
            with trio.move_on_after(LEAVE_BOUND):
                await self._idle.wait()
        if self._link is not None:
            self._link.close()
            with trio.move_on_after(END_BOUND):
                await self._link.gone.wait()
            if not self._link.gone.is_set():
                self._link.kill()
                with trio.move_on_after(END_BOUND):
                    await self._link.gone.wait()
        self._left.set()


@asynccontextmanager
async def open_keeper(*, open_files: int | None = None) -> AsyncGenerator[Keeper, None]:
    """A keeper for the length of the block; on leaving, everything it runs is killed, within some seconds.

    The process itself is launched with the first start, and anew after a loss.

    Args:
        open_files: Soft limit of open files that services get: what ours was before it was raised. None:
            ours now.
    """
    async with trio.open_nursery() as nursery:
        keeper = Keeper(soft_open_files() if open_files is None else open_files)
        await nursery.start(keeper.tend)
        try:
            yield keeper
        finally:
            with trio.CancelScope(shield=True):
                await keeper.leave()
