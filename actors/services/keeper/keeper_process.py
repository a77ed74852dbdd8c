"""The keeper: a single-threaded process that forks one holder per run, and sees to it that nothing escapes.

The parent-death signal follows a thread, not a process, and being a subreaper changes a whole process:
neither may be done where our own program runs. So holders are the children of this process, which does
nothing else.

It is the subreaper above the holders. A child of it that is no holder was left by a holder that got killed,
and is killed with all its descendants. When our socket ends, everything is.

Read by the keeper process alone: standard library only.
"""

from __future__ import annotations

import _socket
import errno
import gc
import os
import select
import sys
import time

from . import kernel, signals, wire
from .holder_process import hold
from .waking import NOTED, SURVIVED, Waking, install_handlers
from .wire import CONTROL, DIED, GUARD, KILL_HOLDER, RELEASE, START

# Milliseconds between two looks at orphans that are being killed; most are gone by the first.
ORPHAN_ROUND = 10

# Seconds the holders have to end their services and write the last words, once we are gone.
HOLDERS_GRACE = 1.0

# A descriptor is a C int in the ancillary data.
_DESCRIPTOR_SIZE = 4
_ANCILLARY = _socket.CMSG_SPACE(_DESCRIPTOR_SIZE)
_CLOSE_ON_EXEC = _socket.MSG_CMSG_CLOEXEC if kernel.LINUX else 0

# Records that are served in one turn.
_AT_ONCE = 64


def main(arguments: list[str]) -> int:
    """Be the keeper until the other end of the socket closes.

    *arguments*: the descriptor of the socket, and the soft limit of open files that services get.
    """
    _stand_alone()
    control = _socket.socket(fileno=int(arguments[0]))
    control.setblocking(False)
    # Everything is imported. What exists now is shared with every holder as long as nobody writes to it: the
    # collector would, to each object's header.
    gc.collect()
    gc.freeze()
    return KeeperProcess(control, int(arguments[1])).run()


def _stand_alone() -> None:
    """Undo what we inherited and survive what a terminal or a shutdown sends to everybody."""
    for number in signals.valid_signals() - {signals.SIGKILL, signals.SIGSTOP, *SURVIVED}:
        if signals.getsignal(number) == signals.SIG_IGN:
            signals.signal(number, signals.SIG_DFL)
    install_handlers()
    signals.pthread_sigmask(signals.SIG_SETMASK, ())
    os.chdir("/")  # holds no mount busy
    kernel.name_process(b"hamster-keeper")
    kernel.become_subreaper()


