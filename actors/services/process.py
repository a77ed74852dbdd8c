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

from actors.runtime import Actor, Backoff, Message
from actors.services.keeper import Keeper, KeeperClosed, KeeperUnavailable, Phase, ProcessSpec, Run, RunStatus
from actors.services.messages import Accepted, Failure, State, Wanted
from actors.services.record import ServiceRecord
from actors.services.rules import Action, Event, judge, transition, wanted_after

log = logging.getLogger("actors.services")


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
        self._shutting_down = False
        options = record.options
        self._backoff = Backoff(
            options.backoff_initial, options.backoff_max, at_once=0, reset_after=options.healthy_seconds
        )

    async def on_start(self) -> None:
        # After a crash of this actor: timers are gone, the run is not.
        self._arm_timers()
        self.context.tell(_LookAtRun())

    # -- commands

    async def start(self) -> Accepted:
        return await self._command(Event.START)

    async def stop(self) -> Accepted:
        return await self._command(Event.STOP)

    async def restart(self) -> Accepted:
        return await self._command(Event.RESTART)

    async def shut_down(self) -> None:
        self._shutting_down = True
        wanted = self._record.view.wanted
        await self._command(Event.STOP)
        self._record.change(wanted=wanted)

    async def _command(self, event: Event) -> Accepted:
        await self.look()
        record = self._record
        before = record.view
        if event is not Event.STOP:
            if self._shutting_down:
                return Accepted(before, changed=False)
            record.failures.clear()
            record.attempts = 0
        record.commanded_restart = event is Event.RESTART and before.state in (State.STARTING, State.RUNNING)
        record.change(wanted=wanted_after(before.wanted, event))
        await self._happen(event)
        await self.look()
        after = record.view
        return Accepted(after, changed=(after.state, after.wanted) != (before.state, before.wanted))

    # -- what happens

    async def look(self) -> None:
        """Deal with whatever the run and the timers have come to since the last look."""
        record = self._record
        run = record.run
        if run is not None:
            record.change(lost_output_bytes=record.lost_output_before + run.status.lost_output_bytes)
            if not record.run_ended:
                await self._look_at_run(run)
        if record.due_at is not None and trio.current_time() >= record.due_at:
            record.due_at = None
            await self._happen(Event.DUE)
        if record.spawn_waits and self._gone():
            record.spawn_waits = False
            await self._spawn()
        if record.view.state is State.STOPPING and self._gone():
            up = record.view.wanted is Wanted.UP and not self._shutting_down
            await self._happen(Event.GONE_WANTED if up else Event.GONE)

    async def _look_at_run(self, run: Run) -> None:
        record, status = self._record, run.status
        if status.phase is Phase.RUNNING:
            record.change(
                pid=status.pid,
                running_since=record.view.running_since or datetime.now(UTC),
                running_since_clock=status.started_at,
            )
            if trio.current_time() >= (status.started_at or 0.0) + record.options.start_seconds:
                await self._came_up()
            else:
                self._arm_timers()
        elif status.phase in (Phase.EXITED, Phase.EMPTY):
            record.run_ended = True
            await self._ended(status, pid=None, running_since=None, running_since_clock=None)

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

    async def _ended(self, status: RunStatus, **also: object) -> None:
        """Deal with the end of a run; *also* changes in the view with it."""
        record, now = self._record, trio.current_time()
        state = record.view.state
        if state not in (State.STARTING, State.RUNNING):
            record.change(**also)
            return  # it was told to end
        verdict = judge(record.options, exit_code=status.exit_code, started=state is State.RUNNING)
        failure = _failure(status) if verdict.failure else None
        if status.started_at is not None and now - status.started_at >= record.options.healthy_seconds:
            record.attempts = 0
        event = Event.AGAIN if verdict.again else Event.DONE
        if failure is not None:
            also["last_failure"] = record.up_after_failure = failure
            if verdict.again and not record.failures.allow(now):
                event = Event.GIVE_UP
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

    # -- actions

    async def _spawn_when_gone(self) -> None:
        self._record.due_at = None
        if self._gone():
            await self._spawn()
        else:
            self._record.spawn_waits = True

    async def _spawn(self) -> None:
        record = self._record
        service = record.settings.id
        try:
            run = await self._keeper.start(service, self._spec(), self._run_changed)
        except (KeeperUnavailable, KeeperClosed, OSError) as error:
            # No process, no run: the same as a command that could not be executed.
            log.error("service.spawn_failed service=%s error=%s", service, error)
            await self._ended(RunStatus(Phase.EMPTY, error=str(error)))
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
        self._arm_timers()
        return delay

    def _end(self) -> None:
        record, options = self._record, self._record.options
        record.due_at = None
        record.spawn_waits = False
        record.up_after_failure = None
        if record.run is not None and not self._gone():
            record.run.stop(signal=signal.Signals[options.stop_signal], grace=options.stop_grace)

    def _gone(self) -> bool:
        """Nothing of the last run is left."""
        return self._record.run is None or self._record.run.status.phase is Phase.EMPTY

    def _arm_timers(self) -> None:
        record = self._record
        if record.due_at is not None:
            self.context.at(record.due_at, lambda _: _LookAtRun())
        run = record.run
        if run is not None and run.status.started_at is not None and record.view.state is State.STARTING:
            self.context.at(run.status.started_at + record.options.start_seconds, lambda _: _LookAtRun())

    def _run_changed(self, run: Run) -> None:
        """Called by the keeper's client; never waits. With a full mailbox the next message looks."""
        self.context.tell(_LookAtRun())

    def _spec(self) -> ProcessSpec:
        options, service = self._record.options, self._record.settings.id
        return ProcessSpec(
            argv=options.command,
            env=environment(os.environ, options.env, service),
            cwd=options.cwd,
            log_path=str(self._logs_dir / f"{service}.log"),
            grace=options.stop_grace,
        )


def environment(ours: Mapping[str, str], added: Mapping[str, str], service: str) -> dict[str, str]:
    """The whole environment of a service: ours, its own id, and what its settings add."""
    return {**ours, "HAMSTER_SERVICE": service, **added}


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
    reason = "lost" if status.error in ("holder lost", "keeper lost") else "spawn"
    return Failure(reason, describe(status), now)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # real-time signals between the named ones
