"""The memory that a process and everything that came of it take."""

import os
from contextlib import suppress
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")

MOST = 100_000
"""Processes that are looked at for one service: a tree that grows while it is read must not hold us for ever."""


def tree_memory(pid: int) -> int | None:
    """Resident bytes of a service's processes together; pages they share count in each, as in the metrics.

    Its holder adopts whatever its processes leave behind: what is below the holder is the service, wherever it hid.
    Blocking, some microseconds for each process.

    Args:
        pid: The service's main process, which runs or is a zombie still.

    Returns:
        None where it cannot be known: the process is gone, or the machine has no such /proc.

    Source: proc_pid_statm(5), proc_tid_children(5).
    """
    holder = _parent(pid)
    if holder is None:
        return None
    waiting, seen, total = _children(holder), 0, 0
    if pid not in waiting:
        return None  # the kernel does not list children, or the process ended meanwhile
    while waiting and seen < MOST:
        process = waiting.pop()
        seen += 1
        total += _resident(process)
        waiting += _children(process)
    return total


def _parent(pid: int) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        # The name in it may hold spaces and brackets: the last bracket ends it.
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    return None


def _children(pid: int) -> list[int]:
    """Of all its threads; empty once it is gone."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - half the cost of a Path for each
            with suppress(OSError):
                found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split())
    return found


def _resident(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE
    return 0  # it ended meanwhile
