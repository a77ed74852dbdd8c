"""The data directory: what is in it, and that only one WatchHamster uses it."""

import os
import stat
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from actors.settings import LOGS
from hamster.file_lock import try_lock, unlock
from hamster.runtime_file import NotRunning, RuntimeFileError, lock_path, read_runtime_file

# Seconds to try for the lock: someone who only looks whether it is held has it for microseconds.
PATIENCE = 0.25
PAUSE = 0.01  # seconds between two tries


class DataDirError(Exception):
    """A data directory that cannot be used; `data_dir` and `reason` say which and why."""

    def __init__(self, data_dir: Path, reason: str) -> None:
        super().__init__(f"the data directory {data_dir} {reason}")
        self.data_dir = data_dir
        self.reason = reason


class DataDirInUse(DataDirError):
    """Another WatchHamster uses the directory: `pid` and `url` tell it, None where it did not say (yet)."""

    def __init__(self, data_dir: Path, pid: int | None, url: str | None) -> None:
        who = f"process {pid}" if pid is not None else "a process that has just begun"
        where = f" at {url}" if url else ""
        reason = f"is in use by {who}{where}; stop that WatchHamster or give this one another --data-dir"
        super().__init__(data_dir, reason)
        self.pid = pid
        self.url = url


def prepare_data_dir(data_dir: Path) -> Path:
    """Make *data_dir* and its logs/ where they are missing, for us alone, and see that we can write there.

    Returns:
        The directory.

    Raises:
        DataDirError: Something else is in its place, or it cannot be made or written.
    """
    for directory in (data_dir, data_dir / LOGS):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            raise DataDirError(data_dir, f"cannot be used: {directory} is a file; remove it") from None
        except NotADirectoryError:
            raise DataDirError(data_dir, "cannot be made: a part of its path is a file; choose another") from None
        except OSError as error:
            raise _unwritable(data_dir, error) from None
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            raise DataDirError(data_dir, f"cannot be used: {directory} may not be written; see its permissions")
    return data_dir


def _unwritable(data_dir: Path, error: OSError) -> DataDirError:
    reason = error.strerror or str(error)
    return DataDirError(data_dir, f"cannot be written: {reason}; see its permissions or choose another --data-dir")


class DataDirLock:
    """While entered, no other WatchHamster uses the directory. The directory must exist.

    The file stays when the lock is given up: whoever removed it could remove one that was made just then.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """
        Raises:
            DataDirInUse: Someone else has it.
            DataDirError: The lock file cannot be written, or the file system knows no locks.
        """
        try:
            file = _open(lock_path(self.data_dir))
        except OSError as error:
            raise _unwritable(self.data_dir, error) from None
        try:
            if not _lock(file):
                raise _in_use(self.data_dir, file)
            file.truncate(0)
            file.write(b"%d\n" % os.getpid())
            file.flush()
        except OSError as error:
            file.close()
            raise DataDirError(self.data_dir, f"cannot be locked: {error.strerror}; choose another") from None
        except BaseException:
            file.close()
            raise
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        file, self._file = self._file, None
        if file is not None:
            unlock(file)
            file.close()


def _open(path: Path) -> IO[bytes]:
    # No link is followed: in a directory others can write to, it could lead to any file of ours.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    fd = os.open(path, flags, 0o600)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(0, f"{path.name} is no file")
    return os.fdopen(fd, "r+b")


def _lock(file: IO[bytes]) -> bool:
    until = time.monotonic() + PATIENCE
    while not try_lock(file):
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE)
    return True


def _in_use(data_dir: Path, file: IO[bytes]) -> DataDirInUse:
    said = file.read(32).strip()
    pid = int(said) if said.isdigit() else None
    try:
        runtime = read_runtime_file(data_dir)
    except (NotRunning, RuntimeFileError):
        return DataDirInUse(data_dir, pid, None)
    return DataDirInUse(data_dir, pid, runtime.url if runtime.pid == pid else None)
