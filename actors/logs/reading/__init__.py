"""Reading and searching logs, the newest record first."""

from actors.logs.reading.filters import Filter
from actors.logs.reading.pages import Page, Reader, ReadingFailed, StaleCursor, TooManyReaders
from actors.logs.reading.source import Source

__all__ = ["Filter", "Page", "Reader", "ReadingFailed", "Source", "StaleCursor", "TooManyReaders"]
