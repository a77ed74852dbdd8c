"""What the first line of a record says of it."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import cast

import attrs
import msgspec

from actors.logs.parsing.levels import level_of, level_of_number, level_of_priority, level_of_status
from actors.logs.parsing.stamps import STAMP, instant_of, stamp_of
from actors.logs.records import Level

LOOKED_AT = 4096
"""Characters of a line in which its fields are looked for; what is behind them belongs to the message."""


@attrs.frozen(kw_only=True)
class Head:
    """Fields of a record's first line; None for what it lacks."""

    message: str
    timestamp: datetime | None = None
    level: Level | None = None
    logger: str | None = None
    module: str | None = None
    line_number: int | None = None
    thread: str | None = None


@attrs.frozen
class Calendar:
    """What a timestamp that leaves something out is read with."""

    zone: tzinfo | None
    """None: the machine's."""
    now: Callable[[], datetime]


_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_STAMPED = re.compile(
    r"(?:<(?P<priority>\d{1,3})>(?:1 )?)?(?:(?P<before>(?!Mon|Tue|Wed|Thu|Fri|Sat|Sun)[A-Za-z]{1,9})[:,]? +)?\[?\(?(?:"
    + STAMP
    + r")[\])]?"
)
_LEVEL = r"(?P<level>[A-Za-z]{1,13})"
_OURS = re.compile(
    r" (?P<level>[A-Z]+) (?P<logger>[\w.]+) \[(?P<module>[^:\[\]]+):(?P<line>\d{1,9}) (?P<thread>[^\]]+?)"
    r"(?: (?:[0-9a-f]{8,}(?:-[0-9a-f]+)*))?\] (?P<message>.*)",
    re.DOTALL,
)
# Behind a timestamp, the first that matches with a level that is one.
_BEHIND = tuple(
    re.compile(expression, re.DOTALL)
    for expression in (
        # Spring Boot: LEVEL 123 --- [thread] logger : message
        r" +" + _LEVEL + r" +\d+ --- \[ *(?P<thread>[^\]]*)\] (?P<logger>\S+) *: (?P<message>.*)",
        # Python, as most configure it: - logger - LEVEL - message
        r" (?:- )?(?P<logger>[\w.$/-]+) - " + _LEVEL + r" - (?P<message>.*)",
        # Log4j and Logback: [thread] LEVEL logger - message
        r" +\[(?P<thread>[^\]]+)\] +" + _LEVEL + r" +(?P<logger>[\w.$]+) +[-:] (?P<message>.*)",
        # loguru: | LEVEL | module:function:line - message
        r" *\| " + _LEVEL + r" +\| (?P<module>[\w.]+):[\w<>.]+:(?P<line>\d{1,9}) - (?P<message>.*)",
        # LEVEL:logger:message and LEVEL logger: message, with a dot in the logger or it may be a sentence
        r"[ :\]|,-]+" + _LEVEL + r"[: ] *(?P<logger>\w+(?:\.\w+)+):? +(?P<message>.*)",
        # Apache: [module:level]; Laravel: environment.LEVEL: message
        r" +\[(?P<logger>[\w-]+):" + _LEVEL + r"\] (?P<message>.*)",
        r" +(?P<logger>[a-z]+)\." + _LEVEL + r": (?P<message>.*)",
        # [LEVEL], <LEVEL>, LEVEL: and LEVEL, whatever follows
        r"[ :|,-]*[\[(<]" + _LEVEL + r" *[\])>]:? *[-|]? *(?P<message>.*)",
        r"[ :|,-]+" + _LEVEL + r"(?: +\||:| -)? +(?P<message>.*)",
    )
)
_COMMON = frozenset({"trace", "debug", "info", "warn", "warning", "error", "critical", "fatal"})
_ACCESS = re.compile(
    r'\S+ \S+ \S+ \[(?P<stamp>[^\]]{20,30})\] (?P<message>"(?:[^"\\]|\\.)*" (?P<status>\d{3})\b.*)', re.DOTALL
)
_SYSLOG = re.compile(r" (?P<host>[\w.:-]+) (?P<logger>[\w./-]+)(?:\[\d+\])?: (?P<message>.*)", re.DOTALL)
_SYSLOG_5424 = re.compile(r" \S+ (?P<logger>\S+) \S+ \S+ (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) ?(?P<message>.*)", re.DOTALL)
_GLOG = re.compile(
    r"(?P<level>[IWEF])(?P<month>\d\d)(?P<day>\d\d) (?P<clock>\d\d:\d\d:\d\d\.\d{6}) +(?P<thread>\d+)"
    r" (?P<module>[^:\] ]+):(?P<line>\d{1,9})\] (?P<message>.*)",
    re.DOTALL,
)
# Without a timestamp a level must look like one: INFO:logger:message, [info] message, ERROR message, error: message.
_UNSTAMPED = tuple(
    re.compile(expression, re.DOTALL)
    for expression in (
        r"(?P<level>[A-Z]{4,9}):(?P<logger>[\w.]+):(?P<message>.*)",
        r"\[(?P<level>[A-Za-z]{3,9})\]:? *(?P<message>.*)",
        r"(?P<level>[A-Z]{4,9}|error|warning|fatal|critical):? +(?P<message>.*)",
        r"(?P<level>[Ee]rror|[Ww]arning|[Ff]atal|[Pp]anic|ERR|WARN): (?P<message>.*)",
    )
)
_PLACE = re.compile(r"(?P<module>.+):(?P<line>\d{1,9})")
_LOGFMT = re.compile(r"(?P<key>[A-Za-z_@][\w.@-]*)=(?P<value>\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)(?:\s+|$)")
_LOGFMT_BEGINS = re.compile(r"[A-Za-z_@][\w.@-]*=")

