"""An exclusive lock on an open file that the system gives up when its holder dies, however it dies."""

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt

    # Windows locks bytes against reading too: this one is far behind all that the file holds.
    _BYTE = 1 << 30

    def try_lock(file: IO[bytes]) -> bool:
        """Whether the lock is ours now; never waits.

        Raises:
            OSError: This file system knows no locks.
        """
        file.seek(_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            file.seek(0)
        return True

    def unlock(file: IO[bytes]) -> None:
        """Give up the lock."""
        file.seek(_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(file: IO[bytes]) -> bool:
        """Whether the lock is ours now; never waits.

        Raises:
            OSError: This file system knows no locks.
        """
        try:
            # flock, not lockf: that one is lost when anything in this process opens and closes the same file.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(file: IO[bytes]) -> None:
        """Give up the lock."""
        fcntl.flock(file, fcntl.LOCK_UN)
