"""The file of what was set at run time, and its backups."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import attrs

NAME = re.compile(r"settings-[0-9]{8}T[0-9]{6}-[0-9]{4,9}\.json")
"""Of a backup."""
LARGEST = 1024 * 1024
"""Bytes of a file that is read."""


class BrokenSettings(Exception):
    """A file that cannot be used; says why."""


class UnknownBackup(Exception):
    """There is no backup of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no backup {name!r}")
        self.name = name


@attrs.frozen
class Saved:
    """What was set at run time, as it is in a file."""

    settings: Mapping[str, object] = attrs.field(factory=dict[str, object])
    version: int = 0
    """How often it was changed."""
    updated_at: datetime | None = None
    reason: str = ""
    kind: str = "change"
    """What a backup was made before: `change`, `reset`, `restore`, `import`."""


@attrs.frozen
class Backup:
    """A backup on the disk."""

    name: str
    path: Path
    size: int
    created_at: datetime
    modified_at: datetime
    kind: str


def read(path: Path) -> Saved | None:
    """What the file holds; None where there is none. Blocks.

    Raises:
        BrokenSettings: It cannot be used.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BrokenSettings(f"it cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise BrokenSettings(f"it is larger than {LARGEST:,} bytes")
    try:
        table = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BrokenSettings(f"it is no JSON: {error}") from None
    return _saved(table)


def _saved(table: object) -> Saved:
    if not isinstance(table, dict):
        raise BrokenSettings("it holds no object")
    found = cast("dict[str, object]", table)
    settings, version, at = found.get("settings"), found.get("version"), found.get("last_updated")
    if not isinstance(settings, dict) or not isinstance(version, int):
        raise BrokenSettings("settings or version is missing in it")
    updated: datetime | None = None
    if isinstance(at, str):
        with suppress(ValueError):
            updated = datetime.fromisoformat(at)
    reason, kind = str(found.get("reason", "")), str(found.get("type", ""))
    return Saved(cast("Mapping[str, object]", settings), version, updated, reason, kind)


def write(path: Path, saved: Saved) -> None:
    """Have the file hold *saved*, all of it or what it held before. Blocks.

    Raises:
        OSError: It cannot be written; it holds what it held.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    table = {
        "version": saved.version,
        "last_updated": None if saved.updated_at is None else saved.updated_at.isoformat(),
        "reason": saved.reason,
        "type": saved.kind,
        "settings": saved.settings,
    }
    data = json.dumps(table, ensure_ascii=False, indent=2).encode()
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    with suppress(OSError):  # not everywhere can a directory be opened
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def set_aside(path: Path) -> Path:
    """Rename a broken file; where it is now. Blocks."""
    aside = path.with_name(f"{path.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    path.replace(aside)
    return aside


# -- backups


def backup_name(version: int, now: datetime) -> str:
    """What a backup of that version is called."""
    return f"settings-{now.astimezone(UTC):%Y%m%dT%H%M%S}-{version:04d}.json"


def backups(directory: Path) -> Sequence[Backup]:
    """All backups, newest first. Blocks."""
    found: list[Backup] = []
    with suppress(FileNotFoundError):
        for path in directory.iterdir():
            if NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                status = path.stat()
                created = datetime.strptime(path.name.split("-")[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                found.append(Backup(path.name, path, status.st_size, created, modified, _kind(path)))
    return sorted(found, key=lambda backup: (backup.created_at, int(backup.name[25:-5])), reverse=True)


def _kind(path: Path) -> str:
    try:
        saved = read(path)
    except BrokenSettings:
        return "broken"
    return "broken" if saved is None else saved.kind


def backup_path(directory: Path, name: str) -> Path:
    """Where the backup *name* is. Blocks.

    Raises:
        UnknownBackup: There is none, or that is no name of one.
    """
    path = directory / name
    if not NAME.fullmatch(name) or not path.is_file() or path.is_symlink():
        raise UnknownBackup(name)
    return path


def clean(directory: Path, *, most: int, oldest: datetime) -> int:
    """Remove all backups but the *most* newest, and those from before *oldest*; how many. Blocks."""
    gone = [backup for place, backup in enumerate(backups(directory)) if place >= most or backup.created_at < oldest]
    for backup in gone:
        backup.path.unlink(missing_ok=True)
    return len(gone)
