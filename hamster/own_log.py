"""Our own log, `watchhamster.log`, and what of it is shown on the terminal."""

import logging
import os
import re
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TextIO

from actors.masking import mask_secrets
from actors.runtime import CORRELATION
from hamster.console import Console
from hamster.line_writer import LineWriter

FILE_NAME = "watchhamster.log"
LOGGERS = ("actors", "hamster")

# What a terminal or a reader of lines would take for a command: all control characters but tab and line feed.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class LineFormatter(logging.Formatter):
    """`2024-01-01T12:00:00.000+09:00 INFO logger [module:line thread] message`, then a traceback if there is one.

    What a request caused has its id behind the thread: `[module:line thread request_id]`. Secrets are masked wherever
    they stand, in tracebacks, too; and whatever is in a message, no line of it looks like another record.
    """

    def __init__(self, zone: tzinfo | None) -> None:
        place = "[%(module)s:%(lineno)d %(threadName)s%(correlation)s]"
        super().__init__(f"%(asctime)s %(levelname)s %(name)s {place} %(message)s", defaults={"correlation": ""})
        self._zone = zone

    def format(self, record: logging.LogRecord) -> str:
        """The record as it is written, without its last line end."""
        text = mask_secrets(super().format(record))
        first, *rest = _CONTROL.sub(_escaped, text.replace("\r\n", "\n")).split("\n")
        return "\n".join([first, *(f" {line}" if line[:1].isdigit() else line for line in rest)])

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """The record's time in our zone."""
        return datetime.fromtimestamp(record.created, UTC).astimezone(self._zone).isoformat(timespec="milliseconds")


class LineHandler(logging.Handler):
    """Hands formatted records to a writer that never waits."""

    def __init__(self, lines: LineWriter | Console, formatter: logging.Formatter, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.setFormatter(formatter)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Queue *record*, with what it is a consequence of."""
        correlation = CORRELATION.get()
        if correlation:
            record.correlation = f" {correlation}"
        try:
            self._lines.line(self.format(record))
        except Exception:  # a record that cannot be formatted is a mistake, but never the program's end
            self.handleError(record)


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
    formatter = LineFormatter(zone)
    with ExitStack() as stack:
        file = stack.enter_context(_opened(logs_dir / FILE_NAME, formatter))
        handlers = [LineHandler(file, formatter)]
        if terminal is not None:
            handlers.append(LineHandler(stack.enter_context(Console(terminal)), formatter, shown))
        with _attached(handlers, level):
            yield


@contextmanager
def _opened(path: Path, formatter: logging.Formatter) -> Generator[LineWriter, None, None]:
    """A writer that appends to the file at *path*."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    cut = False  # a full disk took only the beginning of the last line

    def write(text: str) -> None:
        nonlocal cut
        line = f"\n{text}\n" if cut else f"{text}\n"
        left = memoryview(line.encode("utf-8", errors="backslashreplace"))
        while left:
            written = os.write(fd, left)
            left = left[written:]
            cut = bool(left)

    writer = LineWriter(write, notice=lambda count: formatter.format(_dropped(count)), name="own log")
    try:
        with writer:
            yield writer
    finally:
        if writer.ended:
            os.close(fd)  # else the thread is still at it: the number must not become another file's


@contextmanager
def _attached(handlers: list[LineHandler], level: int) -> Generator[None, None, None]:
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
        logger.propagate = False
        for handler in handlers:
            logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, (old_level, propagate) in zip(loggers, before, strict=True):
            for handler in handlers:
                logger.removeHandler(handler)
            logger.setLevel(old_level)
            logger.propagate = propagate


def _dropped(count: int) -> logging.LogRecord:
    return logging.LogRecord(
        "hamster.own_log",
        logging.ERROR,
        __file__,
        0,
        "log.records_dropped count=%d reason=slow_or_full_disk",
        (count,),
        None,
    )


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"
