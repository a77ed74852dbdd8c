"""The audit log: one line of JSON for each security event and each call that may change something.

Written by a thread of its own, through a queue with a bound, so that no request waits for the disk. What finds no room
is counted, and the count stands where it is missing. It is no file of the log directory itself: what may be read of
that over HTTP needs less than an admin.
"""

import json
import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hamster.line_writer import LineWriter
from hamster.security.identity import Identity
from hamster.security.pace import Pace, Rate

FOLDER = "audit"
FILE = "audit.jsonl"
MAX_BYTES = 10 * 1024 * 1024
BACKUPS = 9
"""Older files that are kept: 100 MB in all, some 400,000 lines."""
LONGEST = 300
"""Characters of a path or a name that are noted."""
DENIALS = Rate(5.0, 200)
"""Of requests that were turned away, from all together: whoever sends a flood of them must not push out the rest."""

Note = Callable[[str], None]

# A path or a name is what somebody sent, who may have put there what belongs into a header.
_OURS = re.compile(r"h[krt]_[A-Za-z0-9_-]{8,}|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class Audit:
    """Notes events. Nothing that is noted may hold a secret: no header, no body, no query of a request does."""

    def __init__(self, line: Note | None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """*line* takes each line; None: nothing is noted."""
        self._line = line
        self._now = now
        self._denials = Pace(DENIALS)
        self._passed_over = 0

    def note(
        self,
        event: str,
        *,
        who: Identity | str | None = None,
        peer: str | None = None,
        **more: str | float | None,
    ) -> None:
        """Note *event*; never waits.

        Args:
            event: `login.failed`.
            who: As whom it was done, or who it says it is; None: nobody said.
            peer: The address it came from.
            more: What else there is to say; what is None is left away.
        """
        if self._line is None:
            return
        name = who.label if isinstance(who, Identity) else who
        found = {"time": self._now().isoformat(timespec="milliseconds"), "event": event, "who": name, "peer": peer}
        told = {key: _short(value) for key, value in {**found, **more}.items() if value is not None}
        self._line(json.dumps(told, ensure_ascii=False))

    def denied(self, event: str, *, who: Identity | str | None, peer: str | None, **more: str | int | None) -> None:
        """Note that somebody was turned away; when there are very many, only how many more there were."""
        if self._denials.take("all", self._now().timestamp()):
            self._passed_over += 1
            return
        passed_over, self._passed_over = self._passed_over, 0
        self.note(event, who=who, peer=peer, **more, not_noted_before=passed_over or None)


def _short(value: str | float) -> str | float:
    if not isinstance(value, str):
        return value
    safe = _OURS.sub("***", value)
    return safe if len(safe) <= LONGEST else safe[:LONGEST] + "..."


def audit_path(logs_dir: Path) -> Path:
    """Where the audit log is."""
    return logs_dir / FOLDER / FILE


@contextmanager
def open_audit(logs_dir: Path, *, max_bytes: int = MAX_BYTES, backups: int = BACKUPS) -> Generator[Audit, None, None]:
    """The audit log below *logs_dir*, for the time of the block. Blocks while it is entered and left.

    Raises:
        OSError: It cannot be written.
    """
    file = _Rotated(audit_path(logs_dir), max_bytes, backups)
    writer = LineWriter(file.write, notice=_notice, name="audit")
    try:
        with writer as lines:
            yield Audit(lines.line)
    finally:
        if writer.ended:
            file.close()  # else the thread is still at it: the number must not become another file's


def _notice(count: int) -> str:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "event": "audit.dropped", "count": count})


class _Rotated:
    """A file that is renamed when it is full: `audit.jsonl.1` is the one before."""

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._backups = backups
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        self._file = os.fdopen(os.open(self._path, flags, 0o600), "ab")
        self._size = self._file.seek(0, os.SEEK_END)

    def write(self, line: str) -> None:
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        if self._size and self._size + len(data) > self._max_bytes:
            self._rotate()
        self._file.write(data)
        self._file.flush()
        self._size += len(data)

    def _rotate(self) -> None:
        try:
            for number in range(self._backups, 0, -1):
                older = self._path.with_name(f"{self._path.name}.{number}")
                newer = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
                if newer.exists():
                    newer.replace(older)
            before = self._file
            self._open()
            before.close()
        except OSError:
            self._size = 0  # it goes on in the same file, and is tried again as much later

    def close(self) -> None:
        self._file.close()
