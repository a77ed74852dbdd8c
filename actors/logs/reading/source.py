"""A log as it is at one moment, for whoever reads it in a thread."""

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence
from typing import Protocol

import attrs
import msgspec

from actors.logs.files.opening import open_log
from actors.logs.files.parts import archives_of
from actors.logs.indexing import Block, Generation
from actors.logs.indexing.bulk import unpacked
from actors.logs.indexing.generation import HEAD_BYTES
from actors.logs.indexing.generations import FIRST, look_at, matched
from actors.logs.known import KnownLog
from actors.logs.parsing import Parser
from actors.logs.positions import Position


class Known(Protocol):
    """What a source is made of."""

    @property
    def log(self) -> KnownLog: ...
    @property
    def parser(self) -> Parser: ...
    @property
    def generations(self) -> Sequence[Generation]: ...
    @property
    def reached(self) -> Position | None: ...
    @property
    def highest(self) -> int: ...


@attrs.frozen
class Source:
    """A log, with what was known of its files; the newest first."""

    log: KnownLog
    parser: Parser
    generations: tuple[Generation, ...]
    reached: Position | None = None
    """Everything before was told to those who follow the log; None: nobody follows it."""
    highest: int = FIRST - 1
    """The highest number of a generation that was ever given."""


def snapshot(known: Known) -> Source:
    """*known* as it is now; made where nobody changes it meanwhile."""
    return Source(known.log, known.parser, tuple(_copied(g) for g in known.generations), known.reached, known.highest)


def _copied(generation: Generation) -> Generation:
    blocks = list(generation.blocks)
    if blocks:  # it may grow
        blocks[-1] = msgspec.structs.replace(blocks[-1], counts=list(blocks[-1].counts))
    return msgspec.structs.replace(generation, blocks=blocks, marks=list(generation.marks), minutes={}, loggers={})


@attrs.frozen(eq=False)
class Part:
    """An open file of a log."""

    generation: Generation
    fd: int
    size: int

    def read(self, start: int, end: int) -> bytes:
        """The bytes from *start* to *end*; fewer if the file has become shorter."""
        pieces: list[bytes] = []
        while start < end and (piece := os.pread(self.fd, end - start, start)):
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def blocks(self) -> Sequence[Block]:
        """What is counted, as far as the file still reaches."""
        return [block for block in self.generation.blocks if block.end <= self.size]


@contextlib.contextmanager
def parts(source: Source) -> Generator[Iterator[Part], None, None]:
    """The files of *source*, opened one after the other, the newest first. Blocking."""
    with contextlib.ExitStack() as stack:
        yield _parts(source, stack)


def _parts(source: Source, stack: contextlib.ExitStack) -> Iterator[Part]:
    left = list(source.generations)
    with contextlib.suppress(OSError):
        fd = open_log(source.log.path)
        stack.callback(os.close, fd)
        found = os.fstat(fd)
        head = os.pread(fd, HEAD_BYTES, 0)
        live = next((generation for generation in left if generation.is_file(found.st_ino, head)), None)
        if live is None:
            live = Generation(source.highest + 1, found.st_ino, head)  # nobody has noticed it yet
        else:
            left.remove(live)
        yield Part(live, fd, found.st_size)
    seen = [file for archive in archives_of(source.log.path) if (file := look_at(archive.path)) is not None]
    below = min((generation.number for generation in source.generations), default=FIRST)
    for file, generation in matched(seen, left):
        if generation is None:
            below -= 1
            generation = Generation(below, file.inode, file.head)
        with contextlib.suppress(OSError):  # put aside further, or gone, in this moment
            fd = open_log(file.path)
            stack.callback(os.close, fd)
            if file.packed:
                fd = unpacked(fd)
                stack.callback(os.close, fd)
            yield Part(generation, fd, os.fstat(fd).st_size)
