"""The `process` kind: any command, kept running through the keeper."""

import logging
import os
import signal
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import attrs
import trio

from actors.runtime import CORRELATION, Actor, Backoff, Message, Timer
from actors.services.keeper import InvalidSpec, Keeper, KeeperClosed, Phase, ProcessSpec, Run, RunStatus
from actors.services.messages import Accepted, Configured, Failure, State, Wanted
from actors.services.record import ServiceRecord
from actors.services.reload import effect_of, starts_anew
from actors.services.rules import Action, Event, judge, transition, wanted_after
from actors.settings import ProcessOptions, ServiceSettings

log = logging.getLogger("actors.services")

SETTLED = frozenset({State.RUNNING, State.STOPPED, State.EXITED, State.FATAL})
"""Where a command has come to its end."""


LOST = ("holder lost", "keeper lost")
"""What `RunStatus.error` says of a run that was killed with what watched it: our failure, not the service's."""


@attrs.frozen
class _LookAtRun(Message["ProcessService", None]):
    """The run has news; also sent by timers, whose tick it does not need."""

    async def deliver(self, to: "ProcessService") -> None:
        await to.look()


class ProcessService(Actor):
    """Keeps one command as it is wanted.

    All that must outlive a crash of this actor is in its record: a new incarnation takes over the run where it is.
    What the keeper reports is looked at, never counted: a report that found the mailbox full is seen with the next
    message.
    """

    def __init__(self, record: ServiceRecord, keeper: Keeper, logs_dir: Path, random: Random) -> None:
        self._record = record
        self._keeper = keeper
        self._logs_dir = logs_dir
        self._random = random
        self._alarm: Timer | None = None
        self._backoff = backoff_of(record.options)

    async def on_start(self) -> None:
        self._resume()
        if self._record.shutting_down:
            await self.shut_down()
        self._set_alarm()
        self.context.tell(_LookAtRun())

    def _resume(self) -> None:
        """Begin anew what an earlier incarnation may have died in the middle of."""
        record = self._record
        match record.view.state:
            case State.STARTING if record.run_ended:
                record.spawn_waits = True
            case State.STOPPING:
                record.end_run()
            case State.BACKOFF if record.due_at is None:
                record.due_at = trio.current_time()
            case _:
                pass  # the run, or its end, is there to be looked at

    # -- commands

    async def start(self) -> Accepted:
        return await self._command(Event.START)

    async def stop(self) -> Accepted:
        return await self._command(Event.STOP)

    async def restart(self) -> Accepted:
        return await self._command(Event.RESTART)

    async def configure(self, settings: ServiceSettings) -> Configured:
        await self.look()
        record = self._record
        options = settings.process
        assert options is not None  # noqa: S101 - another kind would be another service
        effect = effect_of(record.settings, settings)
        record.configure(settings, options)
        self._backoff = backoff_of(options)
        anew = starts_anew(effect, record.view) and not record.shutting_down
        if anew:
            record.caused_by = CORRELATION.get()
            record.commanded_restart = record.view.state in (State.STARTING, State.RUNNING)
            record.failures.clear()
            record.attempts = 0
            await self._happen(Event.RESTART)
        await self.look()  # by the new settings: what it waits for may be there already
        return Configured(restarted=anew)

    async def shut_down(self) -> None:
        self._record.shutting_down = True
        await self._happen(Event.STOP)  # before any look, which might start what is due
        await self.look()

    async def _command(self, event: Event) -> Accepted:
        await self.look()
        record = self._record
        before = record.view
        if event is not Event.STOP and record.shutting_down:
            return Accepted(before, changed=False)
        wanted = wanted_after(before.wanted, event)
        if (transition(before.state, event).state, wanted) != (before.state, before.wanted):
            record.caused_by = CORRELATION.get()
            record.commanded_restart = event is Event.RESTART and before.state in (State.STARTING, State.RUNNING)
            if event is not Event.STOP:
                record.failures.clear()
                record.attempts = 0
        await self._happen(event, wanted=wanted)
        await self.look()
        after = record.view
        return Accepted(after, changed=(after.state, after.wanted) != (before.state, before.wanted))

    # -- what happens

    async def look(self) -> None:
        """Deal with whatever the run and the timers have come to since the last look."""
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
            if not record.run_ended:
                await self._look_at_run(run)
        if record.due_at is not None and trio.current_time() >= record.due_at:
            record.due_at = None
            await self._happen(Event.DUE)
        if record.spawn_waits and record.gone:
            record.spawn_waits = False
            await self._spawn()
        if record.view.state is State.STOPPING and record.gone:
            up = record.view.wanted is Wanted.UP and not record.shutting_down
            await self._happen(Event.GONE_WANTED if up else Event.GONE)
        self._set_alarm()

    async def _look_at_run(self, run: Run) -> None:
        record, status = self._record, run.status
        over = status.phase in (Phase.EXITED, Phase.EMPTY)
        if status.started_at is not None:
            record.change(
                pid=status.pid,
                running_since=record.view.running_since or datetime.now(UTC),
                running_since_clock=status.started_at,
            )
            # Judged by when it ended: this look may be late.
            if lived(status, record.options.start_seconds, trio.current_time()):
                await self._came_up()
        if over:
            await self._ended(status, pid=None, running_since=None, running_since_clock=None)
            # Only now: had the lines above crashed, the next incarnation would find the end still to be dealt with.
            record.run_ended = True

    async def _came_up(self) -> None:
        record = self._record
        if record.view.state is not State.STARTING:
            return
        await self._happen(Event.UP)
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
        state = record.view.state
        if state not in (State.STARTING, State.RUNNING):
            record.change(**also)
            return  # it was told to end
        verdict = judge(record.options, exit_code=status.exit_code, started=state is State.RUNNING)
        counted = verdict.failure and not ours and status.error not in LOST
        event = verdict.event(too_often=counted and not record.failures.allow(now))
        failure = _failure(status) if verdict.failure else None
        if failure is not None:
            also["last_failure"] = record.up_after_failure = failure
        if lived(status, record.options.healthy_seconds, now):
            record.attempts = 0
        level = logging.INFO if failure is None else logging.WARNING
        log.log(level, "service.exited service=%s how=%r next=%s", record.settings.id, describe(status), event.value)
        await self._happen(event, **also)
        if failure is not None:
            record.board.tell("error", record.settings.id, failure)
        elif not verdict.again:
            record.board.tell("stopped", record.settings.id)

    async def _happen(self, event: Event, **also: object) -> None:
        """Take the transition that *event* leads to; *also* changes in the view with the state, in one step."""
        record = self._record
        old = record.view.state
        following = transition(old, event)
        if following.state is not old:
            to, service = following.state.value, record.settings.id
            log.info("service.%s service=%s was=%s by=%s", to, service, old.value, event.value)
            also |= {"state": following.state, "next_restart_at": None}
        if following.action is Action.DELAY:
            also["next_restart_at"] = datetime.now(UTC) + timedelta(seconds=self._delay())
        if event is Event.DUE and following.action is Action.SPAWN:
            also["restarts"] = record.view.restarts + 1
        record.change(**also)
        if following.action is Action.SPAWN:
            await self._spawn_when_gone()
        elif following.action is Action.END:
            self._end()
        if following.state is State.STOPPED and old is not State.STOPPED:
            record.board.tell("stopped", record.settings.id)
        if record.view.state in SETTLED:
            record.caused_by = None

    # -- actions

    async def _spawn_when_gone(self) -> None:
        self._record.due_at = None
        if self._record.gone:
            await self._spawn()
        else:
            self._record.spawn_waits = True

    async def _spawn(self) -> None:
        record = self._record
        service = record.settings.id
        try:
            # The task that follows the run outlives what caused it, and keeps the context it was started with.
            token = CORRELATION.set(None)
            try:
                run = await self._keeper.start(service, self._spec(), self._run_changed)
            finally:
                CORRELATION.reset(token)
        except (InvalidSpec, KeeperClosed, OSError) as error:
            # No process, no run: the same as a command that could not be executed. `KeeperUnavailable`, an OSError
            # like any other here, is no fault of the service.
            log.error("service.spawn_failed service=%s error=%s", service, error)
            await self._ended(RunStatus(Phase.EMPTY, error=str(error)), ours=not isinstance(error, InvalidSpec))
            return
        if record.run is not None:
            record.lost_output_before += record.run.status.lost_output_bytes
        record.run, record.run_ended = run, False
        self.context.tell(_LookAtRun())  # the first news may have come before this line

    def _delay(self) -> float:
        """Start the delay before the next run; its length in seconds."""
        record = self._record
        delay = self._backoff.delay(record.attempts, self._random)
        record.attempts += 1
        record.due_at = trio.current_time() + delay
        return delay

    def _end(self) -> None:
        record = self._record
        record.due_at = None
        record.spawn_waits = False
        record.up_after_failure = None
        record.end_run()

    def _set_alarm(self) -> None:
        """Be woken when the delay is over, or when the run has been alive for long enough."""
        record = self._record
        due = record.due_at
        started_at = None if record.run is None else record.run.status.started_at
        if record.view.state is State.STARTING and not record.run_ended and started_at is not None:
            due = started_at + record.options.start_seconds
        if self._alarm is not None:
            if self._alarm.active and self._alarm.due == due:
                return
            self._alarm.cancel()
        self._alarm = None if due is None else self.context.at(due, lambda _: _LookAtRun())

    def _run_changed(self, run: Run) -> None:
        """Called by the keeper's client; never waits. With a full mailbox the next message looks."""
        self.context.tell(_LookAtRun())

    def _spec(self) -> ProcessSpec:
        options, service = self._record.options, self._record.settings.id
        return ProcessSpec(
            argv=options.command,
            env=environment(os.environ, self._record.settings, options),
            cwd=options.cwd,
            log_path=str(self._logs_dir / f"{service}.log"),
            grace=options.stop_grace,
        )


