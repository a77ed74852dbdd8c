"""Wait until a line of a log matches: a program, `python -I -S log_line.py PARENT PATH MARK SECONDS EXPRESSION`.

Not a task, nor a thread: an expression can take for ever on the wrong line, and Python's `re` lets nothing else of its
process run meanwhile. This process burns alone, and ends by an alarm that no expression holds up.

It prints the line and exits with 0. It exits with 3 when its parent ended, and by SIGALRM when the time is over.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

POLL_SECONDS = 0.05
"""Between two looks at the log. The kernel's notifications would not tell of rotations in a way that is simpler."""

LINE_BYTES = 8192
"""Of a line are looked at; the rest of a longer one is passed over."""

SHOWN_BYTES = 300
"""Of the line that matched are printed."""

CHUNK_BYTES = 64 * 1024

PARENT_GONE = 3


class FileKey(NamedTuple):
    """What tells a file that is not written any more from every other: an inode alone is given away again."""

    inode: int
    mtime_ns: int
    size: int


class LogMark(NamedTuple):
    """Where a run's output begins: behind what its log and the archives held before."""

    log: FileKey | None
    """None: there was no log."""
    archives: frozenset[FileKey]

    def text(self) -> str:
        """For a command line."""
        keys = [self.log or FileKey(0, 0, 0), *self.archives]
        return ",".join(":".join(map(str, key)) for key in keys)

    @classmethod
    def parse(cls, text: str) -> "LogMark":
        """What `text` made."""
        keys = [FileKey(*map(int, key.split(":"))) for key in text.split(",")]
        return cls(keys[0] if keys[0].inode else None, frozenset(keys[1:]))


def mark(path: str) -> LogMark:
    """Where the output of the next run will begin. Blocking; to be called while nothing writes to the log."""
    return LogMark(_key(path), frozenset(key for name in _archives(path) if (key := _key(name)) is not None))


def _key(path: str) -> FileKey | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - pathlib takes longer to import than this program to run
    except OSError:
        return None
    return FileKey(found.st_ino, found.st_mtime_ns, found.st_size)


def _archives(path: str) -> list[str]:
    """The archives of a log, the oldest first: `LOG.2`, `LOG.1`. Compressed ones are past being read here."""
    directory, name = os.path.split(path)
    numbers: list[int] = []
    with suppress(OSError):
        for entry in os.listdir(directory):  # noqa: PTH208 - as above
            stem, _, number = entry.rpartition(".")
            if stem == name and number.isdecimal():
                numbers.append(int(number))
    return [f"{path}.{number}" for number in sorted(numbers, reverse=True)]


class LogReader:
    """The bytes of a log from a mark on, over rotations, a truncation and a replacement."""

    def __init__(self, path: str, begins: LogMark) -> None:
        self._path = path
        self._begins = begins
        self._done = set(begins.archives)
        self._file: int | None = None

    def read(self) -> bytes:
        """What comes next; empty when there is nothing at the moment."""
        if self._file is None:
            self._open_next()
        if self._file is None:
            return b""
        chunk = os.read(self._file, CHUNK_BYTES)
        if chunk:
            return chunk
        now = os.fstat(self._file)
        if now.st_size < os.lseek(self._file, 0, os.SEEK_CUR):
            os.lseek(self._file, 0, os.SEEK_SET)  # truncated
        current = _key(self._path)
        if current is None or current.inode == now.st_ino:
            return b""
        # Rotated. What was written until then is there: once more to its end, then the next.
        chunk = os.read(self._file, CHUNK_BYTES)
        if not chunk:
            now = os.fstat(self._file)
            self._done.add(FileKey(now.st_ino, now.st_mtime_ns, now.st_size))
            os.close(self._file)
            self._file = None
        return chunk

    def _open_next(self) -> None:
        for name in (*_archives(self._path), self._path):
            key = _key(name)
            if key is None or key in self._done:
                continue
            with suppress(OSError):  # rotated in this moment; the next look finds it under its new name
                self._file = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
                begins = self._begins.log
                if begins is not None and key.inode == begins.inode and begins.size <= key.size:
                    os.lseek(self._file, begins.size, os.SEEK_SET)
                return


class Lines:
    """Whole lines out of chunks, each without its end and cut to `LINE_BYTES`."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that *chunk* completes."""
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield (self._begun + line)[:LINE_BYTES].rstrip(b"\r")
            self._begun = b""
        self._begun = (self._begun + rest)[:LINE_BYTES]


def main(parent: str, path: str, begins: str, seconds: str, expression: str) -> int:
    """Wait for the line; the exit code."""
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    search = re.compile(expression).search
    reader, lines = LogReader(path, LogMark.parse(begins)), Lines()
    while os.getppid() == int(parent):
        chunk = reader.read()
        for line in lines.feed(chunk):
            text = line.decode("utf-8", "replace")
            if search(text):
                sys.stdout.buffer.write(line[:SHOWN_BYTES])
                return 0
        if not chunk:
            time.sleep(POLL_SECONDS)
    return PARENT_GONE


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
