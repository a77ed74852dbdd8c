"""The run-time file: how a program finds a WatchHamster of the same user, and proves to be of that user."""

import datetime as dt
import json
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import attrs
import platformdirs
import psutil

from hamster.file_lock import try_lock, unlock

LARGEST = 64 * 1024  # bytes; a run-time file has some 300
FIELDS = ("url", "pid", "token", "started_at", "version")


class NotRunning(Exception):
    """No WatchHamster is running for `data_dir`."""

    def __init__(self, data_dir: Path, why: str) -> None:
        super().__init__(f"no WatchHamster is running for the data directory {data_dir} ({why})")
        self.data_dir = data_dir
        self.why = why


class RuntimeFileError(Exception):
    """A run-time file that cannot be trusted, read or written; `path` and `reason` say which and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the run-time file {path} {reason}")
        self.path = path
        self.reason = reason


@attrs.frozen(kw_only=True)
class RuntimeFile:
    """What a running WatchHamster says of itself.

    `token` lets its bearer do what the web may not; it is never shown. `started_at` is aware.
    """

    url: str
    pid: int = attrs.field(factory=os.getpid)
    token: str = attrs.field(factory=lambda: secrets.token_urlsafe(32), repr=False)
    started_at: dt.datetime
    version: str


def resolve_data_dir(path: Path | None) -> Path:
    """*path*, or the user's data directory for WatchHamster where None; absolute. Nothing is made yet."""
    return (path or platformdirs.user_data_path("hamster", appauthor=False)).absolute()


def runtime_path(data_dir: Path) -> Path:
    """Where the run-time file of a data directory is."""
    return data_dir / "hamster.run.json"


def lock_path(data_dir: Path) -> Path:
    """Where the lock file of a data directory is."""
    return data_dir / "hamster.lock"


@contextmanager
def published(data_dir: Path, runtime: RuntimeFile) -> Generator[RuntimeFile, None, None]:
    """While entered, *runtime* can be read by this user's programs. Enter it holding the directory's lock.

    Raises:
        RuntimeFileError: It cannot be written.
    """
    path = runtime_path(data_dir)
    try:
        write_runtime_file(data_dir, runtime)
    except OSError as error:
        raise RuntimeFileError(path, f"cannot be written: {error.strerror}; see the disk") from None
    try:
        yield runtime
    finally:
        with suppress(OSError, NotRunning, RuntimeFileError):  # gone, or no longer ours: nothing to remove
            if _read(data_dir) == runtime:
                path.unlink()


def write_runtime_file(data_dir: Path, runtime: RuntimeFile) -> None:
    """Put *runtime* in place at once: a reader sees the old file or the new one, also after a crash.

    Raises:
        OSError: As the system says.
    """
    content = attrs.asdict(runtime) | {"started_at": runtime.started_at.isoformat()}
    # mkstemp makes the file 0600 and new, so nobody else ever has it open.
    fd, name = tempfile.mkstemp(dir=data_dir, prefix=".hamster.run.")
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=2)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(runtime_path(data_dir))
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_runtime_file(data_dir: Path) -> RuntimeFile:
    """What the WatchHamster that runs for *data_dir* says of itself.

    Raises:
        NotRunning: There is none; its file may be left over.
        RuntimeFileError: The file is not ours alone, or says nothing we understand.
    """
    runtime = _read(data_dir)
    if not psutil.pid_exists(runtime.pid):
        raise NotRunning(data_dir, f"process {runtime.pid} is gone")
    if not _held(lock_path(data_dir)):
        raise NotRunning(data_dir, f"process {runtime.pid} is another program by now")
    return runtime


def _read(data_dir: Path) -> RuntimeFile:
    path = runtime_path(data_dir)
    try:
        # Non-blocking: a pipe put in its place would hold us up for ever.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        raise NotRunning(data_dir, "it has no run-time file") from None
    except OSError as error:
        raise RuntimeFileError(path, f"cannot be read: {error.strerror}; remove it") from None
    with os.fdopen(fd, "rb") as file:
        _refuse_a_strangers(path, os.fstat(fd))
        content = file.read(LARGEST + 1)
    return _parsed(path, content)


def _refuse_a_strangers(path: Path, status: os.stat_result) -> None:
    """The file leads to an address and has a token for it: no other user may have written or read it."""
    if not stat.S_ISREG(status.st_mode):
        raise RuntimeFileError(path, "is no regular file; remove it")
    if sys.platform == "win32":  # the user's profile directory guards it there
        return
    if status.st_uid != os.geteuid():
        owner = f"user {status.st_uid}, not to {os.geteuid()}"
        raise RuntimeFileError(path, f"belongs to {owner}; run this as the user that started WatchHamster")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise RuntimeFileError(path, f"has mode {mode:04o}; expected 0600; remove it and restart WatchHamster")


def _parsed(path: Path, content: bytes) -> RuntimeFile:
    broken = RuntimeFileError(path, "says nothing we understand; restart WatchHamster to have it written anew")
    try:
        parsed: object = json.loads(content)
    except (ValueError, RecursionError):
        raise broken from None
    if not isinstance(parsed, dict):
        raise broken
    record = cast("dict[str, object]", parsed)
    match [record.get(name) for name in FIELDS]:
        case [str(url), int(pid), str(token), str(started), str(version)] if pid > 0 and not isinstance(pid, bool):
            try:
                started_at = dt.datetime.fromisoformat(started)
            except ValueError:
                raise broken from None
            return RuntimeFile(url=url, pid=pid, token=token, started_at=started_at, version=version)
        case _:
            raise broken


def _held(path: Path) -> bool:
    """Whether someone holds the lock. It is ours for a moment when nobody does: see `data_dir.PATIENCE`."""
    try:
        with path.open("r+b") as file:
            if not try_lock(file):
                return True
            unlock(file)
    except OSError:
        return False
    return False
