"""The `process` kind: any command, kept running through the keeper."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import attrs
import trio

from actors.runtime import CORRELATION, Actor, Message
from actors.services.attendance import Attendance
from actors.services.causes import COMMAND, SHUTDOWN, Cause
from actors.services.delays import begin_delay, begin_rest
from actors.services.dependencies import Outlook
from actors.services.input import send
from actors.services.keeper import InvalidSpec, Keeper, KeeperClosed, Phase, Run, RunStatus
from actors.services.launching import ITS_OWN, launch
from actors.services.messages import (
    Accepted,
    Configured,
    Failure,
    InputTaken,
    NoInput,
    ReloadTaken,
    ServiceNotRunning,
    State,
    Wanted,
)
from actors.services.record import ALIVE, NO_RUN, ServiceRecord
from actors.services.reload import effect_of, starts_anew
from actors.services.reloading import Reloads
from actors.services.rules import Action, Event, judge, transition, wanted_after
from actors.services.run_report import cause_of_end, describe, failure_of, is_ours, lived
from actors.services.schedule import UNDER_WAY
from actors.services.schedule_times import Timetable
from actors.services.scheduling import due_command, keep_schedule, next_look
from actors.services.telling import alarm_of_fatal, alarm_of_log
from actors.services.waiting import Alarm, Dependencies
from actors.services.watched_files import WatchedFiles
from actors.services.watching import dismissal, note_health, note_start
from actors.settings import ServiceSettings

log = logging.getLogger("actors.services")

SETTLED = frozenset({State.RUNNING, State.STOPPED, State.EXITED, State.FATAL})
"""Where a command has come to its end."""


class _LookAtRun(Message["ProcessService", None]):
    """The run has news; also sent by timers, whose tick it does not need."""

    async def deliver(self, to: "ProcessService") -> None:
        await to.look()


@attrs.frozen
class _FilesChanged(Message["ProcessService", None]):
    """Files that it watches have changed, and come to rest."""

    what: str

    async def deliver(self, to: "ProcessService") -> None:
        await to.files_changed(self.what)


class ProcessService(Actor):
    """Keeps one command as it is wanted.

    All that must outlive a crash of this actor is in its record: a new incarnation takes over the run where it is.
    What the keeper, the probes and the board report is looked at, never counted: a report that found the mailbox full
    is seen with the next message.

    Args:
        record: What is remembered of the service.
        keeper: Holds its processes.
        logs_dir: Where its log is.
        random: For the jitter of delays.
        start_other: Has another service started; it must not wait.
        timetable: What its schedule is made with, if it is a job.
    """

    def __init__(
        self,
        record: ServiceRecord,
        keeper: Keeper,
        logs_dir: Path,
        random: Random,
        start_other: Callable[[str, Cause], object],
        timetable: Timetable,
    ) -> None:
        self._record = record
        self._keeper = keeper
        self._logs_dir = logs_dir
        self._random = random
        self._depends = Dependencies(record, start_other, self._dependency_changed)
        self._alarm = Alarm(lambda due: self.context.at(due, lambda _: _LookAtRun()))
        self._timetable = timetable
        self._attendance: Attendance | None = None

    async def on_start(self) -> None:
        self._files = WatchedFiles(self._record, self.context, lambda what: self.context.tell(_FilesChanged(what)))
        self._reloads = Reloads(self._record, self.context, self._keeper, self._logs_dir)
        keep_schedule(self._record, self._timetable)
        self._depends.follow()
        self._resume()
        if self._record.shutting_down:
            await self.shut_down()
        self._set_alarm()
        self.context.tell(_LookAtRun())

    async def on_stop(self) -> None:
        self._depends.unfollow()

    def _resume(self) -> None:
        """Begin anew what an earlier incarnation may have died in the middle of."""
        record = self._record
        if record.dismissed is not None and not record.run_ended:
            record.end_run()
        match record.view.state:
            case State.STARTING if record.run_ended:
                record.spawn_waits = True
            case State.STOPPING:
                record.end_run()
            case State.BACKOFF if record.due_at is None:
                record.due_at = trio.current_time()
            case State.FATAL if record.due_at is None and not record.missing:
                begin_rest(record)
            case _:
                pass  # the run, or its end, is there to be looked at

    # -- commands

    async def begin(self, by: Cause) -> Accepted:
        """Have it as it should be when we start; a job only has its schedule turned on."""
        record, before = self._record, self._record.view
        if record.schedule is None:
            return await self.command(Event.START, by)
        if not record.shutting_down:
            record.schedule.resume()
            record.change(by, wanted=Wanted.UP)
        await self.look()
        return Accepted(record.view, changed=before.wanted is not record.view.wanted)

    async def start(self, by: Cause) -> Accepted:
        return await self.command(Event.START, by)

    async def stop(self) -> Accepted:
        return await self.command(Event.STOP)

    async def restart(self, by: Cause) -> Accepted:
        return await self.command(Event.RESTART, by)

    async def reload(self) -> ReloadTaken:
        await self.look()
        return self._reloads.take(COMMAND)

    async def send_input(self, data: bytes, *, end: bool) -> InputTaken:
        await self.look()
        record = self._record
        if record.options.stdin != "pipe":
            raise NoInput(record.settings.id)
        if not record.lives or record.run is None:
            raise ServiceNotRunning(record.settings.id, record.view.state)
        return send(record.settings.id, record.run, data, end=end)

    async def files_changed(self, what: str) -> None:
        """Restart or reload it for its changed files, if it is up."""
        record = self._record
        watch = record.options.watch
        if watch is None or record.view.state not in UNDER_WAY:
            return
        log.info("service.files_changed service=%s files=%r next=%s", record.settings.id, what, watch.action)
        cause = Cause("watch", what)
        if watch.action == "restart":
            await self.command(Event.RESTART, cause)
        elif record.lives:  # else it reads them at its next start
            self._reloads.take(cause)

    async def configure(self, settings: ServiceSettings) -> Configured:
        await self.look()
        record = self._record
        options = settings.process
        assert options is not None  # noqa: S101 - another kind would be another service
        effect = effect_of(record.settings, settings)
        record.configure(settings, options)
        keep_schedule(record, self._timetable)
        self._depends.follow()
        anew = starts_anew(effect, record.view) and not record.shutting_down
        if anew:
            self._begin_command(Event.RESTART)
            await self._happen(Event.RESTART, Cause("reload", "its configuration is another one"))
        await self.look()  # by the new settings: what it waits for may be there already
        return Configured(restarted=anew)

    async def shut_down(self) -> None:
        self._record.shutting_down = True
        await self._happen(Event.STOP, SHUTDOWN)  # before any look, which might start what is due
        await self.look()

    async def command(self, event: Event, by: Cause = COMMAND) -> Accepted:
        """Carry out a command.

        Args:
            event: `START`, `STOP` or `RESTART`.
            by: Who gave it, and why.
        """
        await self.look()
        record = self._record
        before = record.view
        if event is not Event.STOP and record.shutting_down:
            return Accepted(before, changed=False)
        wanted = wanted_after(before.wanted, event)
        if (transition(before.state, event).state, wanted) != (before.state, before.wanted):
            self._begin_command(event)
        if event is not Event.STOP and (event is Event.RESTART or before.state not in ALIVE or record.spawn_waits):
            self._depends.bring()
        cause = attrs.evolve(by, reason=event.value, by=by.reason) if by == COMMAND else by
        await self._happen(event, cause, wanted=wanted)
        await self.look()
        after = record.view
        return Accepted(after, changed=(after.state, after.wanted) != (before.state, before.wanted))

    def _begin_command(self, event: Event) -> None:
        """What follows is its consequence; who is to run is forgiven its failures."""
        record = self._record
        record.caused_by = CORRELATION.get()
        record.commanded_restart = event is Event.RESTART and record.view.state in ALIVE
        if event is not Event.STOP:
            record.failures.clear()
            record.attempts = 0
            record.last_chance = False

    # -- what happens

    async def look(self) -> None:
        """Deal with whatever the run, its probes, its dependencies and the timers have come to since the last look."""
        # Until a command has come to its end, what happens is its consequence.
        token = CORRELATION.set(CORRELATION.get() or self._record.caused_by)
        try:
            await self._look()
        finally:
            CORRELATION.reset(token)

    async def _look(self) -> None:
        record = self._record
        run = record.run
        if run is not None:
            record.change(lost_output_bytes=record.lost_output_before + run.status.lost_output_bytes)
            alarm_of_log(record)
            if not record.run_ended:
                await self._look_at_run(run)
        if record.due_at is not None and trio.current_time() >= record.due_at:
            record.due_at = None
            await self._happen(Event.DUE)
        if record.missing and record.view.state is State.FATAL:
            await self._look_for_dependencies()
        if record.spawn_waits:
            await self._spawn_when_it_can()
        if record.view.state is State.STOPPING and record.gone:
            up = record.view.wanted is Wanted.UP and not record.shutting_down
            event = Event.GONE_WANTED if up else Event.GONE
            await self._happen(event, cause_of_end(event.value, None if record.run is None else record.run.status))
        commanded = due_command(record)
        if commanded is not None:
            await self.command(*commanded)
        self._attend()
        self._files.tend()
        self._set_alarm()

    async def _look_at_run(self, run: Run) -> None:
        record, status, now = self._record, run.status, trio.current_time()
        note_start(record)
        note_health(record, now)
        # Judged by when it ended: this look may be late.
        if record.dismissed is None and record.is_ready and lived(status, record.options.start_seconds, now):
            await self._came_up()
        if status.phase in (Phase.EXITED, Phase.EMPTY):
            await self._ended(status, **NO_RUN)
            # Only now: had the lines above crashed, the next incarnation would find the end still to be dealt with.
            record.run_ended = True
        elif (failure := dismissal(record, now)) is not None:
            self._dismiss(failure)

    def _dismiss(self, failure: Failure) -> None:
        """End a run that does not do its work: a failure, though nobody commanded an end."""
        record = self._record
        record.dismissed = failure
        service, reason, detail = record.settings.id, failure.reason, failure.detail
        log.warning("service.dismissed service=%s reason=%s detail=%r", service, reason, detail)
        record.end_run()

    async def _came_up(self) -> None:
        record = self._record
        if record.view.state is not State.STARTING:
            return
        await self._happen(Event.UP, ready_at=record.view.ready_at or datetime.now(UTC))
        if record.up_after_failure is not None:
            record.board.tell("recovered", record.settings.id, record.up_after_failure)
        elif record.commanded_restart:
            record.board.tell("restarted", record.settings.id)
        else:
            record.board.tell("started", record.settings.id)
        record.up_after_failure = None
        record.commanded_restart = False

    async def _ended(self, status: RunStatus, *, ours: bool = False, **also: object) -> None:
        """Deal with the end of a run.

        Args:
            status: How it ended.
            ours: It failed by what we are, not by what it is: tried again without end.
            also: Changes in the view with it.
        """
        record, now = self._record, trio.current_time()
        state, dismissed = record.view.state, record.dismissed
        if state not in ALIVE:
            record.change(cause_of_end("end", status), **also)
            return  # it was told to end
        exit_code = None if dismissed is not None else status.exit_code
        verdict = judge(record.options, exit_code=exit_code, started=state is State.RUNNING)
        if lived(status, record.options.healthy_seconds, now):
            record.attempts = 0
            record.last_chance = False
        counted = verdict.failure and not ours and (dismissed is not None or not is_ours(status))
        event = verdict.event(too_often=counted and (not record.failures.allow(now) or record.last_chance))
        failure = (dismissed or failure_of(status)) if verdict.failure else None
        if failure is not None:
            also["last_failure"] = record.up_after_failure = failure
        level = logging.INFO if failure is None else logging.WARNING
        log.log(level, "service.exited service=%s how=%r next=%s", record.settings.id, describe(status), event.value)
        await self._happen(event, cause_of_end(event.value, status, dismissed), **also)
        if failure is not None:
            record.board.tell("error", record.settings.id, failure)
        elif not verdict.again:
            record.board.tell("stopped", record.settings.id)

    async def _happen(self, event: Event, cause: Cause | None = None, **also: object) -> None:
        """Take the transition that *event* leads to.

        Args:
            event: What happened.
            cause: What its history says of it; the event alone, unless given.
            also: What else changes in the view, in one step with the state.
        """
        record = self._record
        old = record.view.state
        following = transition(old, event)
        if following.state is not old:
            to, service = following.state.value, record.settings.id
            log.info("service.%s service=%s was=%s by=%s", to, service, old.value, event.value)
            also = {"waits_for": (), "next_restart_at": None, **also, "state": following.state}
        delay: float | None = None
        if following.action is Action.DELAY:
            delay = begin_delay(record, self._random)
        elif following.action is Action.REST:
            delay = begin_rest(record)
        if delay is not None:
            also["next_restart_at"] = datetime.now(UTC) + timedelta(seconds=delay)
        if event is Event.DUE and following.action is Action.SPAWN:
            also["restarts"] = record.view.restarts + 1
            record.last_chance = record.last_chance or old is State.FATAL
        record.change(cause or Cause(event.value), **also)
        alarm_of_fatal(record)
        if following.action is Action.SPAWN:
            record.due_at, record.missing, record.spawn_waits = None, False, True
            await self._spawn_when_it_can()
        elif following.action is Action.END:
            self._end()
        if following.state is State.STOPPED and old is not State.STOPPED:
            record.board.tell("stopped", record.settings.id)
        if record.view.state in SETTLED:
            record.caused_by = None

    # -- actions

    async def _spawn_when_it_can(self) -> None:
        record = self._record
        if not record.gone:
            return
        ahead = self._depends.ahead()
        if ahead.missed is not None:
            await self._missed(ahead, ahead.missed)
            return
        if ahead.waits_for and ahead.waits_for != record.view.waits_for:
            log.info("service.waits service=%s for=%s", record.settings.id, ",".join(ahead.waits_for))
        record.change(waits_for=ahead.waits_for)
        if not ahead.waits_for:
            record.spawn_waits = False
            await self._spawn()

    async def _spawn(self) -> None:
        record = self._record
        service = record.settings.id
        try:
            # The task that follows the run outlives what caused it, and keeps the context it was started with.
            token = CORRELATION.set(None)
            try:
                await launch(record, self._keeper, self._logs_dir, self._run_changed)
            finally:
                CORRELATION.reset(token)
        except (InvalidSpec, KeeperClosed, OSError) as error:
            # No process, no run: the same as a command that could not be executed. `KeeperUnavailable`, an OSError
            # like any other here, is no fault of the service.
            log.error("service.spawn_failed service=%s error=%s", service, error)
            record.dismissed = None
            await self._ended(RunStatus(Phase.EMPTY, error=str(error)), ours=not isinstance(error, ITS_OWN))
            return
        self.context.tell(_LookAtRun())  # the first news may have come before this line

    def _end(self) -> None:
        record = self._record
        record.due_at = None
        record.spawn_waits = record.brings = record.missing = False
        record.up_after_failure = None
        record.end_run()

    # -- what it depends on

    def _dependency_changed(self) -> None:
        if self._record.spawn_waits or self._record.missing:
            self.context.tell(_LookAtRun())

    async def _missed(self, ahead: Outlook, why: str) -> None:
        """Give up waiting, until all have come after all."""
        record = self._record
        failure = Failure("dependency", why, datetime.now(UTC))
        log.warning("service.dependency_missed service=%s why=%r", record.settings.id, why)
        record.spawn_waits, record.missing, record.brings = False, True, True
        record.up_after_failure = failure
        await self._happen(Event.MISSED, Cause("missed", why), last_failure=failure, waits_for=ahead.waits_for)
        record.board.tell("error", record.settings.id, failure)

    async def _look_for_dependencies(self) -> None:
        record = self._record
        ahead = self._depends.ahead(brings=True)
        record.change(waits_for=ahead.waits_for)
        if not ahead.waits_for:
            await self._happen(Event.CAME)

    # -- being woken

    def _attend(self) -> None:
        """Have the run looked after while it is to live, by one attendance."""
        record = self._record
        attended = record.attended if record.lives else None
        if self._attendance is not None and self._attendance.attended is not attended:
            self._attendance.end()
            self._attendance = None
        if attended is not None and attended.needs_attention and self._attendance is None:
            self._attendance = Attendance(attended, lambda: self.context.tell(_LookAtRun()))
            self.context.start_soon(self._attendance.attend, name=f"{self.context.path} attendance")
        if self._attendance is not None and record.view.state is State.RUNNING:
            self._attendance.came_up()

    def _set_alarm(self) -> None:
        """Be woken when the delay is over, when the run has lived for long enough, or when it must be ready."""
        times = (self._next_look_at(), next_look(self._record))
        self._alarm.set(min((at for at in times if at is not None), default=None))

    def _next_look_at(self) -> float | None:
        record = self._record
        if record.view.state is not State.STARTING or record.dismissed is not None or record.lived_at is None:
            return record.due_at
        return record.lived_at if record.is_ready else record.ready_by

    def _run_changed(self, run: Run) -> None:
        """Called by the keeper's client; never waits. With a full mailbox the next message looks."""
        self.context.tell(_LookAtRun())
