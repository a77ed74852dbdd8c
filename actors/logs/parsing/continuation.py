"""Whether a line without a timestamp belongs to the record before it: a table of what tracebacks look like."""

import enum
import re

TRACEBACK = "Traceback (most recent call last):"

# Never the beginning of anything, whatever stands before.
_INNER = re.compile(
    r"(?:During handling of the above exception|The above exception was the direct cause"
    r"|Caused by: |Suppressed: |goroutine \d+ \[|created by )"
)
_GO_FRAME = re.compile(r"[\w.\-/*()\[\]{}, ]+\(.*\)")


class Within(enum.Enum):
    """What the lines before were."""

    NOTHING = "nothing"
    BEGUN = "begun"
    """`Traceback ...`: its frames follow."""
    FRAMES = "frames"
    """Of a Python traceback: what is not indented any more is its last line."""
    SENTENCE = "sentence"
    """That another traceback follows."""
    GO = "go"
    """A goroutine's frames, each followed by an indented place."""


def is_indented(line: str) -> bool:
    """Whether *line* begins with white space."""
    return line[:1] in (" ", "\t")


def follow(line: str, within: Within) -> tuple[bool, Within]:
    """Whether *line*, which has no timestamp and is not blank, continues what is before; and what it is within then."""
    if is_indented(line):
        return True, Within.FRAMES if within is Within.BEGUN else within
    if _INNER.match(line):
        return True, Within.GO if line.startswith(("goroutine", "created")) else Within.SENTENCE
    if line.startswith(TRACEBACK):
        return within is Within.SENTENCE, Within.BEGUN
    if within in (Within.BEGUN, Within.FRAMES):
        return True, Within.NOTHING
    if within is Within.GO and _GO_FRAME.fullmatch(line):
        return True, Within.GO
    return False, Within.NOTHING