class KeeperProcess:
    """The parent of the holders."""

    def __init__(self, control: _socket.socket, open_files: int) -> None:
        self._control = control
        self._open_files = open_files
        self._waking = Waking()
        self._holders: dict[int, int] = {}  # pid to number
        self._dead: list[tuple[int, int]] = []  # number and wait status of holders whose remains are being killed
        self._guarded: dict[int, tuple[int, int]] = {}  # number to pid and pidfd of children of our peer
        self._outbox: list[bytes] = []  # bounded by the runs there are
        self._poll = select.poll()
        self._events = select.POLLIN
        self._poll.register(control.fileno(), self._events)
        self._poll.register(self._waking.fd, select.POLLIN)

    def run(self) -> int:
        """Turn the loop until our peer is gone, then end everything."""
        while True:
            ready = self._poll.poll(ORPHAN_ROUND if self._dead else None)
            self._waking.take()
            self._reap()
            if any(fd == self._control.fileno() for fd, _ in ready) and not self._serve():
                break
            if self._dead:
                self._end_orphans()
            self._flush()  # last: what any of the others has to tell
        self._end_everything()
        return 0

    def _serve(self) -> bool:
        """Do what we are told; False when there is nobody to tell it.

        A fork makes every page that is touched after it a copy, so what has come is done in one go.
        """
        signals.pthread_sigmask(signals.SIG_BLOCK, NOTED)
        try:
            for _ in range(_AT_ONCE):
                try:
                    record, ancillary, _, _ = self._control.recvmsg(CONTROL.size, _ANCILLARY, _CLOSE_ON_EXEC)
                except BlockingIOError:
                    break
                except ConnectionResetError:
                    return False
                if not record:
                    return False
                what, number, value = CONTROL.unpack(record)
                if what == GUARD and ancillary:
                    self._guarded[number] = value, _descriptor(ancillary)
                elif what == RELEASE:
                    self._release(number)
                elif what == START:
                    self._start(number, ancillary)
                elif what == KILL_HOLDER:
                    self._kill_holder(number)
            return True
        finally:
            signals.pthread_sigmask(signals.SIG_UNBLOCK, NOTED)

    def _start(self, number: int, ancillary: list[tuple[int, int, bytes]]) -> None:
        """Fork a holder. With the signals blocked."""
        if not ancillary:
            # No descriptor was free. The other end reads the end of file, and waits for this.
            self._outbox.append(CONTROL.pack(DIED, number, errno.EMFILE))
            return
        conn = _descriptor(ancillary)
        keeper = os.getpid()
        try:
            pid = os.fork()
            if pid == 0:
                self._become_holder(conn, keeper)
            self._holders[pid] = number
        except OSError as error:
            self._refuse(conn, number, error)
        finally:
            os.close(conn)

    def _become_holder(self, conn: int, keeper: int) -> None:
        """In the child. Ends the process, whatever happens: a second keeper must not live on."""
        status = 1
        try:
            os.set_inheritable(conn, False)
            self._control.close()
            self._waking.close()
            for number in list(self._guarded):
                self._release(number)
            status = hold(conn, self._open_files, keeper)
        except BaseException as error:  # to our stderr; the keeper reports the death
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(status)

    def _release(self, number: int) -> None:
        guarded = self._guarded.pop(number, None)
        if guarded is not None:
            os.close(guarded[1])

    def _kill_guarded(self) -> None:
        """Kill the children of our peer, which is gone: their groups, and all that descends from them."""
        for pid, pidfd in self._guarded.values():
            if _has_ended(pidfd):
                continue  # its number may be another's by now
            below = kernel.descendants(pid)
            _kill_group(pid)
            for process in below:
                kernel.send_signal(process, signals.SIGKILL)

    def _refuse(self, conn: int, number: int, error: OSError) -> None:
        """No holder could be forked: say so in its place."""
        message = f"cannot fork: {error.strerror}; look at the machine's limits"
        try:
            os.write(conn, wire.frame(wire.FAILED, error.errno or 0, 1, message.encode()) + wire.frame(wire.EMPTY, 1))
        except OSError:
            self._outbox.append(CONTROL.pack(DIED, number, 0))

    def _kill_holder(self, number: int) -> None:
        """The holder does not answer: kill it and all below it.

        A holder stuck in the kernel dies later than they.
        """
        for pid, holder in self._holders.items():
            if holder == number:
                below = kernel.descendants(pid)
                os.kill(pid, signals.SIGKILL)
                for process in below:
                    kernel.send_signal(process, signals.SIGKILL)

    def _reap(self) -> None:
        while self._wait_for_one():
            pass

    def _wait_for_one(self) -> bool:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        number = self._holders.pop(pid, None)
        if number is not None and status != 0:  # with 0 it saw the last of its children go
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
                kernel.send_signal(process, signals.SIGKILL)
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
        events = select.POLLIN | (select.POLLOUT if self._outbox else 0)
        if events != self._events:
            self._events = events
            self._poll.modify(self._control.fileno(), events)

    def _end_everything(self) -> None:
        """Let the holders end their services; then kill what is left, until nothing is."""
        self._kill_guarded()
        for pid in self._holders:
            os.kill(pid, signals.SIGTERM)
        force_at = time.monotonic() + HOLDERS_GRACE
        while self._has_children():
            if time.monotonic() < force_at:
                self._kill_orphans()
            else:
                for process in kernel.descendants(os.getpid()):
                    kernel.send_signal(process, signals.SIGKILL)
            time.sleep(ORPHAN_ROUND / 1000)

    def _has_children(self) -> bool:
        self._reap()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True


def _descriptor(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The one that came with a record."""
    return int.from_bytes(ancillary[0][2][:_DESCRIPTOR_SIZE], sys.byteorder)


def _has_ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signals.SIGKILL)
    except OSError:
        return  # it ended just now, or became somebody whom we may not kill
