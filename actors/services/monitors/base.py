"""What all monitors have in common: they look, now and then, and say what has become of what they look at."""

import logging
from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar, TypeVar

import attrs
import trio

from actors.runtime import Actor, Message
from actors.services.causes import COMMAND, SHUTDOWN, Cause
from actors.services.checking import CheckAborted, LookTicket, NotRunning
from actors.services.messages import (
    Accepted,
    CannotReload,
    Configured,
    EventType,
    Failure,
    Health,
    InputTaken,
    NoInput,
    ReloadTaken,
    ServiceUnconfigured,
    State,
    Wanted,
)
from actors.services.monitors.record import NOT_RUNNING, MonitorRecord
from actors.services.monitors.surroundings import Surroundings
from actors.services.monitors.telling import failure_of, tell_down, tell_up, withdraw
from actors.services.monitors.words import level_of, sentence, word_of
from actors.services.probing import Judge, Look, Standing, Told, notice
from actors.services.waiting import Alarm, Dependencies
from actors.settings import CheckOptions, ServiceSettings

log = logging.getLogger("actors.services")

Options = TypeVar("Options")

RELOAD = Cause("reload")

FIRST_LOOK_SPREAD = 3.0
"""Seconds within which the first looks of monitors that are started together are spread: a hundred of them at once
would be a burst for us and for whoever is looked at. Short, because somebody may be watching."""

LOOK_MARGIN = 2.0
"""Seconds beyond its own deadline after which a look is cut off from outside."""


@attrs.frozen
class _Wake(Message["MonitorService", None]):
    """It is time, or a look is done; also sent by timers, whose tick it does not need."""

    def deliver(self, to: "MonitorService") -> None:
        to.wake()


