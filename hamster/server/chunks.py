"""Bodies that come in chunks. Pure: bytes in, the body's pieces out."""

import re

_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
LONGEST_LINE = 4_096
"""Of a chunk's size with its extensions, or of one that follows the last chunk."""
MOST_TRAILERS = 64


class BadChunk(Exception):
    """The body is broken: where it ends cannot be known, so the connection ends with it."""


class ChunkDecoder:
    """Takes a chunked body apart. `ended` is set behind the last chunk; what was fed beyond it is `rest`.

    Trailers are read over: nothing of ours looks at them.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._left = 0
        """Bytes of the current chunk that are still to come; its CRLF included, once its data are there."""
        self._trailing = False
        self._trailers = 0
        self.ended = False

    @property
    def rest(self) -> bytes:
        """What came behind the body: the next request."""
        return bytes(self._buffer) if self.ended else b""

    def feed(self, data: bytes) -> bytes:
        """What of the body is complete with *data*.

        Raises:
            BadChunk: A size is no hexadecimal number, a line does not end with CRLF, or is too long.
        """
        self._buffer += data
        body = bytearray()
        while not self.ended and self._step(body):
            pass
        return bytes(body)

    def _step(self, body: bytearray) -> bool:
        """Take one piece; False: more must come first."""
        if self._left > 2:
            piece = self._buffer[: self._left - 2]
            del self._buffer[: len(piece)]
            body += piece
            self._left -= len(piece)
            return bool(piece)
        if self._left:
            return self._end_chunk()
        line = self._line()
        if line is None:
            return False
        if self._trailing:
            self._trailer(line)
            return True
        found = _SIZE.fullmatch(line)
        if found is None:
            raise BadChunk(f"the size of a chunk is {line[:40]!r}; expected hexadecimal digits")
        size = int(found[1], 16)
        self._trailing = size == 0
        self._left = size + 2 if size else 0
        return True

    def _trailer(self, line: bytes) -> None:
        self.ended = not line
        self._trailers += 1
        if line and (self._trailers > MOST_TRAILERS or _TRAILER.fullmatch(line) is None):
            raise BadChunk(f"behind the last chunk comes {line[:40]!r}; expected at most {MOST_TRAILERS} headers")

    def _end_chunk(self) -> bool:
        if len(self._buffer) < 2:
            return False
        if not self._buffer.startswith(b"\r\n"):
            raise BadChunk(f"a chunk is followed by {bytes(self._buffer[:2])!r}; expected CRLF")
        del self._buffer[:2]
        self._left = 0
        return True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > LONGEST_LINE:
                raise BadChunk(f"a line of a chunk is longer than {LONGEST_LINE} bytes")
            return None
        line = bytes(self._buffer[: end + 1])
        if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
            raise BadChunk(f"a line of a chunk is {line[:40]!r}; expected it to end with CRLF and have no other")
        del self._buffer[: end + 1]
        return line[:-2]
