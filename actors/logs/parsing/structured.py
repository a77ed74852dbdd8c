"""Lines of JSON and of logfmt, with the names of fields that people use."""

import contextlib
import re
from collections.abc import Mapping
from typing import cast

import msgspec

from actors.logs.parsing.fields import Calendar, Head, line_number
from actors.logs.parsing.levels import level_of, level_of_number
from actors.logs.parsing.stamps import stamp_of

_PLACE = re.compile(r"(?P<module>.+):(?P<line>\d{1,9})")
_LOGFMT = re.compile(r"(?P<key>[A-Za-z_@][\w.@-]*)=(?P<value>\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)(?:\s+|$)")
_MEMBER = re.compile(
    r'\s*"(?P<key>[^"\\]{1,100})"\s*:\s*(?P<value>"(?:[^"\\]|\\.)*"|-?[\d.]{1,30}|true|false|null)\s*(?:,|\})'
)
_LOGFMT_BEGINS = re.compile(r"[A-Za-z_@][\w.@-]*=")

_STAMPS = ("timestamp", "time", "ts", "@timestamp", "t", "datetime", "date", "asctime", "@t")
_LEVELS = ("level", "lvl", "severity", "levelname", "log.level", "loglevel", "@l", "levelno", "s")
_MESSAGES = ("message", "msg", "event", "text", "@m", "body")
_LOGGERS = ("logger", "logger_name", "name", "log.logger", "loggername", "caller_name", "component")
_MODULES = ("module", "file", "filename", "caller", "source")
_LINES = ("line", "lineno", "line_number")
_THREADS = ("thread", "thread_name", "threadname", "thread_id")
_TRACES = ("exception", "exc_info", "stack", "stacktrace", "stack_trace", "traceback", "error.stack_trace")


def structured(text: str, calendar: Calendar) -> Head | None:
    """What a line of JSON or logfmt says; None: it is neither, or says neither when nor how urgent.

    Args:
        text: The whole line. Of one that is cut off the fields in front are read.
        calendar: For its timestamp.
    """
    if text.startswith("{"):
        if text.rstrip().endswith("}"):
            with contextlib.suppress(msgspec.DecodeError, RecursionError):
                value = msgspec.json.decode(text)
                return _from_fields(_lowered(cast("Mapping[str, object]", value)), calendar)
        fields = _in_front(text)
        if len(fields) < 2:
            return None
        if all(fields.get(name) in (None, "") for name in _MESSAGES):
            fields["message"] = text
        return _from_fields(fields, calendar)
    if _LOGFMT_BEGINS.match(text):
        fields = dict[str, object]()
        at = 0
        while (pair := _LOGFMT.match(text, at)) is not None and pair.end() > at:
            fields[pair["key"].lower()] = _unquoted(pair["value"])
            at = pair.end()
        if at == len(text) and len(fields) > 1:
            return _from_fields(fields, calendar)
    return None


def _in_front(text: str) -> dict[str, object]:
    """The fields of a JSON object up to the first that is another object, or does not end."""
    fields: dict[str, object] = {}
    at = 1
    while (pair := _MEMBER.match(text, at)) is not None:
        with contextlib.suppress(msgspec.DecodeError):
            fields[pair["key"].lower()] = msgspec.json.decode(pair["value"])
        at = pair.end()
    return fields


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(msgspec.json.decode(value))
    except msgspec.DecodeError:
        return value[1:-1]


def _lowered(fields: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in fields.items():
        if isinstance(value, dict) and key in ("log", "error", "record"):
            found |= {f"{key}.{name}".lower(): inner for name, inner in cast("Mapping[str, object]", value).items()}
        else:
            found[key.lower()] = value
    return found


def _from_fields(fields: Mapping[str, object], calendar: Calendar) -> Head | None:
    def first(names: tuple[str, ...]) -> object | None:
        return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)

    stamp, level, message = first(_STAMPS), first(_LEVELS), first(_MESSAGES)
    timestamp = None if stamp is None else stamp_of(_stamp_text(stamp), calendar.zone, calendar.now())
    known = level_of_number(level) if isinstance(level, int | float) else level_of(str(level or ""))
    if known is None and isinstance(level, str) and len(level) < 4 and level.isdecimal():
        known = level_of_number(int(level))
    if timestamp is None and known is None:
        return None
    trace, line = first(_TRACES), first(_LINES)
    said = str(message) if message is not None else " ".join(f"{key}={value}" for key, value in fields.items())
    place = first(_MODULES)
    if line is None and isinstance(place, str) and (found := _PLACE.fullmatch(place)):
        place, line = found["module"], found["line"]
    texts = [None if value is None else str(value) for value in (first(_LOGGERS), place, first(_THREADS))]
    return Head(
        message=f"{said}\n{trace}" if isinstance(trace, str) else said,
        timestamp=timestamp,
        level=known,
        logger=texts[0],
        module=texts[1],
        line_number=line_number(None if line is None else str(line)),
        thread=texts[2],
    )


def _stamp_text(stamp: object) -> str:
    if isinstance(stamp, dict):  # of MongoDB
        stamp = cast("Mapping[str, object]", stamp).get("$date", "")
    if isinstance(stamp, float):
        return f"{stamp:.6f}"
    return str(stamp)
