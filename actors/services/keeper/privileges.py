"""As whom a service runs, how urgently and within which limits: what its process does to itself before exec.

Everything here is done in the forked child, so that nothing of it is left in the holder: not the modules that look
users up, nor what they open. Read by the keeper process: standard library only.
"""

from __future__ import annotations

import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .wire import SpecRecord

    # User, group, and all groups.
    Identity = tuple[int, int, list[int]]


class UnknownName(Exception):
    """There is no such user, or no such group. *step* is the one that failed, see `spawn.explain`."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


def identity(user: str | None, group: str | None) -> Identity | None:
    """The numbers of *user*, of *group* in place of the user's own, and of all the groups of the user.

    Returns:
        None when it is to stay as it is.

    Raises:
        UnknownName: One of them is not known; a number of a user that is not needs a group with it.
    """
    if user is None and group is None:
        return None
    import pwd

    gid = None if group is None else _gid(group)
    if user is None:
        return os.getuid(), os.getgid() if gid is None else gid, os.getgroups()
    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except (KeyError, OverflowError):
        if not user.isdecimal() or gid is None:
            raise UnknownName("no user") from None
        return int(user), gid, [gid]
    own = entry.pw_gid if gid is None else gid
    return entry.pw_uid, own, os.getgrouplist(entry.pw_name, own)


def _gid(group: str) -> int:
    import grp

    if group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise UnknownName("no group") from None


def assume(who: Identity) -> None:
    """Become *who*, for good. Nothing happens to a process that is it already.

    Raises:
        OSError: Not allowed; only root may.
    """
    uid, gid, groups = who
    if (os.getuid(), os.geteuid(), os.getgid(), os.getegid()) == (uid, uid, gid, gid) and os.getuid() != 0:
        return
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def limit(spec: SpecRecord, open_files: int) -> None:
    """Set the limits of *spec*, and the soft one of open files to *open_files* where it has none.

    Raises:
        OSError: Not allowed; only root may go beyond a hard limit.
        ValueError: The same, as Python tells it.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, hard))
    for name, value in spec["limits"].items():
        number = resource.RLIM_INFINITY if value < 0 else value
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (number, number))
