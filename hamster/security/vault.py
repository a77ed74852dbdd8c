"""Where keys and sessions are kept: files of the data directory, ours alone.

Both the server and `hamster token` change them: each under a lock, from what is there, all of it or nothing.
"""

import os
import secrets
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import attrs
import msgspec

from hamster.file_lock import try_lock, unlock
from hamster.security.books import Books
from hamster.security.keys import ApiKey
from hamster.security.sessions import Session

DIRECTORY = "security"
SECRET_BYTES = 32
LARGEST = 16 * 1024 * 1024
"""Bytes of the file; a key takes some 250, a session some 200."""
PATIENCE = 5.0
"""Seconds to try for the lock, which is held for one write."""
PAUSE = 0.01
VERSION = 1

T = TypeVar("T")
Mark = tuple[int, int, int] | None
"""What tells one state of the file from another, without reading it; None: there is none."""


class VaultError(Exception):
    """The file cannot be used; `path` and `reason` say which and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path = path
        self.reason = reason


@attrs.frozen
class _Kept:
    version: int
    keys: list[ApiKey]
    sessions: list[Session]


class Vault:
    """The files of one data directory. Everything here blocks.

    Raises:
        VaultError: From every call, where a file cannot be read, written or trusted.
    """

    def __init__(self, data_dir: Path) -> None:
        self.directory = data_dir / DIRECTORY
        self.path = self.directory / "access.json"
        self.secret_path = self.directory / "secret"

    def secret(self) -> bytes:
        """What tokens are signed with; made when there is none yet."""
        with self._locked():
            content = _read(self.secret_path)
            if content is None:
                content = secrets.token_bytes(SECRET_BYTES)
                _write(self.secret_path, content)
        if len(content) != SECRET_BYTES:
            reason = (
                f"has {len(content)} bytes; expected {SECRET_BYTES}; remove it to have another made: all log in anew"
            )
            raise VaultError(self.secret_path, reason)
        return content

    def mark(self) -> Mark:
        """Of the file as it is now."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VaultError(self.path, f"cannot be read: {error.strerror}") from None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self) -> Books:
        """What is kept; empty where there is no file yet."""
        content = _read(self.path)
        return Books() if content is None else _books(self.path, content)

    def change(self, how: Callable[[Books], tuple[Books, T]]) -> tuple[Books, T]:
        """Have the file hold what *how* makes of what it holds; that, and what *how* says beside it.

        What *how* raises leaves the file as it was.
        """
        with self._locked():
            before = self.read()
            after, said = how(before)
            if after is not before:
                kept = _Kept(VERSION, list(after.keys.values()), list(after.sessions.values()))
                _write(self.path, msgspec.json.format(msgspec.json.encode(kept)))
            return after, said

    @contextmanager
    def _locked(self) -> Generator[None, None, None]:
        path = self.directory / "lock"
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as error:
            raise VaultError(path, f"cannot be opened: {error.strerror}; see its permissions and the disk") from None
        with os.fdopen(descriptor, "r+b") as file:
            until = time.monotonic() + PATIENCE
            while not try_lock(file):
                if time.monotonic() > until:
                    raise VaultError(path, f"is locked by another program for over {PATIENCE:g} seconds; end that one")
                time.sleep(PAUSE)
            try:
                yield
            finally:
                unlock(file)


def _read(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultError(path, f"cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise VaultError(path, "is no regular file; remove it")
        if sys.platform != "win32":  # the user's profile directory guards it there
            if status.st_uid != os.geteuid():
                raise VaultError(path, f"belongs to user {status.st_uid}, not to {os.geteuid()}; run this as that user")
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                advice = "others may have read or changed it; see that it is right, then chmod 600"
                raise VaultError(path, f"has mode {mode:04o}; expected 0600; {advice}")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise VaultError(path, f"is larger than {LARGEST:,} bytes; it is none of ours")
    return content


def _books(path: Path, content: bytes) -> Books:
    advice = "move it away to begin anew: all keys and sessions are gone then"
    try:
        kept = msgspec.json.decode(content, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VaultError(path, f"cannot be understood: {error}; {advice}") from None
    if kept.version != VERSION:
        raise VaultError(path, f"is of version {kept.version}; expected {VERSION}; use the WatchHamster that wrote it")
    return Books({key.id: key for key in kept.keys}, {session.id: session for session in kept.sessions})


def _write(path: Path, content: bytes) -> None:
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise VaultError(path, f"cannot be written: {error.strerror}; see the disk") from None
    with suppress(OSError):  # not everywhere can a directory be opened
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
