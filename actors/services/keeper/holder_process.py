"""A holder: the process that owns one run of one service, from its fork to the end of its last descendant.

It is the subreaper of everything the service starts, reads what it prints, and says over its socket what
becomes of it. One thread, one poll loop. It ends with status 0 only after it said `empty`: any other end
makes the keeper look for what it may have left behind.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import json
import math
import os
import select
import signal
import socket
import time
from contextlib import suppress

from . import kernel
from .ending import GROUP, Ending
from .output import Output
from .spawn import REPORT_SIZE, explain, spawn
from .waking import NOTED, Waking
from .wire import KILL, SIGNAL, STOP, Lines, line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .ending import Act
    from .wire import CommandLine, SpecLine

# Seconds between two reports of lost output.
LOST_REPORT = 1.0

# Bytes read from the socket in one turn. Small, since it is memory of every holder; a usual spec takes one.
_READ = 8 * 1024

# Exit statuses; see above.
_SAID_EMPTY = 0
_ABANDONED = 1


def hold(conn: socket.socket, open_files: int, keeper: int) -> int:
    """Be a holder until the run is over.

    Args:
        conn: Ours to it; the spec is the first line.
        open_files: Soft limit of open files for the service.
        keeper: The pid of our parent.

    Returns:
        The exit status, see the module.
    """
    # A group of its own within the keeper's session: when the keeper dies, the kernel then continues a holder
    # that somebody stopped, and so the signal of that death reaches it.
    os.setpgid(0, 0)
    waking = Waking((signal.SIGCHLD, signal.SIGTERM))
    kernel.name_process(b"hamster-holder")
    kernel.become_subreaper()
    kernel.die_with_parent(signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, NOTED)
    if os.getppid() != keeper:
        return _ABANDONED
    return Holder(conn, waking, open_files).run()


class Holder:
    """One run of a service, seen from the process above it."""

    def __init__(self, conn: socket.socket, waking: Waking, open_files: int) -> None:
        self._conn = conn
        self._waking = waking
        self._open_files = open_files
        self._lines = Lines()
        self._outbox = bytearray()
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._spec: SpecLine | None = None
        self._output: Output | None = None
        self._ending = Ending(0.0)
        self._main: int | None = None
        self._group: int | None = None
        self._exec_report: int | None = None
        self._reported_lost = 0
        self._report_lost_at = 0.0
        self._abandoned = False
        self._over = False
        conn.setblocking(False)
        self._watch(conn.fileno(), self._on_socket)
        self._watch(waking.fd, self._on_signal)

    def run(self) -> int:
        """Turn the loop until everything is over and said."""
        while not self._over or (self._outbox and not self._abandoned):
            for fd, _ in self._poll.poll(self._patience()):
                if handler := self._handlers.get(fd):
                    handler()
            if not self._over:
                self._act(self._ending.tick(time.monotonic()))
                self._report_lost()
        return _ABANDONED if self._abandoned else _SAID_EMPTY

    # -- waiting

    def _watch(self, fd: int, handler: Callable[[], None]) -> None:
        self._handlers[fd] = handler
        self._poll.register(fd, select.POLLIN)

    def _ignore(self, fd: int) -> None:
        if self._handlers.pop(fd, None):
            self._poll.unregister(fd)

    def _patience(self) -> int | None:
        """Milliseconds until something is due; None for ever."""
        if self._over:
            return None
        due = [at for at in (self._ending.next_at, self._lost_due()) if at is not None]
        if not due:
            return None
        return max(0, math.ceil((min(due) - time.monotonic()) * 1000))

    # -- what comes in

    def _on_signal(self) -> None:
        if signal.SIGTERM in self._waking.take():
            self._abandon()  # the keeper died, or is ending everything
        self._reap()

    def _on_socket(self) -> None:
        self._flush()
        try:
            chunk = self._conn.recv(_READ)
        except BlockingIOError:
            return
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            self._ignore(self._conn.fileno())
            self._abandon()
            return
        for text in self._lines.feed(chunk):
            if self._spec is None:
                self._spawn(json.loads(text))
            else:
                self._obey(json.loads(text))

    def _on_exec_report(self) -> None:
        """The service was executed, or says why not."""
        if self._exec_report is None or self._spec is None or self._main is None:
            return
        report = os.read(self._exec_report, REPORT_SIZE)
        self._ignore(self._exec_report)
        os.close(self._exec_report)
        self._exec_report = None
        if not report:
            self._tell(told="started", pid=self._main)
            return
        number, message = explain(report, self._spec)
        self._tell(told="failed", errno=number, message=message)
        self._main = self._group = None  # its exit is no exit of the service

    def _on_output(self) -> None:
        assert self._output is not None  # noqa: S101  for the type checker
        if not self._output.pump():
            self._ignore(self._output.read_fd)

    # -- what is done

    def _spawn(self, spec: SpecLine) -> None:
        if self._over:
            return
        self._spec = spec
        self._ending = Ending(spec["grace"])
        try:
            self._output = Output(spec["log_path"])
            self._main, self._exec_report = spawn(spec, self._output.write_fd, self._open_files)
        except OSError as error:
            message = f"cannot start {spec['argv'][0]!r}: {error.strerror}; look at the machine's limits"
            self._tell(told="failed", errno=error.errno, message=message)
            self._finish()
            return
        self._group = self._main
        self._output.given_away()
        spec["env"] = {}  # not needed again, and perhaps large
        self._watch(self._output.read_fd, self._on_output)
        self._watch(self._exec_report, self._on_exec_report)

    def _obey(self, command: CommandLine) -> None:
        now = time.monotonic()
        if command["do"] == STOP:
            self._act(self._ending.stop(command["signal"], command["grace"], now))
        elif command["do"] == KILL:
            self._act(self._ending.kill(now))
        elif command["do"] == SIGNAL:
            self._signal_main(command["signal"])

    def _abandon(self) -> None:
        """Nobody listens any more, or nobody is above us: end everything at once."""
        self._abandoned = True
        if self._spec is None or self._over:
            self._over = True
        elif not self._ending.killing:
            self._act(self._ending.kill(time.monotonic()))

    def _act(self, acts: Iterable[Act]) -> None:
        for whom, number in acts:
            if whom == GROUP:
                self._signal_group(number)
            else:
                for process in kernel.descendants(os.getpid()):
                    kernel.send_signal(process, number)

    def _signal_group(self, number: int) -> None:
        if self._main is None:
            return  # reaped: its number may be another's by now
        try:
            os.killpg(self._main, number)
        except ProcessLookupError:
            self._signal_main(number)  # forked, but not yet the leader of its own group
        except PermissionError:
            pass  # it changed its user; what may be done is done

    def _signal_main(self, number: int) -> None:
        if self._main is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self._main, number)

    def _reap(self) -> None:
        """Take in whoever ended. Without children left, the run is over."""
        while self._spec is not None and not self._over:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._finish()
                return
            if pid == 0:
                return
            if pid == self._main:
                self._main_exited(status)

    def _main_exited(self, status: int) -> None:
        if self._exec_report is not None:
            self._on_exec_report()
        if self._main is not None:
            code = os.waitstatus_to_exitcode(status)
            self._tell(told="exited", code=code if code >= 0 else None, signal=-code if code < 0 else None)
        self._main = None
        self._ending.main_gone(time.monotonic())

    def _finish(self) -> None:
        """Nothing of the service is left: write its last words, and say so."""
        self._over = True
        if not kernel.LINUX and self._group is not None:
            # No orphans came to us, so what is left of the group is all that we know of.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)
        lost, error = 0, None
        if self._output is not None:
            self._output.drain()
            lost, error = self._output.lost, self._output.error
        self._tell(told="empty", lost=lost, error=error)

    # -- what goes out

    def _tell(self, **report: object) -> None:
        """Report, without waiting.

        An abandoned holder says nothing: its end is told by whoever notices it.
        """
        if self._abandoned:
            return
        self._outbox += line(report)
        self._flush()

    def _flush(self) -> None:
        if not self._outbox:
            return
        try:
            sent = self._conn.send(self._outbox)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._outbox.clear()
            self._abandon()
            return
        del self._outbox[:sent]
        self._poll.modify(self._conn.fileno(), select.POLLIN | (select.POLLOUT if self._outbox else 0))

    def _lost_due(self) -> float | None:
        """When lost output is to be reported; None while there is nothing new.

        None, too, while the last report is on its way. That bounds the outbox: a peer that does not read gets
        one report of each kind.
        """
        output = self._output
        if output is None or output.lost == self._reported_lost or self._outbox or self._abandoned:
            return None
        return self._report_lost_at

    def _report_lost(self) -> None:
        due = self._lost_due()
        now = time.monotonic()
        if due is None or now < due:
            return
        assert self._output is not None  # noqa: S101  for the type checker
        self._reported_lost = self._output.lost
        self._report_lost_at = now + LOST_REPORT
        self._tell(told="lost", bytes=self._output.lost, error=self._output.error)
