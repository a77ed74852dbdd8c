"""What a log is made of: records, each a line or several."""

import enum
from datetime import datetime
from typing import Literal, TypeAlias, get_args

import attrs

Level: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

LEVELS: tuple[Level, ...] = get_args(Level)
"""From the least to the most urgent."""


class Origin(enum.Enum):
    """Who writes a log, which says what a line without a timestamp is."""

    OURS = "ours"
    """`watchhamster.log` and the logs of monitors: such a line continues the record before it."""
    CAPTURED = "captured"
    """The output of a process: such a line is a record of its own, of the time when it arrived and level INFO, unless
    it is indented or within a traceback."""
    OUTSIDE = "outside"
    """A configured file of somebody else: such a line continues the record before it."""


@attrs.frozen(kw_only=True)
class LogRecord:
    """One record of a log.

    Attributes:
        offset: Of its first byte in its file.
        end: Of the first byte behind its last line end; the next record's `offset`.
        timestamp: Aware; of the line, or of its arrival in captured output. None: nobody knows.
        level: INFO where the record says none.
        logger: The name of who logged it; None where the record has none. `module` (`main.py` or `main`), `line_number`
            and `thread` likewise.
        message: What remains of the record without the fields above; its continuation lines behind line ends.
        text: The whole record as it stands in the file, decoded, without its last line end.
        truncated: Longer than is kept: the end of `text` and `message` is missing.
        continued: Only lines that came after the rest of the record was told already, by somebody who follows the log:
            `message` and `text` are theirs alone, and the other fields are the record's.
    """

    offset: int
    end: int
    timestamp: datetime | None
    level: Level
    logger: str | None
    message: str
    text: str
    module: str | None = None
    line_number: int | None = None
    thread: str | None = None
    truncated: bool = False
    continued: bool = False
