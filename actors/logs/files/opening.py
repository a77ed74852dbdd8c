"""Open a file of a log, and nothing else: no link, no pipe, no device."""

import errno
import os
import stat
from pathlib import Path


class NotALog(OSError):
    """There is something else at this place than a regular file."""


def open_log(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the regular file at *path*. Never waits, whatever is there.

    Raises:
        FileNotFoundError: There is nothing.
        NotALog: It is a link, a directory, a pipe, a socket or a device.
        OSError: It cannot be opened.
    """
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise NotALog(errno.EINVAL, "is no regular file", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotALog(errno.EINVAL, "is no regular file", str(path))
    return fd
