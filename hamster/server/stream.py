"""A client's socket, so wrapped that nothing waits on it for ever."""

import contextlib
import os
import socket
import struct

import trio

#: Writes are watched in pieces of this many bytes, so that a slow client is not taken for a dead one.
SEND_PIECE = 64 * 1024

#: Close without waiting for the peer: what is unsent is dropped and the peer sees a reset.
_LINGER_NOT = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class AcceptedStream(trio.abc.HalfCloseableStream):
    """The bytes of one client.

    A write of which the client takes nothing for `send_seconds` aborts the connection. `close` and `abort` do
    not wait, so they work in a task that is being cancelled, and wake whoever waits in a read or a write.
    """

    def __init__(self, raw: socket.socket, *, send_seconds: float) -> None:
        self.raw = raw
        """For system calls that do not wait. Closed by `close` and `abort` only."""
        sock = trio.socket.from_stdlib_socket(raw)
        self.socket = sock
        self.received_at = trio.current_time()
        self.closed = False
        self._stream = trio.SocketStream(sock)
        self._send_seconds = send_seconds

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if len(data) <= SEND_PIECE:
            await self._send_piece(data)
            return
        with memoryview(data) as view:
            for start in range(0, len(view), SEND_PIECE):
                await self._send_piece(view[start : start + SEND_PIECE])

    async def _send_piece(self, data: bytes | bytearray | memoryview) -> None:
        with trio.move_on_after(self._send_seconds) as scope:
            await self._stream.send_all(data)
        if scope.cancelled_caught:
            self.abort()
            raise trio.BrokenResourceError(f"the client took nothing for {self._send_seconds:g} s")

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        self.received_at = trio.current_time()
        return data

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """End the connection; what was sent still arrives."""
        if self.closed:
            return
        self.closed = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        self.socket.close()

    def abort(self) -> None:
        """End the connection now; what the client has not read is dropped."""
        if self.closed:
            return
        self.closed = True
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.socket.close()
