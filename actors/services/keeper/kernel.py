"""The system calls that differ between kernels, and what is done where one is missing.

Linux has a parent-death signal and subreapers, so that nothing escapes. Elsewhere both functions return
False, there is no list of descendants, and the process group is all that can be reached: a descendant that
called setsid is lost there, and the death of the keeper alone ends nothing.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import _socket
import ctypes
import fcntl
import os
import sys

from . import signals

LINUX = sys.platform.startswith("linux")

# Unix seqpacket sockets keep records apart and say when the peer is gone; macOS has none. Records of one
# fixed size are read whole from a stream too.
CONTROL_KIND = _socket.SOCK_SEQPACKET if LINUX else _socket.SOCK_STREAM

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

# <linux/fcntl.h>; the fcntl module names it on Linux only.
_F_SETPIPE_SZ = 1031

# Fields of /proc/PID/stat counted from the one after the name, proc(5): state is 3, ppid 4, starttime 22.
_PPID = 1
_BIRTH = 19

# Parents that are walked up at most.
_DEEPEST = 200

# statx(2): <linux/stat.h>. Of the 256 bytes, `stx_mask` is the first and `stx_btime` starts at 80.
_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_STATX_SIZE = 256
_BTIME_AT = 80

if LINUX:
    # Without argtypes, which every call would convert by objects of ours: it touches less memory, and numbers
    # this small are passed right as they are.
    _prctl = ctypes.CDLL(None).prctl


class Process:
    """One process beyond doubt: a pid alone may meanwhile be another's.

    *birth* is its start time in clock ticks since the machine started.
    """

    def __init__(self, pid: int, birth: int) -> None:
        self.pid = pid
        self.birth = birth


def become_subreaper() -> bool:
    """From now on, orphaned descendants become our children instead of init's."""
    return LINUX and _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def die_with_parent(number: int) -> bool:
    """Get signal *number* when the thread that forked us ends.

    The parent may have died just before: check `os.getppid` afterwards. A change of user clears it again.
    """
    return LINUX and _prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) == 0


def name_process(name: bytes) -> None:
    """What ps and top show, at most 15 bytes. Only for the eye."""
    if LINUX:
        _prctl(_PR_SET_NAME, name, 0, 0, 0)


def grow_pipe(fd: int, size: int) -> int:
    """Ask for *size* bytes of room in a pipe, and say what it has.

    Best effort: beyond /proc/sys/fs/pipe-max-size, or pipe-user-pages-soft for a user with many, it is
    refused.
    """
    default = 65536
    if not LINUX:
        return default
    try:
        return fcntl.fcntl(fd, _F_SETPIPE_SZ, size)
    except OSError:
        return default


def descendants(root: int, proc: str = "/proc") -> list[Process]:
    """Every process below *root*, nearest first, zombies included.

    Not atomic: what forks meanwhile may be missed, so whoever must reach all of them asks again.
    Empty where there is no *proc*.

    Source: /proc/PID/task/TID/children where the kernel has it (CONFIG_PROC_CHILDREN), else every
    /proc/PID/stat.
    """
    if os.access(f"{proc}/{root}/task/{root}/children", os.R_OK):
        return _descendants_by_children(root, proc)
    return _descendants_by_scan(root, proc)


def children(root: int, proc: str = "/proc") -> list[Process]:
    """The processes whose parent *root* is."""
    if os.access(f"{proc}/{root}/task/{root}/children", os.R_OK):
        return _children_of(root, proc)
    return _scan(proc).get(root, [])


def descends(pid: int, root: int, proc: str = "/proc") -> bool:
    """Whether *pid* is a process below *root*."""
    for _ in range(_DEEPEST):
        fields = _stat(pid, proc)
        if not fields:
            return False
        pid = int(fields[_PPID])
        if pid == root:
            return True
    return False


def birth_of(fd: int) -> float | None:
    """When the open file was made, in seconds since the epoch; None where the file system does not know."""
    if not LINUX:
        return None
    buffer = ctypes.create_string_buffer(_STATX_SIZE)
    try:
        failed = ctypes.CDLL(None).statx(fd, b"", _AT_EMPTY_PATH, _STATX_BTIME, buffer)
    except AttributeError:  # a C library without it
        return None
    mask = int.from_bytes(buffer.raw[:4], sys.byteorder)
    if failed or not mask & _STATX_BTIME:
        return None
    return float(int.from_bytes(buffer.raw[_BTIME_AT : _BTIME_AT + 8], sys.byteorder, signed=True))


def send_signal(process: Process, number: int) -> None:
    """Signal *process*, and never the one that got its pid afterwards.

    Gone or not allowed: nothing happens.
    """
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # before Linux 5.3, or a sandbox without the call
        if _birth(process.pid, "/proc") == process.birth:
            kill_quietly(process.pid, number)
        return
    try:
        if _birth(process.pid, "/proc") == process.birth:
            signals.pidfd_send_signal(fd, number)
    except (ProcessLookupError, PermissionError):
        return
    finally:
        os.close(fd)


def kill_quietly(pid: int, number: int) -> None:
    """Signal the child *pid*, which was not reaped. Gone or not allowed: nothing happens."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _descendants_by_children(root: int, proc: str) -> list[Process]:
    found: list[Process] = []
    parents = [root]
    while parents:
        below = [child for parent in parents for child in _children_of(parent, proc)]
        found += below
        parents = [child.pid for child in below]
    return found


def _children_of(parent: int, proc: str) -> list[Process]:
    found: list[Process] = []
    try:
        for task in os.listdir(f"{proc}/{parent}/task"):  # noqa: PTH208  pathlib would cost every holder memory
            for pid in _read(f"{proc}/{parent}/task/{task}/children").split():
                birth = _birth(int(pid), proc)
                if birth is not None:
                    found.append(Process(int(pid), birth))
    except OSError:
        pass  # ended while being read
    return found


def _descendants_by_scan(root: int, proc: str) -> list[Process]:
    by_parent = _scan(proc)
    found = list(by_parent.get(root, []))
    for process in found:  # grows while it is walked: breadth first
        found += by_parent.get(process.pid, [])
    return found


def _scan(proc: str) -> dict[int, list[Process]]:
    by_parent: dict[int, list[Process]] = {}
    try:
        names = os.listdir(proc)  # noqa: PTH208  pathlib would cost every holder memory
    except OSError:
        return by_parent
    for name in names:
        if name.isdecimal() and (fields := _stat(int(name), proc)):
            process = Process(int(name), int(fields[_BIRTH]))
            by_parent.setdefault(int(fields[_PPID]), []).append(process)
    return by_parent


def _birth(pid: int, proc: str) -> int | None:
    fields = _stat(pid, proc)
    return int(fields[_BIRTH]) if fields else None


def _stat(pid: int, proc: str) -> list[bytes]:
    """The fields after the name, which may hold spaces and brackets itself; none once the process is gone."""
    try:
        text = _read(f"{proc}/{pid}/stat")
    except OSError:
        return []
    return text[text.rfind(b")") + 2 :].split()


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 65536)
    finally:
        os.close(fd)
