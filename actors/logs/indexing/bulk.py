"""Count a long stretch in a process of its own: `python -m actors.logs.indexing.bulk`, told over stdin.

Within our own process it would take the interpreter away from everybody, and memory that is never given back.
"""

import contextlib
import logging
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec
import trio

from actors.logs.files.opening import open_log
from actors.logs.indexing.generation import Block, Generation, Loggers, Minutes
from actors.logs.indexing.generations import Seen
from actors.logs.indexing.tallying import Tally, tally
from actors.logs.known import KnownLog
from actors.logs.parsing import Parser, decoded
from actors.logs.parsing.assembling import Arrived
from actors.logs.parsing.parser import LEARNT_FROM
from actors.logs.records import Origin
from actors.logs.threads import Threads

_log = logging.getLogger("actors.logs")

BULK_BYTES = 4 * 1024 * 1024
"""More than this is counted in a process of its own."""

SHARED_BYTES = 32 * 1024 * 1024
"""More than this is shared by two processes."""

LEAST_SECONDS = 30.0
BYTES_PER_SECOND = 2_000_000
"""What a very slow machine does; a process that takes longer hangs."""

UNPACKED_BYTES = 16 * 1024**3
"""An archive that unpacks to more is left alone: it may be made to fill the disk."""


class Question(msgspec.Struct):
    """What to count."""

    path: str
    inode: int
    start: int
    end: int | None
    packed: bool
    origin: str
    pattern: str | None
    encoding: str | None
    zone: str | None
    final: bool = False
    marks: Sequence[tuple[int, float]] = ()
    fd: int | None = None
    """Of the file, if it is handed down; else it is opened."""


class Counted(msgspec.Struct):
    """What was counted."""

    blocks: list[Block]
    minutes: Minutes
    loggers: Loggers
    end: int


class Log(Protocol):
    """What is known of a log."""

    @property
    def log(self) -> KnownLog: ...
    @property
    def parser(self) -> Parser: ...


async def counted(
    about: Log,
    seen: Seen,
    start: int,
    end: int | None,
    threads: Threads,
    marks: Sequence[tuple[int, float]],
    fd: int | None = None,
) -> Tally:
    """The records of the file *seen* from *start* to *end*; for None to its end, behind which nothing comes any more.

    Args:
        about: Whose file it is.
        seen: The file; packed ones are unpacked.
        start: Where a record begins.
        end: Where it ends.
        threads: And processes.
        marks: When the bytes from an offset on came, for lines that do not say it.
        fd: Of the file, if it is open; whatever becomes of its name, that one is counted.

    Raises:
        OSError: The file cannot be read, or is not the one that was seen.
    """
    log, size = about.log, (seen.size if end is None else end) - start
    question = Question(
        path=str(seen.path),
        inode=seen.inode,
        start=start,
        end=end,
        packed=seen.packed,
        origin=log.origin.value,
        pattern=log.pattern,
        encoding=about.parser.encoding,
        zone=about.parser.zone_name,
        final=end is None,
        marks=marks,
        fd=fd if os.name == "posix" else None,
    )
    if seen.packed or size > BULK_BYTES:
        async with threads.processes:
            with trio.move_on_after(LEAST_SECONDS + size / BYTES_PER_SECOND):
                alone = seen.packed or size < SHARED_BYTES
                middle = None if alone else await threads.run(_middle, question, about.parser, size)
                found = await (_in_process(question) if middle is None else _by_two(question, middle))
                if found is not None:
                    return found
        if seen.packed:
            raise OSError("it could not be unpacked and counted")
    return await trio.to_thread.run_sync(
        _here, question, about.parser, fd, limiter=threads.limiter, abandon_on_cancel=fd is None
    )


async def _by_two(question: Question, middle: int) -> Tally | None:
    """By two processes, each of which counts its part."""
    parts = [
        msgspec.structs.replace(question, end=middle, final=True),
        msgspec.structs.replace(question, start=middle),  # to the end, as it was asked
    ]
    found: dict[int, Tally | None] = {}

    async def part(number: int) -> None:
        found[number] = await _in_process(parts[number])

    async with trio.open_nursery() as nursery:
        for number in range(len(parts)):
            nursery.start_soon(part, number)
    first, second = found[0], found[1]
    if first is None or second is None:
        return None
    whole = Generation(0, 0, b"", blocks=first.blocks, minutes=first.minutes, loggers=first.loggers)
    whole.extend(second.blocks, second.minutes, second.loggers)
    return Tally(whole.blocks, whole.minutes, whole.loggers, second.end)


