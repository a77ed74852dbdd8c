"""Read logs without a server: the files of the data directory as they are."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import trio

from actors.logs import LEVELS, Catalogue, Entry, Expression, Filter, Level, Reader, Source
from actors.logs.following.state import LogState
from actors.logs.indexing.sidecar import load
from actors.logs.logs import LOG_INDEX
from actors.logs.parsing import Parser, level_of
from actors.logs.reading.source import snapshot
from actors.settings import LOGS
from hamster.client_logs import LogFileInfo, LogLine
from hamster.runtime_file import resolve_data_dir


class Asked(Protocol):
    """Which records."""

    @property
    def level(self) -> str | None: ...
    @property
    def since(self) -> str | None: ...
    @property
    def until(self) -> str | None: ...
    @property
    def expression(self) -> Expression | None: ...


def _catalogue(data_dir: Path | None) -> Catalogue:
    return Catalogue(resolve_data_dir(data_dir) / LOGS, lambda _: True)


async def list_files(data_dir: Path | None) -> list[LogFileInfo]:
    """All files, each log followed by its archives."""
    return [
        LogFileInfo(
            name=file.name,
            path=str(file.path),
            size=file.size,
            modified_time=datetime.fromtimestamp(file.modified, UTC).astimezone().isoformat(),
            is_active=not file.is_archive,
            service=file.service,
            log=file.log,
        )
        for file in await trio.to_thread.run_sync(_catalogue(data_dir).files)
    ]


async def read_files(
    data_dir: Path | None, names: Sequence[str], lines: int, asked: Asked
) -> tuple[list[LogLine], Path]:
    """The newest records of the logs *names* (all without), and where they were read.

    Raises:
        LookupError: There is no such log.
    """
    catalogue = _catalogue(data_dir)
    logs = [log for log in await trio.to_thread.run_sync(catalogue.logs) if log.path.is_file()]
    chosen = [log for log in logs if not names or log.name in names or log.service in names]
    if len(chosen) < len(names) or not chosen:
        raise LookupError(f"there is no log {' or '.join(names) or 'at all'} in {catalogue.directory}")
    sources: list[Source] = []
    for log in chosen:
        parser = Parser(log, None)
        parser.learn(await _head(log.path))
        index = resolve_data_dir(data_dir) / LOG_INDEX / f"{log.name}.index"
        known = LogState(log, parser, index)
        known.generations, known.highest = await trio.to_thread.run_sync(load, index, known.about)
        sources.append(snapshot(known))
    wanted = Filter(
        levels=_levels(asked.level),
        expression=asked.expression,
        start=None if asked.since is None else datetime.fromisoformat(asked.since),
        end=None if asked.until is None else datetime.fromisoformat(asked.until),
    )
    page = await Reader().merged(sources, wanted, max(lines, 1), with_total=False)
    return [_line(entry) for entry in page.entries[:lines]], catalogue.directory


async def _head(path: Path) -> bytes:
    async with await trio.open_file(path, "rb") as file:
        return await file.read(65536)


def _levels(text: str | None) -> list[Level] | None:
    found = [level_of(word.strip()) for word in (text or "").split(",")]
    return [level for level in LEVELS if level in found] or None


def _line(entry: Entry) -> LogLine:
    record = entry.record
    return LogLine(
        timestamp=None
        if record.timestamp is None
        else record.timestamp.astimezone().isoformat(timespec="milliseconds"),
        level=record.level,
        logger_name=record.logger,
        message=record.message,
        module=record.module,
        line_number=record.line_number,
        thread_id=record.thread,
        id=str(entry.position),
        service=entry.log.service or entry.log.name,
        truncated=record.truncated,
    )
