"""Our own log, `watchhamster.log`, and what of it is shown on the terminal."""

import logging
import logging.handlers
import queue
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TextIO

from actors.runtime import CORRELATION

FILE_NAME = "watchhamster.log"
CAPACITY = 10_000
"""Records that may wait for a slow disk."""
LOGGERS = ("actors", "hamster")


class LineFormatter(logging.Formatter):
    """`2024-01-01T12:00:00.000+09:00 INFO logger [module:line thread] message`, then a traceback if there is one.

    What a request caused has its id behind the thread: `[module:line thread request_id]`.
    """

    def __init__(self, zone: tzinfo | None) -> None:
        place = "[%(module)s:%(lineno)d %(threadName)s%(correlation)s]"
        super().__init__(f"%(asctime)s %(levelname)s %(name)s {place} %(message)s", defaults={"correlation": ""})
        self._zone = zone

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """The record's time in our zone."""
        moment = datetime.fromtimestamp(record.created, self._zone)
        return (moment if self._zone else moment.astimezone()).isoformat(timespec="milliseconds")


class BoundedQueueHandler(logging.handlers.QueueHandler):
    """Hands records to the writing thread; never waits. What does not fit is counted and said later."""

    def __init__(self, records: "queue.Queue[object]") -> None:
        super().__init__(records)
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """*record* with what it is a consequence of, which only the task that logs knows."""
        prepared = super().prepare(record)
        correlation = CORRELATION.get()
        prepared.correlation = f" {correlation}" if correlation else ""
        return prepared

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue *record*, or count it."""
        try:
            if self.dropped:
                self.queue.put_nowait(_dropped(self.dropped))
                self.dropped = 0
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


@contextmanager
def own_log(
    logs_dir: Path, *, zone: tzinfo | None, level: int = logging.INFO, terminal: TextIO | None = None, shown: int = 0
) -> Generator[None, None, None]:
    """While entered, records of our packages go to `watchhamster.log` in *logs_dir*.

    Args:
        logs_dir: Made already.
        zone: Of the timestamps; None for the machine's.
        level: What is logged at all.
        terminal: Where records are shown, too.
        shown: From which level on.

    Raises:
        OSError: The file cannot be opened.
    """
    file = logging.FileHandler(logs_dir / FILE_NAME, encoding="utf-8")
    file.setFormatter(LineFormatter(zone))
    targets: list[logging.Handler] = [file]
    if terminal is not None:
        stream = logging.StreamHandler(terminal)
        stream.setLevel(shown)
        stream.setFormatter(LineFormatter(zone))
        targets.append(stream)
    records: queue.Queue[object] = queue.Queue(CAPACITY)
    handler = BoundedQueueHandler(records)
    listener = logging.handlers.QueueListener(records, *targets, respect_handler_level=True)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
        logger.propagate = False
        logger.addHandler(handler)
    listener.start()
    try:
        yield
    finally:
        for logger, (old_level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(old_level)
            logger.propagate = propagate
        listener.stop()
        for target in targets:
            target.close()


def _dropped(count: int) -> logging.LogRecord:
    return logging.LogRecord(
        "hamster.own_log", logging.ERROR, __file__, 0, "log.records_dropped count=%d reason=slow_disk", (count,), None
    )