async def _in_process(question: Question) -> Tally | None:
    """By a process of its own; None, and it is logged, if that fails."""
    command = [sys.executable, "-m", "actors.logs.indexing.bulk"]
    asked = msgspec.json.encode(question)
    done = await trio.run_process(
        command,
        stdin=asked,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        pass_fds=() if question.fd is None else (question.fd,),
    )
    if done.returncode == 0:
        return _as_tally(msgspec.msgpack.decode(done.stdout, type=Counted))
    said = done.stderr.decode("utf-8", errors="replace").strip().rpartition("\n")[2]
    _log.warning("logs.counting_failed path=%s error=%r next=count_in_a_thread", question.path, said[:300])
    return None


def _middle(question: Question, parser: Parser, size: int) -> int | None:
    """Where a record surely begins, about in the middle; None: that is not seen. Blocking."""
    with contextlib.suppress(OSError), _opened(question) as fd:
        at = question.start + size // 2
        data = os.pread(fd, LEARNT_FROM, at)
        line = data.find(b"\n") + 1
        while 0 < line < len(data):
            stop = data.find(b"\n", line)
            head = parser.head(decoded(data[line:stop], parser.encoding)) if stop > 0 and not parser.wide else None
            if head is not None and head.timestamp is not None:
                return at + line
            line = stop + 1
    return None


def _as_tally(counted: Counted) -> Tally:
    return Tally(counted.blocks, counted.minutes, counted.loggers, counted.end)


def _here(question: Question, parser: Parser, fd: int | None) -> Tally:
    with contextlib.ExitStack() as stack:
        opened = fd if fd is not None else stack.enter_context(_opened(question))
        end = os.fstat(opened).st_size if question.end is None else question.end
        arrived = _arrivals(question)
        return tally(opened, question.start, end, parser, arrived, between=lambda: time.sleep(0), final=question.final)


def _arrivals(question: Question) -> Arrived:
    return Generation(0, 0, b"", marks=list(question.marks)).arrived


@contextlib.contextmanager
def _opened(question: Question) -> Generator[int, None, None]:
    if question.fd is not None:
        yield question.fd
        return
    fd = open_log(Path(question.path))
    try:
        if os.fstat(fd).st_ino != question.inode:
            raise FileNotFoundError(question.path)
        yield fd
    finally:
        os.close(fd)


def unpacked(fd: int) -> int:
    """A descriptor of a nameless file with what is in the gzip file *fd*, as far as that is sound. Blocking.

    Raises:
        OSError: It is too large, or the disk is full.
    """
    with tempfile.TemporaryFile() as file:
        unpacker, at, size = zlib.decompressobj(wbits=31), 0, 0
        with contextlib.suppress(zlib.error):
            while data := os.pread(fd, 1024 * 1024, at):
                at += len(data)
                while data:
                    out = unpacker.decompress(data, 4 * 1024 * 1024)
                    size += len(out)
                    if size > UNPACKED_BYTES:
                        raise OSError("it unpacks to too much")
                    file.write(out)
                    data = unpacker.unconsumed_tail
                    if unpacker.eof:
                        data = unpacker.unused_data
                        unpacker = zlib.decompressobj(wbits=31)
        file.flush()
        return os.dup(file.fileno())


def main() -> int:
    """Answer the question on stdin."""
    # Here alone: NumPy brings 20 MB and threads of its own, which must not be in the process that asks.
    from actors.logs.indexing.fast import fast_tally

    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    os.nice(5)
    log = KnownLog(
        name=Path(question.path).name,
        path=Path(question.path),
        origin=Origin(question.origin),
        pattern=question.pattern,
        encoding=question.encoding,
    )
    parser = Parser(log, None if question.zone is None else ZoneInfo(question.zone))
    with _opened(question) as opened:
        fd = unpacked(opened) if question.packed else opened
        parser.learn(os.pread(fd, LEARNT_FROM, 0))
        end = os.fstat(fd).st_size if question.end is None else question.end
        found = fast_tally(fd, question.start, end, parser, _arrivals(question), final=question.final)
    sys.stdout.buffer.write(msgspec.msgpack.encode(Counted(found.blocks, found.minutes, found.loggers, found.end)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
