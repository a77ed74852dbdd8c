"""A holder: the process that owns a run of a service, from its fork to the end of its last descendant.

It is the subreaper of everything the service starts, reads what it prints, and says over its socket what
becomes of it. One thread, one poll loop. After a run it may be given the next one, of whatever service: a
fork of the keeper less. It ends with status 0 only between runs: any other end makes the keeper look for what
it may have left behind.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import marshal
import os
import select
import time

from . import kernel, wire
from .held import Held
from .signals import SIG_UNBLOCK, SIGTERM, pthread_sigmask
from .waking import NOTED, Waking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Bytes read from the socket in one turn. Small, since it is memory of every holder; a usual spec takes one.
_READ = 8 * 1024

# Exit statuses; see above.
_NOTHING_LEFT = 0
_ABANDONED = 1


def hold(conn: int, open_files: int, keeper: int) -> int:
    """Be a holder until our peer has no more to run.

    Args:
        conn: Descriptor of our socket to it.
        open_files: Soft limit of open files for a service that says nothing of it.
        keeper: The pid of our parent.

    Returns:
        The exit status, see the module.
    """
    # A group of its own within the keeper's session: when the keeper dies, the kernel then continues a holder
    # that somebody stopped, and so the signal of that death reaches it.
    os.setpgid(0, 0)
    waking = Waking()
    kernel.become_subreaper()
    kernel.die_with_parent(SIGTERM)
    kernel.name_process(b"hamster-holder")
    pthread_sigmask(SIG_UNBLOCK, NOTED)
    if os.getppid() != keeper:
        return _ABANDONED
    return Holder(conn, waking, open_files).run()


class Holder:
    """The loop around one run at a time."""

    def __init__(self, conn: int, waking: Waking, open_files: int) -> None:
        self._conn = conn
        self._waking = waking
        self._open_files = open_files
        self._frames = wire.Frames()
        self._outbox = bytearray()
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._held: Held | None = None
        self._hung_up = False
        self._abandoned = False
        self._events = select.POLLIN
        os.set_blocking(conn, False)
        self.watch(conn, self._on_socket)
        self.watch(waking.fd, self._on_signal)

    def run(self) -> int:
        """Turn the loop until there is nothing to run, and nobody to give us more."""
        while not self._done():
            for fd, _ in self._poll.poll(self._patience()):
                if handler := self._handlers.get(fd):
                    handler()
            if self._held is not None and not self._held.over:
                self._held.tick()
            if self._held is not None and self._held.over:
                self._held = None  # it has said its last word
            self._flush()
        return _ABANDONED if self._abandoned else _NOTHING_LEFT

    def _done(self) -> bool:
        return self._held is None and (self._abandoned or self._hung_up)

    # -- what a run needs

    def watch(self, fd: int, handler: Callable[[], None], events: int = select.POLLIN) -> None:
        """Call *handler* when *fd* is ready; again for the same one: change the events."""
        self._handlers[fd] = handler
        self._poll.register(fd, events)

    def ignore(self, fd: int) -> None:
        """No more."""
        if self._handlers.pop(fd, None):
            self._poll.unregister(fd)

    def tell(self, what: int, first: int = 0, second: int = 0, rest: bytes = b"") -> None:
        """Report, without waiting. All reports of one turn go together.

        An abandoned holder says nothing: its end is told by whoever notices it.
        """
        if not self._abandoned:
            self._outbox += wire.frame(what, first, second, rest)

    @property
    def behind(self) -> bool:
        """Whether reports are still on their way."""
        return bool(self._outbox) or self._abandoned

    # -- the loop

    def _patience(self) -> int | None:
        """Milliseconds until something is due; None for ever."""
        due = None if self._held is None else self._held.next_at()
        if due is None:
            return None
        return max(0, int((due - time.monotonic()) * 1000) + 1)  # rounded up: a turn too early would be followed by one

    def _on_signal(self) -> None:
        if SIGTERM in self._waking.take():
            self._abandon()  # the keeper died, or is ending everything
        if self._held is not None:
            self._held.reap()

    def _on_socket(self) -> None:
        self._flush()
        try:
            chunk = os.read(self._conn, _READ)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self.ignore(self._conn)
            self._hung_up = True
            if self._held is not None:
                self._abandon()
            return
        for frame in self._frames.feed(chunk):
            if frame[0] == wire.RUN:
                self._held = Held(self, marshal.loads(frame[3]), self._open_files)  # noqa: S302  packed by ourselves
            elif self._held is not None:
                self._held.obey(frame)  # else it is meant for a run that ended before it came

    def _abandon(self) -> None:
        """Nobody listens any more, or nobody is above us: end everything at once."""
        self._abandoned = True
        if self._held is not None:
            self._held.kill()

    def _flush(self) -> None:
        if self._outbox:
            try:
                del self._outbox[: os.write(self._conn, self._outbox)]
            except BlockingIOError:
                pass
            except OSError:
                self._outbox.clear()
                self._abandon()
        events = select.POLLIN | (select.POLLOUT if self._outbox else 0)
        if events != self._events and self._conn in self._handlers:
            self._events = events
            self._poll.modify(self._conn, events)
