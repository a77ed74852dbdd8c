"""The body of an answer as it comes in."""

import zlib

from actors.services.probing.looks import LookFailed

ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
"""What is undone; nothing else is asked for."""


class Body:
    """Decoded piece by piece, so that no few bytes become many gigabytes.

    Args:
        limit: Bytes to take, counted as they are after decoding; 0 for none.
        encoding: What the answer's head says of it.
    """

    def __init__(self, limit: int, encoding: str) -> None:
        self.taken = bytearray()
        self.cut = False
        encodings = [
            name.strip().lower() for name in encoding.split(",") if name.strip().lower() not in ("", "identity")
        ]
        decodes = len(encodings) == 1 and encodings[0] in ENCODINGS
        self.left = "" if decodes else ", ".join(encodings)
        self._limit = limit
        self._decodes = decodes
        self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 32) if decodes else None  # 32: gzip or zlib, as it comes
        self._begun = False

    @property
    def full(self) -> bool:
        """There is no use in reading on."""
        return self.cut or self._limit == 0

    def take(self, data: bytes) -> None:
        """Add what was received.

        Raises:
            LookFailed: It is not encoded as was said.
        """
        if not self._decodes:
            self._add(data)
            return
        while data and not self.cut:
            data = self._decoded(data)

    def _decoded(self, data: bytes) -> bytes:
        """Decode what fits; returns what is left, of a further member."""
        decoder = self._decoder
        if decoder is None:  # behind the end of a member: another one, or padding
            if not data.startswith(b"\x1f"):
                return b""
            decoder = self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            self._add(decoder.decompress(data, self._limit - len(self.taken) + 1))
        except zlib.error as error:
            if self._begun:
                raise LookFailed(f"the body cannot be decoded: {error}") from error
            self._begun = True
            self._decoder = zlib.decompressobj(-zlib.MAX_WBITS)  # what some servers call deflate
            return data
        self._begun = True
        if decoder.eof:
            self._decoder = None
            return decoder.unused_data
        return decoder.unconsumed_tail

    def end(self) -> None:
        """There is no more of it.

        Raises:
            LookFailed: It breaks off.
        """
        if self._decodes and self._begun and self._decoder is not None and not self._decoder.eof:
            raise LookFailed("the body breaks off within its encoding")

    def _add(self, data: bytes) -> None:
        room = self._limit - len(self.taken)
        self.taken += data[:room]
        self.cut = len(data) > room
