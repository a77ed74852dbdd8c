"""A line in our log for every message that an actor handles."""

import logging

from actors.runtime import CORRELATION, MessageTraced
from actors.system import System

log = logging.getLogger("hamster.trace")


async def log_messages(system: System) -> None:
    """Log every message until cancelled, each under the id of the request that it is a consequence of."""
    with system.trace() as records:
        async for record in records:
            if isinstance(record, MessageTraced):
                token = CORRELATION.set(record.correlation)
                log.info(
                    "message.%s actor=%s message=%s kind=%s waited_ms=%.3f took_ms=%.3f",
                    record.outcome,
                    record.path,
                    record.message,
                    "ask" if record.asked else "tell",
                    record.waited * 1000,
                    record.took * 1000,
                )
                CORRELATION.reset(token)
            else:
                log.warning("trace.records_missed count=%d", record.missed)
