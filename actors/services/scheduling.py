"""A job's schedule, looked at: what is to be done now, and what is told of it."""

import logging
from datetime import UTC, datetime

import trio

from actors.services.causes import Cause
from actors.services.messages import Happened, State, Wanted
from actors.services.record import ServiceRecord
from actors.services.rules import Event
from actors.services.schedule import Turn, turn
from actors.services.schedule_times import Timetable

log = logging.getLogger("actors.services")

REASON = "schedule"
ENDED = frozenset({State.STOPPED, State.EXITED, State.FATAL})
"""Where the run that one was queued behind has ended."""

DETAILS = {
    Turn.SKIP: "left out: the run before has not ended",
    Turn.QUEUE: "queued: the run before has not ended",
    Turn.KILL: "its time has come, and the run before is ended for it",
    Turn.COMING: "its time has come, and a run is about to start",
    Turn.RUN: "its time has come",
}


def keep_schedule(record: ServiceRecord, timetable: Timetable) -> None:
    """Give *record* the schedule that its settings ask for; one that it has already goes on."""
    options, before = record.options.schedule, record.schedule
    if options is None:
        record.schedule = None
        record.change(next_run_at=None)
    elif before is None or before.options != options:
        record.schedule = timetable.schedule(record.settings.id, options, before)


def due_command(record: ServiceRecord) -> tuple[Event, Cause] | None:
    """What its schedule commands now, if anything. The schedule is on while the service is wanted."""
    schedule = record.schedule
    if schedule is None:
        return None
    if record.view.wanted is Wanted.DOWN or record.shutting_down:
        schedule.turn_off()
        record.change(next_run_at=None)
        return None
    schedule.turn_on()
    command: tuple[Event, Cause] | None = None
    if schedule.comes():
        command = _take(record, turn(schedule.options.overlap, record.view.state, queued=schedule.queued))
    elif schedule.queued and record.view.state in ENDED:
        schedule.queued = False
        command = Event.START, Cause(REASON, "queued behind the run that has ended")
    record.change(next_run_at=schedule.next_at)
    return command


def next_look(record: ServiceRecord) -> float | None:
    """When the schedule must be looked at again at the latest, on Trio's clock; None where there is none that is on."""
    schedule = record.schedule
    return None if schedule is None or not schedule.on else trio.current_time() + schedule.seconds_to_sleep()


def _take(record: ServiceRecord, what: Turn) -> tuple[Event, Cause] | None:
    service, state, detail = record.settings.id, record.view.state.value, DETAILS[what]
    level = logging.WARNING if what is Turn.SKIP else logging.INFO
    log.log(level, "service.schedule service=%s turn=%s was=%s", service, what.value, state)
    match what:
        case Turn.RUN:
            return Event.START, Cause(REASON, detail)
        case Turn.KILL:
            return Event.RESTART, Cause(REASON, detail)
        case Turn.QUEUE if record.schedule is not None:
            record.schedule.queued = True
        case _:
            pass
    # Nothing else tells of it: the state stays as it is.
    record.board.publish(Happened(service, datetime.now(UTC), "state", state, state, REASON, detail, record.view.pid))
    return None
