"""The delays before a service is started again by itself."""

from random import Random

import trio

from actors.runtime import Backoff
from actors.services.record import ServiceRecord


def begin_delay(record: ServiceRecord, random: Random) -> float:
    """Begin the delay before the next run, which grows from failure to failure; its length in seconds."""
    options = record.options
    backoff = Backoff(options.backoff_initial, options.backoff_max, at_once=0, reset_after=options.healthy_seconds)
    delay = backoff.delay(record.attempts, random)
    record.attempts += 1
    record.due_at = trio.current_time() + delay
    return delay


def begin_rest(record: ServiceRecord) -> float | None:
    """Begin the long delay before one more try of what was given up; its length in seconds, None if there is none."""
    options = record.options
    if options.fatal_retry is None or options.restart == "never":
        return None
    record.due_at = trio.current_time() + options.fatal_retry
    return options.fatal_retry
