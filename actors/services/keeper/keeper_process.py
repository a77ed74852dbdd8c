"""The keeper: a single-threaded process that forks one holder per run, and sees to it that nothing escapes.

The parent-death signal follows a thread, not a process, and being a subreaper changes a whole process:
neither may be done where our own program runs. So holders are the children of this process, which does
nothing else.

It is the subreaper above the holders. A child of it that is no holder was left by a holder that got killed,
and is killed with all its descendants. When our socket ends, everything is.

Read by the keeper process alone: standard library only.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time

from . import kernel
from .holder_process import hold
from .waking import NOTED, Waking
from .wire import CONTROL, DIED, KILL_HOLDER, START, line

# Milliseconds between two looks at orphans that are being killed; most are gone by the first.
ORPHAN_ROUND = 10

# Seconds the holders have to end their services and write the last words, once we are gone.
HOLDERS_GRACE = 1.0

# A descriptor is a C int in the ancillary data.
_DESCRIPTOR_SIZE = 4


def main(arguments: list[str]) -> int:
    """Be the keeper until the other end of the socket closes.

    *arguments*: the descriptor of the socket, and the soft limit of open files that services get.
    """
    _stand_alone()
    control = socket.socket(fileno=int(arguments[0]))
    control.setblocking(False)
    # Everything is imported. What exists now is shared with every holder as long as nobody writes to it: the
    # collector would, to each object's header.
    gc.collect()
    gc.freeze()
    return KeeperProcess(control, int(arguments[1])).run()


def _stand_alone() -> None:
    """Undo what we inherited and refuse what a terminal or a shutdown sends to everybody."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) == signal.SIG_IGN and number not in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.chdir("/")  # holds no mount busy
    kernel.name_process(b"hamster-keeper")
    kernel.become_subreaper()


class KeeperProcess:
    """The parent of the holders."""

    def __init__(self, control: socket.socket, open_files: int) -> None:
        self._control = control
        self._open_files = open_files
        self._waking = Waking((signal.SIGCHLD,))
        self._holders: dict[int, int] = {}  # pid to the run's number
        self._dead: list[tuple[int, int]] = []  # number and wait status of holders whose remains are being killed
        self._outbox: list[bytes] = []  # bounded by the runs there are
        self._poll = select.poll()
        self._poll.register(control.fileno(), select.POLLIN)
        self._poll.register(self._waking.fd, select.POLLIN)

    def run(self) -> int:
        """Turn the loop until our peer is gone, then end everything."""
        while True:
            ready = self._poll.poll(ORPHAN_ROUND if self._dead else None)
            self._waking.take()
            self._reap()
            if self._dead:
                self._end_orphans()
            self._flush()
            if any(fd == self._control.fileno() for fd, _ in ready) and not self._serve():
                break
        self._end_everything()
        return 0

    def _serve(self) -> bool:
        """Do the next thing we are told; False when there is nobody to tell it."""
        try:
            record, ancillary, _, _ = self._control.recvmsg(CONTROL.size, socket.CMSG_SPACE(_DESCRIPTOR_SIZE))
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        if not record:
            return False
        what, number, _ = CONTROL.unpack(record)
        if what == START:
            self._start(number, ancillary)
        elif what == KILL_HOLDER:
            self._kill_holder(number)
        return True

    def _start(self, number: int, ancillary: list[tuple[int, int, bytes]]) -> None:
        if not ancillary:
            # No descriptor was free. The other end reads the end of file, and waits for this.
            self._outbox.append(CONTROL.pack(DIED, number, 0))
            return
        fd = int.from_bytes(ancillary[0][2][:_DESCRIPTOR_SIZE], sys.byteorder)
        os.set_inheritable(fd, False)
        conn = socket.socket(fileno=fd)
        keeper = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, NOTED)
        try:
            pid = os.fork()
            if pid == 0:
                self._become_holder(conn, keeper)
            self._holders[pid] = number
        except OSError as error:
            self._refuse(conn, number, error)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, NOTED)
            conn.close()

    def _become_holder(self, conn: socket.socket, keeper: int) -> None:
        """In the child. Ends the process, whatever happens: a second keeper must not live on."""
        status = 1
        try:
            self._control.close()
            self._waking.close()
            status = hold(conn, self._open_files, keeper)
        except BaseException as error:  # to our stderr; the keeper reports the death
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(status)

    def _refuse(self, conn: socket.socket, number: int, error: OSError) -> None:
        """No holder could be forked: say so in its place."""
        message = f"cannot fork: {error.strerror}; look at the machine's limits"
        try:
            conn.send(line({"told": "failed", "errno": error.errno, "message": message}))
            conn.send(line({"told": "empty", "lost": 0, "error": None}))
        except OSError:
            self._outbox.append(CONTROL.pack(DIED, number, 0))

    def _kill_holder(self, number: int) -> None:
        """The holder does not answer: kill it and all below it.

        A holder stuck in the kernel dies later than they.
        """
        for pid, run in self._holders.items():
            if run == number:
                below = kernel.descendants(pid)
                os.kill(pid, signal.SIGKILL)
                for process in below:
                    kernel.send_signal(process, signal.SIGKILL)

    def _reap(self) -> None:
        while self._wait_for_one():
            pass

    def _wait_for_one(self) -> bool:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        number = self._holders.pop(pid, None)
        # A holder that ended with 0 saw the last of its children go.
        if number is not None and status != 0:
            self._dead.append((number, status))
        return pid != 0

    def _end_orphans(self) -> None:
        """Kill the children that are no holders. Once there are none, their holders' deaths can be told."""
        if not self._kill_orphans():
            self._outbox += [CONTROL.pack(DIED, number, status) for number, status in self._dead]
            self._dead.clear()

    def _kill_orphans(self) -> bool:
        """False when there were none."""
        orphans = [child for child in kernel.children(os.getpid()) if child.pid not in self._holders]
        for orphan in orphans:
            for process in [orphan, *kernel.descendants(orphan.pid)]:
                kernel.send_signal(process, signal.SIGKILL)
        return bool(orphans)

    def _flush(self) -> None:
        while self._outbox:
            try:
                self._control.send(self._outbox[0])
            except BlockingIOError:
                break
            except OSError:
                self._outbox.clear()  # nobody is there; the next read says so
                break
            self._outbox.pop(0)
        self._poll.modify(self._control.fileno(), select.POLLIN | (select.POLLOUT if self._outbox else 0))

    def _end_everything(self) -> None:
        """Let the holders end their services; then kill what is left, until nothing is."""
        for pid in self._holders:
            os.kill(pid, signal.SIGTERM)
        force_at = time.monotonic() + HOLDERS_GRACE
        while self._has_children():
            if time.monotonic() < force_at:
                self._kill_orphans()
            else:
                for process in kernel.descendants(os.getpid()):
                    kernel.send_signal(process, signal.SIGKILL)
            time.sleep(ORPHAN_ROUND / 1000)

    def _has_children(self) -> bool:
        self._reap()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True
