"""Which records are wanted. Pure."""

import operator
from collections.abc import Collection, Iterator
from datetime import datetime

import attrs

from actors.expressions import Expression
from actors.logs.indexing import Block
from actors.logs.indexing.generation import RANK
from actors.logs.records import Level, LogRecord


@attrs.frozen(kw_only=True)
class Filter:
    """Which records are wanted: those that all of it is true for.

    Args:
        levels: One of these; None: any.
        text: It is in the record, its continuation lines included.
        cased: Upper and lower case are different in `text`.
        expression: It matches somewhere in the record.
        start: Not before; a record without a time is not wanted then.
        end: Before this.
    """

    levels: Collection[Level] | None = None
    text: str | None = None
    cased: bool = False
    expression: Expression | None = None
    start: datetime | None = None
    end: datetime | None = None
    _folded: str = attrs.field(
        init=False, default=attrs.Factory(lambda self: (self.text or "").casefold(), takes_self=True)
    )

    @property
    def is_open(self) -> bool:
        """Whether every record is wanted."""
        return self == Filter()

    @property
    def looks_inside(self) -> bool:
        """Whether counts of levels and times do not say which records are wanted."""
        return bool(self.text) or self.expression is not None

    def wants(self, record: LogRecord) -> bool:
        """Whether *record* is wanted."""
        if self.levels is not None and record.level not in self.levels:
            return False
        if self.start is not None or self.end is not None:
            at = record.timestamp
            if at is None or (self.start is not None and at < self.start) or (self.end is not None and at >= self.end):
                return False
        return self.found_in(record.text)

    def found_in(self, text: str) -> bool:
        """Whether the text that is looked for is in *text*, and the expression matches."""
        if self.text and not (self.text in text if self.cased else self._folded in text.casefold()):
            return False
        return self.expression is None or self.expression.found_in(text)

    def may_be_in(self, block: Block) -> bool:
        """Whether a record of *block* can be wanted, by its counts and times."""
        if self.levels is not None and not any(block.counts[RANK[level]] for level in self.levels):
            return False
        if self.start is None and self.end is None:
            return True
        if block.earliest is None or block.latest is None:
            return False
        before = self.end is not None and block.earliest >= self.end.timestamp()
        return not before and not (self.start is not None and block.latest < self.start.timestamp())

    def counts(self, block: Block) -> int | None:
        """How many records of *block* are wanted, if its counts and times say; else None."""
        if self.looks_inside:
            return None
        if not self.may_be_in(block):
            return 0
        if self.start is not None or self.end is not None:
            if block.timeless or block.earliest is None or block.latest is None:
                return None
            if self.start is not None and block.earliest < self.start.timestamp():
                return None
            if self.end is not None and block.latest >= self.end.timestamp():
                return None
        return sum(block.counts if self.levels is None else (block.counts[RANK[level]] for level in set(self.levels)))

    # -- bytes

    def hits(self, data: bytes | bytearray, block: Block | None) -> list[int] | None:
        """Places in *data*, in order, of which every wanted record has at least one; None: bytes alone do not say.

        A record that has one may still not be wanted. *block* is what is known of the data.
        """
        if self.text:
            return self._text_hits(data)
        if self.expression is not None:
            return self.expression.places(data) if self.expression.stays_within_lines and _is_utf8(data) else None
        if self.levels is not None and block is not None and block.spelled:
            return sorted(at for level in set(self.levels) for at in _cased(data, f" {level} ".encode()))
        return None

    def _text_hits(self, data: bytes | bytearray) -> list[int] | None:
        needle = (self.text or "" if self.cased else self._folded).encode("utf-8", errors="surrogatepass")
        if self.cased:
            return list(_cased(data, needle)) if needle.isascii() or _is_utf8(data) else None
        return list(_uncased(data, needle)) if _is_utf8(data) else None

    @property
    def is_a_search(self) -> bool:
        """Whether one text, or one expression within lines, is all that is asked for: then each hit is of a wanted
        record."""
        if self.levels is not None or self.start is not None or self.end is not None:
            return False
        if self.text is not None and self.text.isprintable():
            return self.expression is None
        return self.text is None and self.expression is not None and self.expression.stays_within_lines

    def lines(self, data: bytes) -> int | None:
        """How many lines of *data* have the text, if only that is asked for and bytes alone say it; else None."""
        if not self.text or self.expression is not None or self.levels is not None or self.start or self.end:
            return None
        needle = (self.text if self.cased else self._folded).encode("utf-8", errors="surrogatepass")
        if b"\n" in needle or not (data.isascii() and needle.isascii()):
            return None
        return _lines_with(data if self.cased else data.lower(), needle)


def _is_utf8(data: bytes | bytearray) -> bool:
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _cased(data: bytes | bytearray, needle: bytes) -> Iterator[int]:
    import stringzilla as sz  # with the first search, as below

    at = sz.find(data, needle)
    while at >= 0:
        yield at
        at = sz.find(data, needle, at + 1)


def _uncased(data: bytes | bytearray, needle: bytes) -> Iterator[int]:
    import stringzilla as sz

    whole = sz.Str(data)
    for found in sz.utf8_uncased_matches(whole, needle):
        yield found.offset_within(whole)


def _lines_with(data: bytes, needle: bytes) -> int:
    """How many lines of *data* have *needle*, which has no line feed."""
    import stringzilla as sz

    parts = sz.Str(data).split_iter(needle)
    # Of the parts between two finds each with a line feed begins another line. The last part is behind the last find.
    apart = [operator.contains(part, "\n") for part in parts]
    return 0 if len(apart) == 1 else 1 + sum(apart[1:-1])
