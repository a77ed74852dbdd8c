"""Records of logs as JSON."""

from collections.abc import Mapping
from typing import cast

import attrs
import msgspec

from actors.logs import Entry, KnownLog, LogRecord, Position, Told
from hamster.http.times import Stamp

FRONTEND_LEVELS: Mapping[str, str] = {"WARNING": "WARN"}


@attrs.define(slots=False)  # slotted classes would be encoded with their keys in alphabetical order
class EntryModel:
    """One record: the contract's keys, then ours."""

    timestamp: str | None
    level: str
    logger_name: str | None
    message: str
    module: str | None
    line_number: int | None
    thread_id: str | None
    id: str
    service: str
    """Of a log from outside its name."""
    truncated: bool


@attrs.define(slots=False)
class FrontendEntry:
    """One record as the frontend's page has it: no key is ever null."""

    id: str
    timestamp: str
    level: str
    service: str
    message: str
    details: Mapping[str, object]


def entry_model(log: KnownLog, position: Position, record: LogRecord, stamp: Stamp) -> EntryModel:
    """*record* of *log*, which begins at *position*."""
    return EntryModel(
        timestamp=None if record.timestamp is None else stamp(record.timestamp),
        level=record.level,
        logger_name=record.logger,
        message=record.message,
        module=record.module,
        line_number=record.line_number,
        thread_id=record.thread,
        id=str(position),
        service=log.service or log.name,
        truncated=record.truncated,
    )


def entry_of(entry: Entry, stamp: Stamp) -> EntryModel:
    """An entry of a page."""
    return entry_model(entry.log, entry.position, entry.record, stamp)


def told_json(told: Told, stamp: Stamp) -> bytes:
    """A record that is told live, encoded once for all who listen."""
    found = told.cache.get("json")
    if found is None:
        found = told.cache["json"] = msgspec.json.encode(entry_model(told.log, told.position, told.record, stamp))
    return found


def frontend_entry(entry: Entry, stamp: Stamp, unknown: str) -> FrontendEntry:
    """An entry of the frontend's page; *unknown* stands for a time that nobody knows."""
    record, log = entry.record, entry.log
    details = {
        "logger": record.logger,
        "module": record.module,
        "line": record.line_number,
        "thread": record.thread,
        "file": log.name,
        "truncated": record.truncated or None,
    }
    return FrontendEntry(
        id=f"{log.name}:{entry.position}",
        timestamp=unknown if record.timestamp is None else stamp(record.timestamp),
        level=FRONTEND_LEVELS.get(record.level, record.level),
        service=log.service or log.name,
        message=record.message,
        details={key: cast("object", value) for key, value in details.items() if value is not None},
    )