_STAMPS = ("timestamp", "time", "ts", "@timestamp", "t", "datetime", "date", "asctime", "@t")
_LEVELS = ("level", "lvl", "severity", "levelname", "log.level", "loglevel", "@l", "levelno")
_MESSAGES = ("message", "msg", "event", "text", "@m", "body")
_LOGGERS = ("logger", "logger_name", "name", "log.logger", "loggername", "caller_name", "component")
_MODULES = ("module", "file", "filename", "caller", "source")
_LINES = ("line", "lineno", "line_number")
_THREADS = ("thread", "thread_name", "threadname", "thread_id")
_TRACES = ("exception", "exc_info", "stack", "stacktrace", "stack_trace", "traceback", "error.stack_trace")


def without_colours(text: str) -> str:
    """*text* without the escape sequences of terminals."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def head_of(line: str, calendar: Calendar) -> Head | None:
    """What *line* says as the first line of a record; None: it has neither a timestamp nor a level."""
    line = without_colours(line)
    text, tail = line[:LOOKED_AT], line[LOOKED_AT:]
    if not text:
        return None
    found = _structured(text, tail, calendar) or _stamped(text, calendar) or _unstamped(text)
    return attrs.evolve(found, message=found.message + tail) if found is not None and tail else found


def _stamped(text: str, calendar: Calendar) -> Head | None:
    found = _STAMPED.match(text)
    if found is None:
        return _access(text, calendar) or _glog(text, calendar)
    kind = next(name for name in ("iso", "slash", "clf", "ctime", "syslog", "epoch") if found[name] is not None)
    timestamp = instant_of(kind, found[kind], calendar.zone, calendar.now())
    before = None if found["before"] is None else level_of(found["before"])
    if timestamp is None or (found["before"] is not None and before is None):
        return None
    rest = text[found.end() :]
    level = before if found["priority"] is None else level_of_priority(int(found["priority"]))
    if kind == "syslog" and (syslog := _SYSLOG.fullmatch(rest)):
        return _said(syslog["message"], timestamp, level, syslog["logger"])
    if found["priority"] is not None and (syslog := _SYSLOG_5424.fullmatch(rest)):
        return Head(message=syslog["message"], timestamp=timestamp, level=level, logger=_named(syslog["logger"]))
    if level is not None:
        return Head(message=rest.lstrip(" ]:|-"), timestamp=timestamp, level=level)
    return _behind(rest, timestamp)


def _behind(rest: str, timestamp: datetime) -> Head:
    ours = _OURS.fullmatch(rest)
    if ours is not None and (level := level_of(ours["level"])) is not None:
        return Head(
            message=ours["message"],
            timestamp=timestamp,
            level=level,
            logger=ours["logger"],
            module=ours["module"],
            line_number=int(ours["line"]),
            thread=ours["thread"],
        )
    for expression in _BEHIND:
        found = expression.fullmatch(rest)
        if found is not None and (level := level_of(found["level"])) is not None and _is_meant(found):
            return _from_groups(found.groupdict(), timestamp, level)
    return Head(message=rest.lstrip(" ]:|,-"), timestamp=timestamp)


def _is_meant(found: re.Match[str]) -> bool:
    """Whether a word that is a level is meant as one, and does not begin a sentence: `Note that ...`, `A disk ...`."""
    word, before = found["level"], found.string[: found.start("level")]
    return before[-1:] in ("[", "(", "<", ":") or (len(word) > 1 and (word.isupper() or word in _COMMON))


def _said(message: str, timestamp: datetime, level: Level | None, logger: str) -> Head:
    inner = None if level is not None else _unstamped(message)
    if inner is None:
        return Head(message=message, timestamp=timestamp, level=level, logger=logger)
    return attrs.evolve(inner, timestamp=timestamp, logger=inner.logger or logger)


def _from_groups(groups: Mapping[str, str | None], timestamp: datetime | None, level: Level | None) -> Head:
    line = groups.get("line")
    return Head(
        message=groups.get("message") or "",
        timestamp=timestamp,
        level=level,
        logger=groups.get("logger") or None,
        module=groups.get("module") or None,
        line_number=_line_number(line),
        thread=(groups.get("thread") or "").strip() or None,
    )


def _line_number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else None


def from_pattern(groups: Mapping[str, str | None], line: str, calendar: Calendar) -> Head:
    """Of the groups that a configured pattern found in *line*."""
    stamp = groups.get("timestamp")
    found = _from_groups(
        groups,
        None if stamp is None else stamp_of(stamp, calendar.zone, calendar.now()),
        level_of(groups.get("level") or ""),
    )
    return found if "message" in groups else attrs.evolve(found, message=line)


def _unstamped(text: str) -> Head | None:
    for expression in _UNSTAMPED:
        found = expression.fullmatch(text)
        if found is not None and (level := level_of(found["level"])) is not None:
            return _from_groups(found.groupdict(), None, level)
    return None


def _access(text: str, calendar: Calendar) -> Head | None:
    found = _ACCESS.fullmatch(text)
    if found is None or (timestamp := stamp_of(found["stamp"], calendar.zone, calendar.now())) is None:
        return None
    return Head(message=found["message"], timestamp=timestamp, level=level_of_status(int(found["status"])))


def _glog(text: str, calendar: Calendar) -> Head | None:
    found = _GLOG.fullmatch(text)
    if found is None:
        return None
    year = calendar.now().astimezone(calendar.zone).year
    stamp = f"{year}-{found['month']}-{found['day']} {found['clock']}"
    timestamp = instant_of("iso", stamp, calendar.zone, calendar.now())
    return None if timestamp is None else _from_groups(found.groupdict(), timestamp, level_of(found["level"]))


def _named(name: str) -> str | None:
    return None if name == "-" else name


# -- JSON lines and logfmt


def _structured(text: str, tail: str, calendar: Calendar) -> Head | None:
    if text.startswith("{") and text.rstrip().endswith("}") and not tail:
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        if isinstance(value, dict):
            return _from_fields(_lowered(cast("Mapping[str, object]", value)), calendar)
        return None
    if _LOGFMT_BEGINS.match(text):
        fields: dict[str, object] = {}
        at = 0
        while (pair := _LOGFMT.match(text, at)) is not None and pair.end() > at:
            fields[pair["key"].lower()] = _unquoted(pair["value"])
            at = pair.end()
        if at == len(text) and len(fields) > 1:
            return _from_fields(fields, calendar)
    return None


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
    timestamp = None if stamp is None else stamp_of(_number_or_text(stamp), calendar.zone, calendar.now())
    known = level_of_number(level) if isinstance(level, int | float) else level_of(str(level or ""))
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
        line_number=_line_number(None if line is None else str(line)),
        thread=texts[2],
    )


def _number_or_text(stamp: object) -> str:
    if isinstance(stamp, float):
        return f"{stamp:.6f}"
    return str(stamp)
