"""The bytes of one connection, read and written with as little between them and the system as can be."""

import trio

from hamster.server.errors import ClientGone
from hamster.server.stream import AcceptedStream

#: Bytes taken from a socket at once, as Hypercorn does.
MAX_RECEIVE = 64 * 1024


class Wire:
    """Reads and writes of a connection, with TLS or without.

    Without, system calls are tried at once: Trio's streams pass through the scheduler for each, which costs more
    than the call. What a call cannot do at once is left to the streams, with their deadlines.

    Args:
        stream: The socket.
        tls: What speaks TLS over it, if that is spoken.
    """

    def __init__(self, stream: AcceptedStream, tls: trio.SSLStream[AcceptedStream] | None = None) -> None:
        self.stream = stream
        self._tls = tls
        self._raw = stream.raw
        self._lock = trio.Lock()

    async def receive(self) -> bytes:
        """What comes next; nothing: the client has left, or the connection was closed."""
        stream = self.stream
        try:
            if self._tls is not None:
                return bytes(await self._tls.receive_some(MAX_RECEIVE))
            while not stream.closed:
                await trio.lowlevel.wait_readable(self._raw)
                try:
                    data = self._raw.recv(MAX_RECEIVE)
                except BlockingIOError:
                    continue
                stream.received_at = trio.current_time()
                return data
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        return b""

    async def send(self, data: bytes) -> None:
        """Write *data*; waits only while the client does not take it. Not cut short by a cancellation.

        Raises:
            ClientGone: It has left, or took nothing for too long.
        """
        rest: bytes | memoryview = data
        if self._tls is None and not self._lock.locked():
            sent = self._try(data)
            if sent == len(data):
                return
            rest = memoryview(data)[sent:]
        # The answer counts as sent: losing a part of it to a cancellation would corrupt what follows.
        with trio.CancelScope(shield=True):
            async with self._lock:
                try:
                    await (self._tls or self.stream).send_all(rest)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self.stream.close()
                    raise ClientGone from None

    def _try(self, data: bytes) -> int:
        if self.stream.closed:
            raise ClientGone
        try:
            return self._raw.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.stream.close()
            raise ClientGone from None
