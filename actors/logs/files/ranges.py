"""Which bytes of a file a request asks for: RFC 9110, section 14. Pure."""

import re

import attrs

_RANGE = re.compile(r"bytes=\s*(?:(?P<first>[0-9]{1,18})\s*-\s*(?P<last>[0-9]{0,18})|-\s*(?P<suffix>[0-9]{1,18}))\s*")


@attrs.frozen
class ByteRange:
    """Bytes from `start` to before `end`."""

    start: int
    end: int


class NotSatisfiable(ValueError):
    """No byte of the file is in the range."""


def byte_range(header: str | None, size: int) -> ByteRange | None:
    """The range that a `Range` header asks of a file of *size* bytes; None: all of it.

    Several ranges are answered with the whole file, as are headers that are none: both is allowed.

    Raises:
        NotSatisfiable: It begins behind the end.
    """
    found = None if header is None else _RANGE.fullmatch(header)
    if found is None:
        return None
    if found["suffix"] is not None:
        length = int(found["suffix"])
        if length == 0 or size == 0:
            raise NotSatisfiable
        return ByteRange(max(0, size - length), size)
    start = int(found["first"])
    last = int(found["last"]) if found["last"] else size - 1
    if last < start and found["last"]:
        return None
    if start >= size:
        raise NotSatisfiable
    return ByteRange(start, min(last + 1, size))
