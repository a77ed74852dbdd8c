"""Telling a running service to read its configuration again: by a signal, or by a command of its own."""

import logging
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import attrs
import trio

from actors.runtime.actor import Context
from actors.services.causes import Cause
from actors.services.keeper import InvalidSpec, Keeper, KeeperClosed, Phase, ProcessSpec, Rotation, Run, RunStatus
from actors.services.launching import environment
from actors.services.messages import (
    CannotReload,
    Failure,
    Happened,
    ReloadEnded,
    ReloadTaken,
    ServiceNotRunning,
)
from actors.services.record import ServiceRecord
from actors.services.run_report import describe
from actors.services.run_spec import spec_of

log = logging.getLogger("actors.services")

RELOAD_SECONDS = 30.0
"""How long a command may take; then it and all it has started are killed."""
REMAINS_SECONDS = 2.0
"""How long what is left of an earlier one may take to be gone."""
GRACE = 1.0
"""Seconds for what a command leaves behind."""
OUTPUT = Rotation(max_bytes=256 * 1024, keep=1)
"""What commands print is kept beside the service's log, and little of it."""


class Reloads:
    """The reloads of one service. Belongs to an incarnation of its actor; at most one command runs at a time.

    One that is asked for meanwhile is run after it, once, however often it is asked for: the command that runs may have
    read the old configuration already.
    """

    def __init__(self, record: ServiceRecord, context: Context, keeper: Keeper, logs_dir: Path) -> None:
        self._record = record
        self._context = context
        self._keeper = keeper
        self._logs_dir = logs_dir
        self._running: int | None = None
        self._waiting: tuple[int, Cause] | None = None

    def take(self, by: Cause) -> ReloadTaken:
        """Begin to tell the service.

        Raises:
            CannotReload: Its settings do not say how.
            ServiceNotRunning: It has no process.
        """
        record = self._record
        if not record.options.reloads:
            raise CannotReload(record.settings.id)
        if not record.lives or record.run is None:
            raise ServiceNotRunning(record.settings.id, record.view.state)
        if self._waiting is not None:
            return ReloadTaken(self._waiting[0], ended=False)
        record.reloads += 1
        number = record.reloads
        if record.options.reload_signal is not None:
            record.run.signal(signal.Signals[record.options.reload_signal])
            self._ended(number, by, f"told by {record.options.reload_signal}", None)
            return ReloadTaken(number, ended=True)
        if self._running is not None:
            self._waiting = (number, by)
        else:
            self._running = number
            self._context.start_soon(self._work, number, by, name=f"{self._context.path} reload")
        return ReloadTaken(number, ended=False)

    async def _work(self, number: int, by: Cause) -> None:
        left: list[tuple[int, Cause]] = [(number, by)]
        try:
            while left:
                number, by = left[0]
                problem = await self._carry_out(number)
                left.clear()
                self._ended(number, by, "told by its command", problem)
                if self._waiting is not None:
                    left.append(self._waiting)
                    self._running, self._waiting = self._waiting[0], None
        finally:
            self._running = None
            # Whoever waits for it hears that it will not come: this incarnation of the actor ends.
            for number, by in (*left, *([self._waiting] if self._waiting is not None else [])):
                self._ended(number, by, "", "it was interrupted")

    async def _carry_out(self, number: int) -> str | None:
        """Run the command; what went wrong, in English."""
        record = self._record
        run, name = record.run, f"{record.settings.id}.reload"
        if run is None or not record.lives or record.options.reload_command is None:
            return "the service has ended"
        try:
            spec = await self._spec(run, f"{name}.log", record.options.reload_command)
            await self._remains(name)
            reload = await self._keeper.start(name, spec, _ignored)
        except (InvalidSpec, KeeperClosed, OSError) as error:
            return str(error)
        log.info("service.reload_begun service=%s number=%d", record.settings.id, number)
        try:
            return await self._outcome(run, reload, name)
        finally:
            if reload.status.phase is not Phase.EMPTY:
                reload.kill()

    async def _outcome(self, run: Run, reload: Run, name: str) -> str | None:
        """How a command ended that is running, which the end of the service ends as well."""
        ended: list[RunStatus] = []

        async def service_ends(scope: trio.CancelScope) -> None:
            await run.wait(Phase.EXITED)
            scope.cancel()

        with trio.move_on_after(RELOAD_SECONDS) as deadline:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(service_ends, nursery.cancel_scope)
                ended.append(await reload.wait(Phase.EXITED))
                nursery.cancel_scope.cancel()
        if ended and ended[0].exit_code == 0 and ended[0].error is None:
            return None
        if ended:
            return f"its command failed: {describe(ended[0])}; see {name}.log"
        if deadline.cancelled_caught:
            return f"its command did not end within {RELOAD_SECONDS:g} s and was killed; see {name}.log"
        return "the service ended meanwhile"

    async def _spec(self, run: Run, log_name: str, command: tuple[str, ...]) -> ProcessSpec:
        record = self._record
        variables = {**await environment(record), "HAMSTER_PID": str(run.status.pid)}
        spec = spec_of(record.settings, record.options, self._logs_dir, variables)
        return attrs.evolve(
            spec,
            argv=command,
            log_path=os.fspath(self._logs_dir / log_name),
            grace=GRACE,
            stdin="null",
            notify=False,
            watchdog=None,
            rotation=OUTPUT,
        )

    async def _remains(self, name: str) -> None:
        before = self._keeper.runs.get(name)
        if before is not None:
            before.kill()
            with trio.move_on_after(REMAINS_SECONDS):
                await before.wait(Phase.EMPTY)

    def _ended(self, number: int, by: Cause, how: str, problem: str | None) -> None:
        record = self._record
        service, now = record.settings.id, datetime.now(UTC)
        detail = problem or how
        if by.detail:
            detail = f"{detail} ({by.reason}: {by.detail})"
        level = logging.INFO if problem is None else logging.WARNING
        log.log(level, "service.reload_ended service=%s number=%d by=%s how=%r", service, number, by.reason, detail)
        new = "told" if problem is None else "not told"
        pid = record.view.pid
        record.board.publish(Happened(service, now, "configured", None, new, "reload", detail, pid))
        if problem is None:
            record.board.tell("config_changed", service)
        else:
            record.board.tell("error", service, Failure("reload", f"not told to reload: {problem}", now))
        record.board.publish(ReloadEnded(service, number, problem))


def _ignored(_: Run) -> None:
    """What is waited for needs no telling."""
