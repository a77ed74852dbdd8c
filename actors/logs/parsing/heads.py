"""What the first line of a record says of it."""

import re
from collections.abc import Mapping
from datetime import datetime

import attrs

from actors.logs.parsing.fields import Calendar, Head, line_number
from actors.logs.parsing.levels import level_of, level_of_priority, level_of_status
from actors.logs.parsing.stamps import STAMP, instant_of, latest, stamp_of
from actors.logs.parsing.structured import structured
from actors.logs.records import Level

LOOKED_AT = 4096
"""Characters of a line without structure in which its fields are looked for; the rest belongs to the message."""


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
        # PostgreSQL: [pid] LEVEL:  message
        r" +\[\d+\](?: \S+@\S+)? +" + _LEVEL + r": +(?P<message>.*)",
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
_COMMON = frozenset(
    ("trace", "debug", "info", "warn", "warning", "error", "critical", "fatal", "verbose", "severe")
) | frozenset(("trc", "dbg", "inf", "wrn", "err", "eror", "crit", "crt", "ftl"))
_LETTERS = frozenset("DEWFCTV")
"""That are a level by themselves behind a timestamp; `I` and `A` begin sentences, and INFO is what we take anyway."""
# Go's own log with a flag: file.go:12: message
_IN_CODE = re.compile(r" (?P<module>[\w./-]{1,200}\.[a-z]{1,4}):(?P<line>\d{1,9}): (?P<message>.*)", re.DOTALL)
_ACCESS = re.compile(
    r'\S+ \S+ \S+ \[(?P<stamp>[^\]]{20,30})\] (?P<message>"(?:[^"\\]|\\.)*" (?P<status>\d{3})\b.*)', re.DOTALL
)
_SYSLOG = re.compile(r" (?P<host>[\w.:-]+) (?P<logger>[\w./-]+)(?:\[\d+\])?: (?P<message>.*)", re.DOTALL)
_SYSLOG_5424 = re.compile(r" \S+ (?P<logger>\S+) \S+ \S+ (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) ?(?P<message>.*)", re.DOTALL)
# What systemd takes from a process, and syslog without a timestamp.
_PRIORITY = re.compile(r"<(?P<priority>\d{1,3})>(?P<rfc5424>1 -(?= ))?(?P<rest>.*)", re.DOTALL)
_GLOG = re.compile(
    r"(?P<level>[IWEF])(?P<month>\d\d)(?P<day>\d\d) (?P<clock>\d\d:\d\d:\d\d\.\d{6}) +(?P<thread>\d+)"
    r" (?P<module>[^:\] ]+):(?P<line>\d{1,9})\] (?P<message>.*)",
    re.DOTALL,
)
_PRIORITIES = 191
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


def without_colours(text: str) -> str:
    """*text* without the escape sequences of terminals."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def head_of(line: str, calendar: Calendar) -> Head | None:
    """What *line* says as the first line of a record; None: it has neither a timestamp nor a level."""
    line = without_colours(line)
    text, tail = line[:LOOKED_AT], line[LOOKED_AT:]
    if not text:
        return None
    if (found := structured(line, calendar)) is not None:
        return found
    found = _stamped(text, calendar) or _unstamped(text)
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
    if (found := _IN_CODE.fullmatch(rest)) is not None:
        return _from_groups(found.groupdict(), timestamp, None)
    return Head(message=rest.lstrip(" ]:|,-"), timestamp=timestamp)


def _is_meant(found: re.Match[str]) -> bool:
    """Whether a word that is a level is meant as one, and does not begin a sentence: `Note that ...`, `A disk ...`."""
    word, before = found["level"], found.string[: found.start("level")]
    if before[-1:] in ("[", "(", "<", ":"):
        return True
    return word in _LETTERS if len(word) == 1 else word.isupper() or word in _COMMON


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
        line_number=line_number(line),
        thread=(groups.get("thread") or "").strip() or None,
    )


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
    if (found := _PRIORITY.fullmatch(text)) is not None and int(found["priority"]) <= _PRIORITIES:
        level = level_of_priority(int(found["priority"]))
        if found["rfc5424"] and (syslog := _SYSLOG_5424.fullmatch(found["rest"])):
            return Head(message=syslog["message"], level=level, logger=_named(syslog["logger"]))
        return Head(message=found["rest"].lstrip(), level=level)
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
    timestamp = latest(int(found["month"]), int(found["day"]), found["clock"], calendar.zone, calendar.now())
    return None if timestamp is None else _from_groups(found.groupdict(), timestamp, level_of(found["level"]))


def _named(name: str) -> str | None:
    return None if name == "-" else name
