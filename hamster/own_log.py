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
MAX_BYTES = 10 * 1024 * 1024
"""Of the log; then it is put aside and a new one begun. For how long those are kept, the retention of logs says."""

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
    file = _File(path)
    writer = LineWriter(file.write, notice=lambda count: formatter.format(_dropped(count)), name="own log")
    try:
        with writer:
            yield writer
    finally:
        if writer.ended:
            file.close()  # else the thread is still at it: the number must not become another file's


class _File:
    """The file of our log. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cut = False  # a full disk took only the beginning of the last line
        self._open()

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._fd).st_size

    def write(self, text: str) -> None:
        """Append *text* as a line.

        Raises:
            OSError: It could not be written, or not all of it.
        """
        line = f"\n{text}\n" if self._cut else f"{text}\n"
        left = memoryview(line.encode("utf-8", errors="backslashreplace"))
        while left:
            written = os.write(self._fd, left)
            left = left[written:]
            self._size += written
            self._cut = bool(left)
        if self._size >= MAX_BYTES:
            # Somebody may have emptied it.
            self._size = os.fstat(self._fd).st_size
            if self._size >= MAX_BYTES:
                self._rotate()

    def close(self) -> None:
        """Free the descriptor."""
        os.close(self._fd)

    def _rotate(self) -> None:
        """Put it aside as the first archive, each other one a number further, and begin a new one."""
        try:
            put_aside(self._path)
            before = self._fd
            self._open()
            os.close(before)
        except OSError:
            self._size = 0  # it goes on in the same file, and is tried again as much later


def put_aside(path: Path) -> None:
    """Rename the log at *path* to its first archive. Blocking.

    Raises:
        OSError: It could not be; what is there is there under its own or its next name.
    """
    names = [(int(found[1]), entry, found[2]) for entry in path.parent.iterdir() if (found := _archive(path, entry))]
    for number, entry, packed in sorted(names, reverse=True):
        entry.rename(path.with_name(f"{path.name}.{number + 1}{packed}"))
    path.rename(path.with_name(f"{path.name}.1"))


def _archive(path: Path, entry: Path) -> re.Match[str] | None:
    return re.fullmatch(re.escape(path.name) + r"\.([1-9][0-9]{0,5})((?:\.gz)?)", entry.name)


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
