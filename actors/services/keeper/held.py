"""One run of a service, seen from the process above it: from its fork to the end of its last descendant.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import errno
import os
import select
import time

from . import kernel, wire
from .ending import GROUP, Ending
from .notices import Notices
from .output import Output
from .signals import SIGKILL
from .spawn import REPORT_SIZE, explain, spawn
from .stdin import Input

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from .ending import Act
    from .wire import Frame, SpecRecord

    class Loop(Protocol):
        """What a run needs of its holder."""

        def tell(self, what: int, first: int = 0, second: int = 0, rest: bytes = b"") -> None:
            """Report, without waiting."""
            ...

        @property
        def behind(self) -> bool:
            """Whether reports are still on their way."""
            ...

        def watch(self, fd: int, handler: Callable[[], None], events: int = select.POLLIN) -> None:
            """Call *handler* when *fd* is ready; again for the same one: change the events."""
            ...

        def ignore(self, fd: int) -> None:
            """No more."""
            ...


# Bytes lost, rotations, and what is wrong with the log, at first.
_UNEVENTFUL: tuple[int, int, str | None] = (0, 0, None)

# Seconds between two reports of lost output or of rotations.
_OUTPUT_REPORT = 1.0

# Seconds between two notices that are passed on; the first one goes at once.
_NOTICE_REPORT = 0.05

# Milliseconds to wait for the exec. It takes one or two, and whatever we did meanwhile would copy memory that
# is shared with the child until then. Past them it is waited for with everything else.
_EXEC_WAIT = 20

# What the machine may be short of for a while. No fault of the command's: it is worth trying again.
_MACHINE = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOBUFS)

# Whoever of these cannot be: in a report, the number that there is not.
_NONE = -1


class Held:
    """One run. *over* once nothing of the service is left."""

    def __init__(self, loop: Loop, spec: SpecRecord, open_files: int) -> None:
        self.over = False
        self._loop = loop
        self._spec = spec
        self._ending = Ending(spec["grace"])
        self._output: Output | None = None
        self._input: Input | None = None
        self._notices: Notices | None = None
        self._main: int | None = None
        self._group: int | None = None
        self._exec_report: int | None = None
        self._told_output = _UNEVENTFUL
        self._output_report_at = self._notice_report_at = 0.0
        self._input_told = 0
        try:
            self._spawn(open_files)
        except OSError as error:
            program = os.fsdecode(spec["argv"][0])
            message = f"cannot start {program!r}: {error.strerror}; look at the machine's limits"
            self._fail(error.errno or 0, message, machine=True)
            self._finish()

    @property
    def killing(self) -> bool:
        """Whether only SIGKILL follows."""
        return self._ending.killing

    def next_at(self) -> float | None:
        """When `tick` must be called at the latest; None for no time in particular."""
        due = [self._ending.next_at, self._output_due(), self._notice_due()]
        if self._output is not None:
            due.append(self._output.log.due)
        return min((at for at in due if at is not None), default=None)

    def tick(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        self._act(self._ending.tick(now))
        if self._output is not None and self._main is not None:
            self._output.log.tick(now)
        if (due := self._output_due()) is not None and now >= due:
            self._output_report_at = now + _OUTPUT_REPORT
            self._tell_output()
        if (due := self._notice_due()) is not None and now >= due:
            self._notice_report_at = now + _NOTICE_REPORT
            self._tell_notice()

    def obey(self, frame: Frame) -> None:
        """Do what we are told."""
        what, first, second, rest = frame
        now = time.monotonic()
        if what == wire.STOP:
            self._act(self._ending.stop(first, second / wire.MICROSECONDS, now))
        elif what == wire.KILL:
            self.kill()
        elif what == wire.SIGNAL:
            self._signal_main(first)
        elif what == wire.INPUT and self._input is not None:
            self._input.put(rest)
            self._after_input()
        elif what == wire.CLOSE_INPUT and self._input is not None:
            self._input.end()
            self._after_input()

    def kill(self) -> None:
        """End all of it at once."""
        if not self._ending.killing:
            self._act(self._ending.kill(time.monotonic()))

    def reap(self) -> None:
        """Take in whoever ended. Without children left, the run is over."""
        if self._notices is not None:
            self._notices.receive(os.getpid())  # nobody can be told from others once it is reaped
        while not self.over:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._finish()
                return
            if pid == 0:
                return
            if pid == self._main:
                self._main_exited(status)
            elif self._output is not None and pid == self._output.log.worker:
                self._output.log.worker_ended(status)

    # -- the beginning

    def _spawn(self, open_files: int) -> None:
        spec = self._spec
        self._output = Output(spec["log_path"], spec["rotation"])
        env: dict[bytes, bytes] = {}
        if spec["stdin"] == "pipe":
            self._input = Input()
        if spec["notify"]:
            self._notices = Notices(spec["watchdog"])
            env = self._notices.env
        input_fd = None if self._input is None else self._input.read_fd
        self._main, report = spawn(spec, env, input_fd, self._output.write_fd, open_files)
        self._group, self._exec_report = self._main, report
        spec["env"] = {}  # not needed again, and perhaps large
        self._output.given_away()
        if self._input is not None:
            self._input.given_away()
        self._loop.watch(self._output.read_fd, self._on_output)
        if self._notices is not None:
            self._loop.watch(self._notices.fd, self._on_notice)
        self._loop.watch(report, self._on_exec_report)
        poll = select.poll()
        poll.register(report, select.POLLIN)
        poll.poll(_EXEC_WAIT)
        self._on_exec_report()

    def _on_exec_report(self) -> None:
        """The service was executed, or says why not."""
        if self._exec_report is None or self._main is None:
            return
        try:
            report = os.read(self._exec_report, REPORT_SIZE)
        except BlockingIOError:
            return  # neither yet
        self._loop.ignore(self._exec_report)
        os.close(self._exec_report)
        self._exec_report = None
        if not report:
            self._loop.tell(wire.STARTED, self._main)
            return
        number, message = explain(report, self._spec)
        self._fail(number, message, machine=number in _MACHINE)
        self._main = self._group = None  # its exit is no exit of the service

    def _fail(self, number: int, message: str, *, machine: bool) -> None:
        self._loop.tell(wire.FAILED, number, int(machine), message.encode("utf-8", "surrogateescape"))

    # -- the end

    def _main_exited(self, status: int) -> None:
        self._on_exec_report()
        if self._output is not None:
            # What it printed is in the log when its end is told. Whoever else holds the pipe delays that by what
            # is in it now.
            self._output.drain()
            self._output.log.stop_worker()
        if self._main is not None:
            self._tell_notice()
            code = os.waitstatus_to_exitcode(status)
            self._loop.tell(wire.EXITED, max(code, _NONE), max(-code, _NONE) if code < 0 else _NONE)
        self._main = None
        self._ending.main_gone(time.monotonic())

    def _finish(self) -> None:
        """Nothing of the service is left: write its last words, and say so."""
        self.over = True
        if not kernel.LINUX and self._group is not None:
            # No orphans came to us, so what is left of the group is all that we know of.
            try:
                os.killpg(self._group, SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._group = None
        if self._output is not None:
            self._output.drain()
            self._tell_output()
            self._loop.ignore(self._output.read_fd)
            self._output.close()
        if self._input is not None:
            self._loop.ignore(self._input.write_fd)
            self._input.close()
        if self._notices is not None:
            self._loop.ignore(self._notices.fd)
            self._notices.close()
        self._loop.tell(wire.EMPTY)

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
            return  # it changed its user; what may be done is done

    def _signal_main(self, number: int) -> None:
        if self._main is not None:
            kernel.kill_quietly(self._main, number)

    # -- output, input and notices

    def _on_output(self) -> None:
        if self._output is not None and not self._output.pump():
            self._loop.ignore(self._output.read_fd)

    def _output_due(self) -> float | None:
        """When lost output or rotations are to be reported; None while there is nothing new.

        None, too, while the last report is on its way. That bounds what waits: a peer that does not read gets
        one report of each kind.
        """
        if self._output is None or self._output_state() == self._told_output or self._loop.behind:
            return None
        return self._output_report_at

    def _output_state(self) -> tuple[int, int, str | None]:
        if self._output is None:
            return _UNEVENTFUL
        log = self._output.log
        return log.lost, log.rotations, log.error

    def _tell_output(self) -> None:
        """Unless there is nothing new."""
        state = self._output_state()
        if state != self._told_output:
            self._told_output = state
            lost, rotations, error = state
            self._loop.tell(wire.OUTPUT, lost, rotations, (error or "").encode("utf-8", "surrogateescape"))

    def _after_input(self) -> None:
        """Wait for room if there has to be, and say what was taken."""
        if self._input is None:
            return
        if self._input.waiting:
            self._loop.watch(self._input.write_fd, self._on_input_room, select.POLLOUT)
        else:
            self._loop.ignore(self._input.write_fd)
        if self._input.taken != self._input_told or not self._input.open:
            self._input_told = self._input.taken
            self._loop.tell(wire.INPUT_TAKEN, self._input.taken, int(not self._input.open))

    def _on_input_room(self) -> None:
        if self._input is not None:
            self._input.flush()
            self._after_input()

    def _on_notice(self) -> None:
        if self._notices is not None:
            self._notices.receive(os.getpid())

    def _notice_due(self) -> float | None:
        if self._notices is None or not self._notices.news or self._loop.behind:
            return None
        return self._notice_report_at

    def _tell_notice(self) -> None:
        if self._notices is not None and self._notices.news:
            bits, status = self._notices.take()
            self._loop.tell(wire.NOTICE, bits, 0, status)
