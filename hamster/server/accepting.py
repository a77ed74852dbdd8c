"""The loop that accepts, whatever the machine has run out of."""

import errno
import logging
import socket
from collections.abc import Callable

import trio

#: Clients taken before anybody else runs: many, since one per pass makes a crowd wait for each other.
BATCH = 64
#: The machine has nothing to accept with; in this many seconds something may have closed.
PAUSE_SECONDS = 0.1

#: No file, buffer or memory left: the connection waits in the kernel until there is.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
#: The listener itself is gone: a mistake of ours, which must not become a silent loop.
_LISTENER_GONE = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP})

log = logging.getLogger(__name__)


class AcceptLoop:
    """Accepts from *listener* until it is cancelled, and then closes it. Clients go to *admit*."""

    def __init__(self, listener: socket.socket, admit: Callable[[socket.socket], None]) -> None:
        self._listener = listener
        self._admit = admit
        self._exhausted_since: float | None = None
        self.pauses = 0

    async def run(self) -> None:
        # Closed here and nowhere else: in Trio, to wait for a file that somebody closed is an error.
        with self._listener:
            while True:
                await trio.lowlevel.wait_readable(self._listener)
                if not self._accept_batch():
                    await trio.sleep(PAUSE_SECONDS)

    def _accept_batch(self) -> bool:
        """Accept those who wait. False: the machine has nothing left to accept with, pause."""
        for _ in range(BATCH):
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                # Nobody waits any more; one accepted client alone would not mean that there is room again.
                self._note_recovered()
                return True
            except OSError as error:
                if error.errno in _LISTENER_GONE:
                    raise
                if error.errno in _EXHAUSTED:
                    self._note_exhausted(error)
                    return False
                continue  # That client left before it was accepted; the next one is not concerned.
            self._admit(client)
        return True

    def _note_exhausted(self, error: OSError) -> None:
        self.pauses += 1
        if self._exhausted_since is None:
            self._exhausted_since = trio.current_time()
            log.error("server.accept_paused reason=%r; new connections wait until others close", error.strerror)

    def _note_recovered(self) -> None:
        if self._exhausted_since is not None:
            waited = trio.current_time() - self._exhausted_since
            self._exhausted_since = None
            log.warning("server.accept_resumed after_s=%.1f", waited)