async def end_unattended(record: ServiceRecord) -> None:
    """Stop a service whose actor does not take messages, for good; returns once nothing of it is left."""
    record.due_at, record.spawn_waits = None, False
    record.end_run()
    if record.run is not None:
        await record.run.wait(Phase.EMPTY)
    record.run_ended = True
    if record.view.state is not State.STOPPED:
        record.change(state=State.STOPPED, pid=None, running_since=None, running_since_clock=None, next_restart_at=None)
        record.board.tell("stopped", record.settings.id)


def environment(ours: Mapping[str, str], settings: ServiceSettings, options: ProcessOptions) -> dict[str, str]:
    """The whole environment of a service: ours, who it is, and what its settings add."""
    own = {"HAMSTER_SERVICE": settings.id}
    if settings.instance is not None:
        own |= {"HAMSTER_INSTANCE": str(settings.instance), "HAMSTER_INSTANCES": str(options.instances)}
    return {**ours, **own, **options.env}


def backoff_of(options: ProcessOptions) -> Backoff:
    """How long the waits before its restarts are."""
    return Backoff(options.backoff_initial, options.backoff_max, at_once=0, reset_after=options.healthy_seconds)


def lived(status: RunStatus, seconds: float, now: float) -> bool:
    """Whether a run was executed and has been alive for *seconds*, or was when it ended. *now* is Trio's clock."""
    if status.started_at is None:
        return False
    seen_at = now if status.exited_at is None else status.exited_at
    return seen_at >= status.started_at + seconds


def describe(status: RunStatus) -> str:
    """How a run ended, in English."""
    if status.error is not None:
        return status.error
    if status.signal is not None:
        return f"killed by {_signal_name(status.signal)}"
    return f"exit code {status.exit_code}"


def _failure(status: RunStatus) -> Failure:
    now = datetime.now(UTC)
    if status.signal is not None:
        name = _signal_name(status.signal)
        return Failure("signal", describe(status), now, signal=name)
    if status.exit_code is not None:
        return Failure("exit", describe(status), now, exit_code=status.exit_code)
    reason = "lost" if status.error in LOST else "spawn"
    return Failure(reason, describe(status), now)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # real-time signals between the named ones
