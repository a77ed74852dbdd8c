"""Where something is in a log, for as long as the log is kept: over appending, rotation and truncation."""

import re

import attrs

_TEXT = re.compile(r"([0-9]{1,18}):([0-9]{1,18})", re.ASCII)


@attrs.frozen(order=True)
class Position:
    """A byte in a log. Later bytes are greater, whichever file of the log they are in.

    A log is a sequence of generations: the file of its name is the newest, what was rotated away keeps the number that
    it had. Truncation and replacement begin a new one.
    """

    generation: int
    offset: int

    def __str__(self) -> str:
        return f"{self.generation}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """What `str` made; None for anything else."""
        found = _TEXT.fullmatch(text)
        return None if found is None else cls(int(found[1]), int(found[2]))
