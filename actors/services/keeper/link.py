"""One incarnation of the keeper process, from its launch to its end, as we see it."""

from __future__ import annotations

import logging
import resource
import socket
import subprocess
import sys
from array import array
from contextlib import suppress
from pathlib import Path

import trio

from . import kernel
from .wire import CONTROL, GUARD, KILL_HOLDER, RELEASE, START

_log = logging.getLogger(__name__)

# Seconds that the keeper may take to accept a request. It does nothing that waits, so this is a stopped
# process or a machine in deep trouble.
HAND_OVER_BOUND = 5.0

# Seconds for the keeper to end after its socket did: its holders get 1, then it kills.
END_BOUND = 2.5


class KeeperUnavailable(OSError):
    """No keeper could be launched, or it does not take requests. What runs already runs on."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the keeper process is not available: {reason}; nothing was started; try again")
        self.reason = reason


class KeeperGone(Exception):
    """This incarnation has ended. Inside the package only: a new one is launched."""


def soft_open_files() -> int:
    """The soft limit of open files of this process."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def keeper_command(descriptor: int, open_files: int) -> list[str]:
    """How to execute the keeper. A frozen build, which has no interpreter, changes this function alone."""
    package = str(Path(__file__).parent)
    return [sys.executable, "-I", "-S", "-X", "utf8", package, str(descriptor), str(open_files)]


class Link:
    """Our end of the socket to a keeper process."""

    def __init__(self, process: trio.Process, control: socket.socket) -> None:
        self.gone = trio.Event()
        """The process has ended."""
        self._process = process
        self._control = control
        self._live: set[int] = set()  # the holders that are followed
        self._dead: set[int] = set()
        self._news = trio.Event()

    @classmethod
    async def launch(cls, open_files: int) -> Link:
        """Execute a keeper.

        Raises:
            KeeperUnavailable: The process could not be made.
        """
        try:
            control, theirs = socket.socketpair(socket.AF_UNIX, kernel.CONTROL_KIND)
        except OSError as error:
            raise KeeperUnavailable(f"no socket: {error.strerror}") from error
        with theirs:
            try:
                # In a worker thread, which may end: nothing in the keeper depends on the thread that launched
                # it.
                process = await trio.lowlevel.open_process(
                    keeper_command(theirs.fileno(), open_files),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                    pass_fds=(theirs.fileno(),),
                )
            except BaseException as error:
                control.close()
                if isinstance(error, OSError):
                    raise KeeperUnavailable(f"cannot execute {sys.executable}: {error.strerror}") from error
                raise
        control.setblocking(False)
        return cls(process, control)

    @property
    def pid(self) -> int:
        """Of the keeper process."""
        return self._process.pid

    async def hand_over(self, number: int, conn: socket.socket) -> None:
        """Have a holder forked that gets *conn*. One at a time.

        Raises:
            KeeperGone: It has ended.
            KeeperUnavailable: It does not take the request.
        """
        descriptors = array("i", [conn.fileno()])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
        with trio.move_on_after(HAND_OVER_BOUND):
            while not self.gone.is_set():
                try:
                    self._control.sendmsg([CONTROL.pack(START, number, 0)], ancillary)
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._control)
                except (BrokenPipeError, ConnectionResetError, trio.ClosedResourceError):
                    raise KeeperGone from None
                except OSError as error:
                    raise KeeperUnavailable(f"cannot pass a descriptor: {error.strerror}") from error
                else:
                    self._live.add(number)
                    return
            raise KeeperGone
        raise KeeperUnavailable(f"it has not read for {HAND_OVER_BOUND} s")

    def kill_holder(self, number: int) -> None:
        """Have a holder killed that does not answer. Never waits; ask again when nothing happens."""
        try:
            self._control.send(CONTROL.pack(KILL_HOLDER, number, 0))
        except BlockingIOError:
            _log.error("keeper.silent pid=%d run=%d", self.pid, number)
        except OSError:
            pass  # it has ended, and with it every holder

    def guard(self, number: int, pid: int, pidfd: int) -> None:
        """Have the child *pid* of ours killed should we die. Never waits: of one that cannot be told that is logged."""
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [pidfd]))]
        try:
            self._control.sendmsg([CONTROL.pack(GUARD, number, pid)], ancillary)
        except OSError as error:
            _log.debug("keeper.not_guarded pid=%d child=%d error=%s", self.pid, pid, error)

    def release(self, number: int) -> None:
        """That child has ended. Never waits; should it not be told, the keeper sees for itself that it has ended."""
        with suppress(OSError):
            self._control.send(CONTROL.pack(RELEASE, number, 0))

    async def wait_for_remains(self, number: int) -> bool:
        """Wait until a holder that died without a word left nothing behind.

        Returns:
            True when the keeper said so. False when the keeper is gone too, whose death ended the holder.
        """
        while not (number in self._dead or self.gone.is_set()):
            await self._news.wait()
        return number in self._dead

    def forget(self, number: int) -> None:
        """That run is over."""
        self._live.discard(number)
        self._dead.discard(number)

    async def watch(self) -> None:
        """Read what the keeper says, until it ends."""
        try:
            while record := await self._receive():
                _, number, _ = CONTROL.unpack(record)
                self._dead.update({number} & self._live)
                self._tell()
            with trio.move_on_after(END_BOUND) as patience:
                await self._process.wait()
            if patience.cancelled_caught:
                _log.error("keeper.does_not_end pid=%d after_s=%.1f next=kill", self.pid, END_BOUND)
                self._process.kill()
                await self._process.wait()
        finally:
            self.gone.set()
            self._tell()
            self._hang_up()

    def close(self) -> None:
        """Tell the keeper to end everything and leave: its socket ends. `watch` sees it out."""
        with suppress(OSError):  # it already did
            self._control.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """End the process by force; its holders end by themselves then."""
        self._process.kill()

    async def _receive(self) -> bytes:
        while True:
            try:
                return self._control.recv(CONTROL.size)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._control)
            except OSError:
                return b""  # reset: it died before it read everything

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    def _hang_up(self) -> None:
        if self._control.fileno() >= 0:
            trio.lowlevel.notify_closing(self._control)
            self._control.close()
