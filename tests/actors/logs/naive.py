"""The same answers without any cleverness: everything is read, parsed and looked at."""

import gzip
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

from actors.logs.files.parts import archives_of
from actors.logs.known import KnownLog
from actors.logs.parsing import Assembler, Parser
from actors.logs.reading import Filter
from actors.logs.records import LogRecord


def a_parser(log: KnownLog) -> Parser:
    parser = Parser(log, UTC)
    if log.path.exists():
        parser.learn(log.path.read_bytes())
    return parser


def parsed(parser: Parser, data: bytes) -> list[LogRecord]:
    assembler = Assembler(parser, 0)
    return assembler.feed(data) + assembler.finish()


def contents(path: Path) -> list[bytes]:
    """Of the log's files, the oldest first."""
    files = [*reversed([archive.path for archive in archives_of(path)]), path]
    return [
        gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for file in files
        if file.exists()
    ]


def wanted(log: KnownLog, what: Filter) -> Sequence[str]:
    """The texts of all wanted records, the newest first."""
    parser = a_parser(log)
    found = [record.text for data in contents(log.path) for record in parsed(parser, data) if what.wants(record)]
    return found[::-1]
