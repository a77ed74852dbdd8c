"""How one log is read."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from actors.expressions import Expression
from actors.logs.known import KnownLog
from actors.logs.parsing.fields import Calendar, Head
from actors.logs.parsing.heads import from_pattern, head_of
from actors.logs.parsing.text import decoded, is_utf16
from actors.logs.records import Origin

LEARNT_FROM = 64 * 1024
"""Bytes at the beginning of a file that say what it is."""

_LINES = 200


class Parser:
    """What is known of a log's lines: the log's settings, and what `learn` saw at the beginning of its file."""

    def __init__(self, log: KnownLog, zone: tzinfo | None) -> None:
        """*zone* is of timestamps that say none, unless the log has its own; None is the machine's."""
        self.log = log
        zone = zone if log.zone is None else ZoneInfo(log.zone)
        self._calendar = Calendar(zone, lambda: datetime.now(UTC))
        self._pattern = None if log.pattern is None else Expression(log.pattern)
        self._plain = False
        self.encoding = log.encoding
        self.zone_name: str | None = getattr(zone, "key", None)
        """Of the zone, for another process; None: the machine's."""

    def learn(self, beginning: bytes) -> bool:
        """Look at the first bytes of the file: for a byte order mark, and whether lines have timestamps at all.

        Returns:
            Whether they have none, as far as one can see: `seems_plain`.
        """
        if self.log.encoding is None:
            self.encoding = is_utf16(beginning)
        self._plain = bool(beginning) and not self.has_times(beginning)
        return self._plain

    def has_times(self, piece: bytes) -> bool:
        """Whether one of the first lines of *piece* has a timestamp."""
        heads = map(self._head, decoded(piece[:LEARNT_FROM], self.encoding).split("\n")[:_LINES])
        return any(head is not None and head.timestamp is not None for head in heads)

    @property
    def seems_plain(self) -> bool:
        """Whether no line that was learnt from has a timestamp; what a process prints may be anything at any time."""
        return self._plain and self.log.origin is not Origin.CAPTURED

    @property
    def wide(self) -> bool:
        """Whether characters are of two bytes: then no byte is a line feed by itself."""
        return self.encoding is not None and self.encoding.lower().replace("_", "-").startswith("utf-16")

    @property
    def every_line_is_one(self) -> bool:
        """Whether a line without a timestamp is a record, unless it looks like the rest of one."""
        return self.log.origin is Origin.CAPTURED or self._plain

    def head(self, line: str) -> Head | None:
        """What *line* says as the first line of a record; None: it cannot be one, or only by its neighbours.

        Where `every_line_is_one` a line without a timestamp is judged by its neighbours even if it has a level.
        """
        head = self._head(line)
        if head is None or head.timestamp is not None or self.every_line_is_one:
            return head
        return head if self._pattern is not None and "timestamp" not in self._pattern.groups else None

    def _head(self, line: str) -> Head | None:
        if self._pattern is None:
            return head_of(line, self._calendar)
        groups = self._pattern.named(line)
        return None if groups is None else from_pattern(groups, line, self._calendar)
