"""Following, reading and searching logs."""

from actors.expressions import Expression, InvalidExpression
from actors.logs.files.catalogue import Catalogue, LogFile
from actors.logs.files.names import InvalidLogName, UnknownLog
from actors.logs.files.opening import NotALog, open_log
from actors.logs.following.state import Told
from actors.logs.known import OWN_LOG, KnownLog
from actors.logs.logs import Logs, LogStatistics, open_logs
from actors.logs.positions import Position
from actors.logs.reading import Filter, Page, Reader, ReadingFailed, Source, StaleCursor, TooManyReaders
from actors.logs.reading.pages import Entry
from actors.logs.records import LEVELS, Level, LogRecord, Origin

__all__ = [
    "LEVELS",
    "OWN_LOG",
    "Catalogue",
    "Entry",
    "Expression",
    "Filter",
    "InvalidExpression",
    "InvalidLogName",
    "KnownLog",
    "Level",
    "LogFile",
    "LogRecord",
    "LogStatistics",
    "Logs",
    "NotALog",
    "Origin",
    "Page",
    "Position",
    "Reader",
    "ReadingFailed",
    "Source",
    "StaleCursor",
    "Told",
    "TooManyReaders",
    "UnknownLog",
    "open_log",
    "open_logs",
]
