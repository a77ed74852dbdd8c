"""Processes as the kernel knows them. Linux only: everything here is read from /proc."""

import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from bench.daemon import LAUNCH_SECONDS
from bench.question import Absent

MIB = 1024 * 1024
POLL_SECONDS = 0.002
"""Between two looks at what the kernel does not tell of: files that grow, processes that end."""
GONE_SECONDS = 5.0
"""For killed processes to be gone: the kernel needs milliseconds, more where it is busy."""


class TooSlow(Exception):
    """What was waited for did not come about within a time that is many times what it needs."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"{expected} did not come about within {LAUNCH_SECONDS:g} s; see the supervisor's stderr")
        self.expected = expected


def need_linux() -> None:
    """Raise `Absent` where there is no /proc to read."""
    if not sys.platform.startswith("linux"):
        raise Absent("needs Linux's /proc")


class Arrivals:
    """Where every process says its name and pid as soon as it is executed: a named pipe that we read."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        # Open for writing as well, or it would be at its end whenever no process has it open.
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.never = path.with_name("never")
        """A pipe that nobody writes to: who reads from it sleeps, and needs no other program for it."""
        os.mkfifo(self.never)
        self._never_fd = os.open(self.never, os.O_RDWR | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._rest = b""
        self.pids: dict[str, int] = {}
        """The last pid of each name."""
        self.everyone: set[int] = set()
        """All pids that ever arrived."""

    def wait(self, count: int) -> dict[str, int]:
        """The pids of the next *count* arrivals, by name.

        Raises:
            TooSlow: They did not come.
        """
        found: dict[str, int] = {}
        give_up = time.monotonic() + LAUNCH_SECONDS
        while len(found) < count:
            if not self._poll.poll(max(0.0, give_up - time.monotonic()) * 1000):
                raise TooSlow(f"the start of {count} processes (there were {len(found)})")
            *lines, self._rest = (self._rest + os.read(self._fd, 65536)).split(b"\n")
            for line in lines:
                name, pid = line.decode().split()
                found[name] = int(pid)
        self.pids |= found
        self.everyone |= set(found.values())
        return found

    def close(self) -> None:
        """Kill whoever is left of those that arrived, and close the pipe."""
        for pid in filter(alive, self.everyone):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # A kill is not an end yet, and what still runs would be measured with the next.
        until_gone(self.everyone, GONE_SECONDS)
        os.close(self._fd)
        os.close(self._never_fd)


def alive(pid: int) -> bool:
    """Whether *pid* runs; one that waits to be reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def until_gone(pids: Iterable[int], seconds: float) -> set[int]:
    """Wait until none of *pids* runs, for *seconds* at most; those that still do."""
    left, give_up = {pid for pid in pids if alive(pid)}, time.monotonic() + seconds
    while left and time.monotonic() < give_up:
        time.sleep(POLL_SECONDS)
        left = {pid for pid in left if alive(pid)}
    return left


def helpers(daemon: int, services: Iterable[int]) -> list[int]:
    """The processes beneath *daemon* that are its own: all but the services and what those have started."""
    theirs = set(services)
    own: list[int] = []
    left = [daemon]
    while left:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(left.pop()).children():
                if child.pid not in theirs:
                    own.append(child.pid)
                    left.append(child.pid)
    return own


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of *pids* so far, to the nanosecond: the usual counters tick in hundredths of a second."""
    total = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


def rss(pid: int) -> float:
    """Memory of *pid* in MiB, what it shares with others included."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def uss(pids: Iterable[int]) -> float:
    """Memory in MiB that would be free without *pids*, each by itself."""
    total = 0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            total += psutil.Process(pid).memory_full_info().uss
    return total / MIB
