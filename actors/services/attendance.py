"""The tasks that look after one run, beside the mailbox: its probes and its memory."""

import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import attrs
import trio

from actors.services import log_line
from actors.services.keeper import Run
from actors.services.memory import tree_memory
from actors.services.probing import Look, LookFailed, look
from actors.services.probing.running import run
from actors.services.wellness import Wellness
from actors.settings import ProcessOptions
from actors.settings.probes import AliveOptions, ProbeOptions, ReadyOptions

T = TypeVar("T")

log = logging.getLogger("actors.services")

MEMORY_SECONDS = 2.0
"""Between two looks at the memory."""

MEMORY_LOOKS = 2
"""So many in a row must find too much: one may meet a moment such as a fork."""

BROKEN_SECONDS = 5.0
"""After a fault of our own."""

SEARCH_AGAIN_SECONDS = 1.0
"""After a search for a line that did not come to an end of its own."""

Hear = Callable[[Look], None]


@attrs.frozen
class Attended:
    """A run and what it takes to look after it. A restarted actor looks after the same."""

    run: Run
    options: ProcessOptions
    wellness: Wellness
    environment: Mapping[str, str]
    """The service's own, for probes that are commands."""
    log_path: str
    log_mark: log_line.LogMark | None
    """Where its output begins in its log; None where nobody asks."""

    @property
    def needs_attention(self) -> bool:
        """Whether there is anything to look at."""
        options = self.options
        return options.ready is not None or options.alive is not None or options.memory_max is not None

    def configured(self, options: ProcessOptions, *, up: bool) -> "Attended":
        """The same run, looked after by other options.

        Args:
            options: The new ones.
            up: It came up by the old ones: it counts as ready, and is only asked on.
        """
        old = self.options
        if (options.ready, options.alive, options.memory_max) == (old.ready, old.alive, old.memory_max):
            return self
        before = self.wellness
        wellness = Wellness(ready_at=before.ready_at)
        if up and wellness.ready_at is None:
            wellness.ready_at = trio.current_time()
        if options.ready == old.ready:
            wellness.ready = before.ready
        if options.alive == old.alive:
            wellness.alive = before.alive
        return attrs.evolve(self, options=options, wellness=wellness)


class Attendance:
    """Looks after one run until `end`. It writes what it sees into the run's `Wellness` and says that there is news.

    So no answer is lost with a full mailbox or a crash of the actor, and none is taken for another run's.
    """

    def __init__(self, attended: Attended, news: Callable[[], object]) -> None:
        self.attended = attended
        """Whom it looks after."""
        self._news = news
        self._scope = trio.CancelScope()
        self._up = trio.Event()
        self._thread = trio.CapacityLimiter(1)

    def came_up(self) -> None:
        """From now on it is asked whether it still works."""
        self._up.set()

    def end(self) -> None:
        """Look no more."""
        self._scope.cancel()

    async def attend(self) -> None:
        """Look after the run; returns after `end`."""
        options = self.attended.options
        with self._scope:
            async with trio.open_nursery() as nursery:
                if options.ready is not None:
                    nursery.start_soon(self._guarded, self._ask_ready, options.ready)
                if options.alive is not None:
                    nursery.start_soon(self._guarded, self._ask_alive, options.alive)
                if options.memory_max is not None:
                    nursery.start_soon(self._guarded, self._watch_memory, options.memory_max)

    async def _guarded(self, task: Callable[[T], Awaitable[None]], options: T) -> None:
        """Do *task* again after a while should it break."""
        while True:
            try:
                await task(options)
            except Exception:
                # A fault of ours in a probe must neither end the service nor wear out its actor's restarts.
                log.exception("service.attendance_broken service=%s next=try_again", self.attended.run.name)
                await trio.sleep(BROKEN_SECONDS)
            else:
                return

    # -- is it ready?

    async def _ask_ready(self, options: ReadyOptions) -> None:
        def hear(answer: Look) -> None:
            self.attended.wellness.hear_ready(answer, options, trio.current_time())

        await trio.sleep_until(self._started_at + options.delay)
        if options.log is not None:
            await self._wait_for_line(options.log, options, hear)
        elif not options.notify:  # the keeper tells of that
            await self._ask_on(options, hear)

    async def _wait_for_line(self, expression: str, options: ReadyOptions, hear: Hear) -> None:
        """Until a line of this run's output matches; every other end of the search is followed by a new one."""
        attended = self.attended
        while attended.log_mark is not None and attended.wellness.ready_at is None:
            began = trio.current_time()
            seconds = max(0.1, self._started_at + options.deadline - began)
            arguments = (attended.log_path, attended.log_mark.text(), str(seconds), expression)
            try:
                search = await run(log_line_command(*arguments), kept=log_line.SHOWN_BYTES)
            except LookFailed as failed:
                hear(Look(False, failed.detail, trio.current_time() - began, ours=failed.ours))
            else:
                if search.exit_code == 0:
                    line = search.output.decode("utf-8", "replace")
                    attended.wellness.is_ready(f"its output says {line!r}", trio.current_time())
            self._news()
            await trio.sleep(SEARCH_AGAIN_SECONDS)

    # -- does it work?

    async def _ask_alive(self, options: AliveOptions) -> None:
        def hear(answer: Look) -> None:
            self.attended.wellness.hear_alive(answer, options, trio.current_time())

        await self._up.wait()
        await trio.sleep(options.delay)
        if options.notify:
            await self._watch_dog(options.interval, hear)
        else:
            await self._ask_on(options, hear)

    async def _watch_dog(self, interval: float, hear: Hear) -> None:
        """For ever: a good answer for each interval with a WATCHDOG=1, a bad one for each without."""
        since = trio.current_time()
        while True:
            heard = self.attended.run.status.watchdog_at
            since = since if heard is None else max(heard, since)
            await trio.sleep_until(since + interval)
            heard = self.attended.run.status.watchdog_at
            ok = heard is not None and heard > since
            silence = trio.current_time() - (self._started_at if heard is None else heard)
            detail = "says WATCHDOG=1" if ok else f"no WATCHDOG=1 for {silence:.1f} s; expected every {interval:g} s"
            hear(Look(ok, detail, interval))
            since = heard if ok and heard is not None else since + interval
            self._news()

    # -- either

    async def _ask_on(self, options: ProbeOptions, hear: Hear) -> None:
        """For ever: ask, and wait for the interval."""
        attended = self.attended
        while True:
            ours = attended.options
            where = {"cwd": ours.cwd, "user": ours.user, "group": ours.group}
            hear(await look(options, environment=attended.environment, **where))
            self._news()
            await trio.sleep(options.interval)

    async def _watch_memory(self, most: int) -> None:
        wellness = self.attended.wellness
        while True:
            await trio.sleep(MEMORY_SECONDS)
            pid = self.attended.run.status.pid
            if pid is None:
                continue
            used = await trio.to_thread.run_sync(tree_memory, pid, abandon_on_cancel=True, limiter=self._thread)
            if used is None:
                continue
            wellness.see_memory(used, most)
            if wellness.memory_over >= MEMORY_LOOKS:
                self._news()

    @property
    def _started_at(self) -> float:
        started_at = self.attended.run.status.started_at
        return trio.current_time() if started_at is None else started_at


def log_line_command(*arguments: str) -> list[str]:
    """How to execute the search for a line. A frozen build, which has no interpreter, changes this function alone."""
    return [sys.executable, "-I", "-S", "-X", "utf8", str(log_line.__file__), str(os.getpid()), *arguments]
