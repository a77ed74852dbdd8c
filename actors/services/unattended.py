"""A service whose actor is not there to be told."""

from actors.services.causes import SHUTDOWN
from actors.services.keeper import Phase
from actors.services.messages import State
from actors.services.record import NO_RUN, ServiceRecord


async def end_unattended(record: ServiceRecord) -> None:
    """Stop a service whose actor does not take messages, for good; returns once nothing of it is left."""
    record.due_at, record.spawn_waits, record.missing = None, False, False
    record.end_run()
    if record.run is not None:
        await record.run.wait(Phase.EMPTY)
    record.run_ended = True
    if record.view.state is not State.STOPPED:
        record.change(SHUTDOWN, state=State.STOPPED, next_restart_at=None, waits_for=(), **NO_RUN)
        record.board.tell("stopped", record.settings.id)