class MonitorService(Actor):
    """Looks at something now and then, in a task beside its mailbox, one look at a time.

    What must outlive a crash of this actor is in its record: a new incarnation goes on with the next look. A kind of
    monitor says what a look is (`look`), without which key there is nothing to look at (`missing`), and, if it is not
    the interval, when to look next (`next_look_at`) and what else follows from a look (`looked`).
    """

    KEY: ClassVar[str] = ""
    """The key of its options without which there is nothing to look at."""

    RECORD: ClassVar[type[MonitorRecord]] = MonitorRecord
    """What is remembered of it beside the actor."""

    def __init__(self, record: MonitorRecord, surroundings: Surroundings) -> None:
        self.record = record
        self.surroundings = surroundings
        self._depends = Dependencies(record, surroundings.start_other, self._dependency_changed)
        self._alarm = Alarm(lambda due: self.context.at(due, lambda _: _Wake()))
        self._looking: trio.CancelScope | None = None
        self._found: tuple[float, Look] | None = None
        """A look that is done, and when it began."""
        self._writing = False
        self._again = False
        """Another look is wanted after the one that is on."""

    # -- what a kind says

    @abstractmethod
    async def look(self) -> Look:
        """Look once. Runs in a task beside the mailbox; an exception is a crash, not a finding."""

    def looked(self, look: Look) -> None:
        """Something else that follows from a look; called in the actor, after its standing has changed."""

    def judge(self) -> Judge:
        """How looks are judged: by the options that all checks have."""
        options = self.options_as(CheckOptions)
        return Judge(
            failures=options.failures,
            successes=options.successes,
            interval=options.interval,
            retry_interval=options.retry_interval,
            flap_changes=options.flap_changes,
            flap_window=options.flap_window,
        )

    def next_look_at(self, began: float) -> float:
        """When to look next, on Trio's clock, after the look that began at *began*."""
        return self.judge().next_at(self.record.standing, began, trio.current_time())

    def first_look_at(self) -> float:
        """When to look first, on Trio's clock."""
        spread = min(self.options_as(CheckOptions).interval, FIRST_LOOK_SPREAD)
        return trio.current_time() + self.surroundings.random.uniform(0.0, spread)

    def look_seconds(self) -> float:
        """How long a look takes at most, by its own deadline."""
        return self.options_as(CheckOptions).timeout

    @classmethod
    def missing(cls, settings: ServiceSettings) -> str | None:
        """The key that must be set before there is anything to look at; None when there is."""
        return cls.KEY if cls.KEY and getattr(settings.monitor, cls.KEY) is None else None

    def options_as(self, cls: type[Options]) -> Options:
        """The options of this monitor, which are of that class."""
        options = self.record.settings.monitor
        assert isinstance(options, cls)  # noqa: S101 - the settings have checked it
        return options

    def _require_something_to_look_at(self) -> None:
        settings = self.record.settings
        if (missing := self.missing(settings)) is not None:
            raise ServiceUnconfigured(settings.id, settings.kind, missing)

    # -- its life

    async def on_start(self) -> None:
        record = self.record
        self._depends.follow()
        if record.shutting_down:
            self.shut_down()
        elif record.view.state is State.STARTING:
            self.context.tell(_Wake())  # what it waits for may have come meanwhile
        elif record.view.state is State.RUNNING:
            # An earlier incarnation died, perhaps in a look: that one is not known, and the next is when it was due.
            record.next_at = self.first_look_at() if record.next_at is None else record.next_at
            self.say(logging.WARNING, "monitor.resumed")
        self._set_alarm()
        self._write_journal()

    async def on_stop(self) -> None:
        self._depends.unfollow()
        self._answer(CheckAborted(self.record.settings.id))
        await self.record.journal.write()

    # -- commands

    def begin(self, by: Cause) -> Accepted:
        return self.start(by)

    def start(self, by: Cause) -> Accepted:
        record = self.record
        self._require_something_to_look_at()
        before = record.view.state
        if record.shutting_down or before is State.RUNNING:
            return Accepted(record.view, changed=False)
        self._begin("started", by, brings=True)
        return Accepted(record.view, changed=record.view.state is not before)

    def stop(self) -> Accepted:
        record = self.record
        if record.view.state is State.STOPPED and record.view.wanted is Wanted.DOWN:
            return Accepted(record.view, changed=False)
        self._end(COMMAND, wanted=Wanted.DOWN)
        return Accepted(record.view, changed=True)

    def restart(self, by: Cause) -> Accepted:
        record = self.record
        self._require_something_to_look_at()
        if record.shutting_down:
            return Accepted(record.view, changed=False)
        was_running = record.view.state is State.RUNNING
        if was_running:
            self._forget(by)
        self._begin("restarted" if was_running else "started", by, brings=True)
        return Accepted(record.view, changed=True)

    def reload(self) -> ReloadTaken:
        raise CannotReload(self.record.settings.id)

    def send_input(self, data: bytes, *, end: bool) -> InputTaken:
        raise NoInput(self.record.settings.id)

    def shut_down(self) -> None:
        self.record.shutting_down = True
        if self.record.view.state is not State.STOPPED:
            self._end(SHUTDOWN)

    def check(self, *, force: bool) -> LookTicket:
        """Look now, or wait for the look that is on; with *force* for another one after that.

        Raises:
            NotRunning: It is stopped.
        """
        record = self.record
        if record.view.state is not State.RUNNING:
            raise NotRunning(record.settings.id)
        if record.ticket is None:
            record.ticket = LookTicket(record.settings.id)
        record.ticket.force = record.ticket.force or force
        on = self._looking is not None or self._found is not None
        self._again = self._again or (force and on)
        ticket = record.ticket  # the look might be done before this is through
        self._begin_look()
        return ticket

    def configure(self, settings: ServiceSettings) -> Configured:
        record = self.record
        before, record.settings = record.settings, settings
        self._depends.follow()
        record.journal.options = settings.log
        missing = self.missing(settings)
        record.change(RELOAD, settings=settings, available=missing is None)
        running, wanted = record.view.state is State.RUNNING, record.view.wanted is Wanted.UP
        if record.view.state is not State.STOPPED and missing is not None:
            self._end(attrs.evolve(RELOAD, detail=f"{missing} is not set any more"))
        elif running and before.monitor != settings.monitor:
            self._forget(RELOAD)  # what was found was found by other rules, or somewhere else
            record.next_at = self.first_look_at()
            self.say(logging.INFO, "monitor.configured")
            self._set_alarm()
        elif wanted and not running and missing is None and not record.shutting_down:
            self._begin("started", RELOAD, brings=False)
        return Configured(restarted=False)

    # -- what it depends on

    def _dependency_changed(self) -> None:
        if self.record.view.state is State.STARTING:
            self.context.tell(_Wake())

    def _begin(self, event: EventType, by: Cause, *, brings: bool) -> None:
        """Have it look as soon as all that it depends on is there; *brings*: have that started, too."""
        self.record.brings = brings
        if brings:
            self._depends.bring()
        self._begin_when_it_can(event, by)

    def _begin_when_it_can(self, event: EventType, by: Cause) -> None:
        record = self.record
        ahead = self._depends.ahead()
        if not ahead.waits_for:
            self._begin_to_look(event, by)
        elif ahead.waits_for != record.view.waits_for or record.view.state is not State.STARTING:
            # However long that takes: to give up would be a second alarm about what is down already.
            others = ",".join(ahead.waits_for)
            log.info("service.waits service=%s for=%s", record.settings.id, others)
            self.say(logging.INFO, "monitor.waits", {"for": others})
            record.next_at = None
            record.change(by, **NOT_RUNNING, state=State.STARTING, wanted=Wanted.UP, waits_for=ahead.waits_for)

    def _begin_to_look(self, event: EventType, by: Cause) -> None:
        record = self.record
        log.info("service.running service=%s was=%s by=%s", record.settings.id, record.view.state.value, by.reason)
        record.next_at = self.first_look_at()
        record.change(
            by,
            state=State.RUNNING,
            wanted=Wanted.UP,
            waits_for=(),
            running_since=datetime.now(UTC),
            running_since_clock=trio.current_time(),
        )
        record.board.tell(event, record.settings.id)
        self.say(logging.INFO, f"monitor.{event}")
        self._set_alarm()

    def _end(self, by: Cause, **also: object) -> None:
        record = self.record
        was = record.view.state
        self._forget(by)
        record.next_at = None
        record.change(by, **NOT_RUNNING, state=State.STOPPED, ready_at=None, waits_for=(), **also)
        if was is not State.STOPPED:
            log.info("service.stopped service=%s was=%s by=%s", record.settings.id, was.value, by.reason)
            record.board.tell("stopped", record.settings.id)
            self.say(logging.INFO, "monitor.stopped", {"by": by.reason})
        self._set_alarm()

    def _forget(self, by: Cause) -> None:
        """Have it as if nobody had looked yet."""
        record = self.record
        if self._looking is not None:
            self._looking.cancel()
        self._found, self._again = None, False
        self._answer(CheckAborted(record.settings.id))
        record.standing, record.last = Standing(), None
        withdraw(record)
        record.change(by, health=Health.UNKNOWN, health_detail=None, last_look=None, looked_at=None, ready_at=None)

    # -- looking

    def wake(self) -> None:
        """Deal with a look that is done, and begin one that is due."""
        if self._found is not None:
            began, look = self._found
            self._found = None
            self._take(began, look)
        record = self.record
        if record.view.state is State.STARTING and not record.shutting_down:
            self._begin_when_it_can("started", Cause("came"))
        if record.next_at is not None and trio.current_time() >= record.next_at:
            self._begin_look()
        self._set_alarm()

    def _begin_look(self) -> None:
        """Begin a look, unless one is on; the one that is wakes us when it has ended."""
        if self._looking is not None:
            return
        # Before it begins: should it crash us each time, the incarnations do not follow each other without a pause.
        self.record.next_at = self.next_look_at(trio.current_time())
        self._looking = trio.CancelScope()
        self.context.start_soon(self._look_beside, self._looking)

    async def _look_beside(self, scope: trio.CancelScope) -> None:
        began = trio.current_time()
        with scope:
            look = await self._bounded_look()
            if not scope.cancel_called:
                self._found = (began, look)
        self._looking = None
        # By a timer, which finds room in a full mailbox as soon as there is some.
        self.context.after(0.0, lambda _: _Wake())

    async def _bounded_look(self) -> Look:
        seconds = self.look_seconds() + LOOK_MARGIN
        with trio.move_on_after(seconds):
            return await self.look()
        return Look(ok=False, detail=f"the look did not end within {seconds:g} s", latency=seconds, ours=True)

    def _take(self, began: float, look: Look) -> None:
        record, judge = self.record, self.judge()
        before = record.standing
        after = record.standing = judge.after(before, look.verdict, trio.current_time())
        record.last = look
        record.next_at = self.next_look_at(began)
        ready_at = record.view.ready_at
        if ready_at is None and after.health is Health.HEALTHY:
            ready_at = datetime.now(UTC)
        detail = f"flapping; {look.detail}" if after.flapping else look.detail
        told = notice(before, after)
        failure = failure_of(told, look, judge)
        changes: dict[str, object] = {"health": after.health, "health_detail": detail, "ready_at": ready_at}
        changes |= {"last_look": look, "looked_at": datetime.now(UTC)}
        if failure is not None:
            changes["last_failure"] = failure
        record.change(Cause("probe", look.detail), **changes)
        self.say(
            level_of(look),
            f"look.{word_of(look)}",
            {"detail": look.detail, "latency_s": round(look.latency, 3)} | dict(look.figures),
        )
        self._tell(told, failure, before)
        self.looked(look)
        if self._again:  # it may have begun before there was what somebody wants to see
            self._again = False
            record.next_at = trio.current_time()
        else:
            self._answer(look)

    def _tell(self, told: Told | None, failure: Failure | None, before: Standing) -> None:
        record = self.record
        if failure is not None:
            word = tell_down(record, failure, flapping=told is Told.FLAPPING)
            self.say(logging.ERROR, f"monitor.{word}", {"detail": failure.detail})
        elif told is Told.UP and record.down is not None:
            since = before.down_since
            lasted = 0.0 if since is None else trio.current_time() - since
            tell_up(record, lasted)
            self.say(logging.INFO, "monitor.up", {"after_s": round(lasted, 1)})

    def _answer(self, answer: Look | CheckAborted) -> None:
        ticket, self.record.ticket = self.record.ticket, None
        if ticket is not None:
            ticket.settle(answer)

    def _set_alarm(self) -> None:
        self._alarm.set(self.record.next_at if self._looking is None else None)

    # -- its log

    def say(self, level: int, event: str, values: Mapping[str, object] | None = None) -> None:
        """A line in its log: an event's name and values. Never waits."""
        self.record.journal.line(level, sentence(event, values))
        self._write_journal()

    def _write_journal(self) -> None:
        if not self._writing and not self.record.journal.empty:
            self._writing = True
            self.context.start_soon(self._written)

    async def _written(self) -> None:
        while not self.record.journal.empty:
            await self.record.journal.write()
        self._writing = False
