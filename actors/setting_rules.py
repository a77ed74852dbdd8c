"""What a setting may be: rules that look at a value and say everything that is wrong with it.

A rule takes any value, also one straight out of a file with the wrong type, and never raises. Whoever builds
settings runs the rules through `problems`; a settings class runs them on itself through `require`, so that a
value that breaks its rule cannot exist.
"""

import difflib
import enum
import math
import re
import shlex
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, time
from typing import TypeAlias, TypeGuard, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import attrs
from cronsim import CronSim, CronSimError

WEEK = 604_800.0  # seconds; longest duration: a typing slip shows, and poll() takes at most 24 days
SHOWN = 60  # characters of a wrong value in a message: enough to recognise it, little enough for one line
LONG = 4096  # bits of a number written in decimal; Python refuses to beyond 4,300 digits, TOML has no limit
RULE = "rule"  # the key of a field's metadata under which its rule stands


class Nothing(enum.Enum):
    """What stands in a problem where there is no wrong value to show."""

    MISSING = "missing"
    UNKNOWN = "unknown"  # nobody reads a key of this name, whatever its value
    NO_ID = "not an id"  # the name itself is the wrong value
    HIDDEN = "a value that is not shown"  # it may be a secret


@attrs.frozen
class SettingProblem:
    """One thing that is wrong with one setting.

    `path` leads from where the check began to the value, `got` is that value or `Nothing`; `expected` and
    `advice` are phrases without a full stop. An empty `advice` leaves it to whoever knows the field's default
    (see `problems`).
    """

    path: tuple[str, ...]
    got: object
    expected: str
    advice: str = ""

    def within(self, *prefix: str) -> "SettingProblem":
        """The same problem, seen from further out."""
        return attrs.evolve(self, path=(*prefix, *self.path))

    def __str__(self) -> str:
        where = dotted(self.path) or "the value"
        parts = (f"{where} is {shown(self.got)}", f"expected {self.expected}", self.advice)
        return "; ".join(part for part in parts if part)


class SettingsError(ValueError):
    """Settings that break their rules; `problems` holds every one of them."""

    def __init__(self, owner: str, problems: Sequence[SettingProblem]) -> None:
        super().__init__(f"{owner}: " + " | ".join(map(str, problems)))
        self.owner = owner
        self.problems = tuple(problems)


Rule: TypeAlias = Callable[[object], Sequence[SettingProblem]]


def problems(cls: type[attrs.AttrsInstance], values: Mapping[str, object]) -> list[SettingProblem]:
    """Everything that is wrong with *values* as the fields of *cls*, each on its own.

    A field without a value is a problem when it has no default. Names in *values* that are no field are not
    looked at: whether they are a mistake is for the caller to know.
    """
    found: list[SettingProblem] = []
    for field in attrs.fields(cls):
        rule = cast("Rule | None", field.metadata.get(RULE))
        if rule is None:
            continue
        if field.name in values:
            wrong = rule(values[field.name])
        elif field.default is attrs.NOTHING:
            # The rule's own words for what belongs here, whatever it says about an absent value.
            wrong = [attrs.evolve(p, path=(), got=Nothing.MISSING) for p in rule(Nothing.MISSING)[:1]]
        else:
            wrong = []
        found += [with_advice(p, field.default).within(key_of(field.name)) for p in wrong]
    return found


def key_of(field: str) -> str:
    """The key that a field is written as: its name, without the underscore that makes `for_` no word of Python."""
    return field.removesuffix("_")


def require(settings: attrs.AttrsInstance, conflicts: Callable[[], Sequence[SettingProblem]] = list) -> None:
    """Refuse *settings* whose fields break their rules, or contradict each other.

    *conflicts* is asked only when each field is right on its own: comparing wrong values says nothing.

    Raises:
        SettingsError: With every problem.
    """
    cls = type(settings)
    values = {field.name: cast("object", getattr(settings, field.name)) for field in attrs.fields(cls)}
    wrong = problems(cls, values) or conflicts()
    if wrong:
        raise SettingsError(cls.__name__, wrong)


def with_advice(problem: SettingProblem, default: object) -> SettingProblem:
    """*problem* with what to do about it, where its rule did not say."""
    if problem.advice:
        return problem
    if problem.got is Nothing.MISSING:
        return attrs.evolve(problem, advice="add the key")
    if problem.path or not isinstance(default, str | int | float | tuple):
        return attrs.evolve(problem, advice="change it")
    return attrs.evolve(problem, advice=f"remove the key to use {plain(cast('object', default))}")


def dotted(path: Sequence[str]) -> str:
    """*path* as TOML writes it: bare where it can be, quoted where it must."""
    bare = re.compile(r"[A-Za-z0-9_-]+")
    return ".".join(part if bare.fullmatch(part) else shown(part) for part in path)


def shown(value: object) -> str:
    """*value* as TOML writes it, cut to one short line."""
    text = _toml(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def plain(value: object) -> str:
    """*value* as a person writes it: a whole number of seconds needs no decimal point."""
    return shown(int(value)) if isinstance(value, float) and value.is_integer() else shown(value)


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() if value.bit_length() > LONG:
            return hex(value)
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
        case Nothing():
            return value.value
        case list() | tuple():
            return "[" + ", ".join(map(_toml, cast("Sequence[object]", value))) + "]"
        case dict():
            table = cast("Mapping[str, object]", value)
            return "{" + ", ".join(f"{dotted([k])} = {_toml(v)}" for k, v in table.items()) + "}"
        case _:
            return str(value)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A phrase that offers the known word nearest to *word*; empty when none is near."""
    near = difflib.get_close_matches(word, known, n=1)
    if not near:
        lower = {k.lower(): k for k in known}
        near = [lower[n] for n in difflib.get_close_matches(word.lower(), lower, n=1)]
    return f"did you mean {shown(near[0])}?" if near else ""


def seconds(least: float = 0.0, most: float = WEEK) -> Rule:
    """A finite number of seconds, *least* to *most*, both allowed."""
    return _number("seconds", least, most, whole=False)


def count(least: int, most: int) -> Rule:
    """A whole number, *least* to *most*, both allowed."""
    return _number("a whole number", least, most, whole=True)


def number(value: object) -> list[SettingProblem]:
    """A number that is one."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return [] if right else [SettingProblem((), value, "a number")]


def _number(noun: str, least: float, most: float, *, whole: bool) -> Rule:
    def rule(value: object) -> list[SettingProblem]:
        right_type = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        # "not at least", rather than "below": NaN is neither below nor above anything.
        if not right_type or not cast("float", value) >= least:
            return [SettingProblem((), value, f"{noun} of {plain(least)} or more")]
        if cast("float", value) > most:
            return [SettingProblem((), value, f"{noun} of {plain(most)} or less")]
        return []

    return rule


def flag(value: object) -> list[SettingProblem]:
    """`true` or `false`, and nothing that merely looks like it."""
    return [] if isinstance(value, bool) else [SettingProblem((), value, "true or false")]


def text(value: object) -> list[SettingProblem]:
    """Text on one line, possibly empty."""
    if not isinstance(value, str):
        return [SettingProblem((), value, "text in quotes")]
    return [] if value.isprintable() else [SettingProblem((), value, "one line of printable text")]


def some_text(value: object) -> list[SettingProblem]:
    """Text on one line, not empty."""
    if isinstance(value, str) and not value.strip():
        return [SettingProblem((), value, "text that is not empty")]
    return text(value)


def one_of(*choices: str) -> Rule:
    """One of a few words."""

    def rule(value: object) -> list[SettingProblem]:
        if value in choices:
            return []
        advice = did_you_mean(value, choices) if isinstance(value, str) else ""
        return [SettingProblem((), value, "one of " + ", ".join(map(shown, choices)), advice)]

    return rule


def optional(rule: Rule) -> Rule:
    """`None`, or what *rule* allows."""
    return lambda value: [] if value is None else rule(value)


def each(rule: Rule, expected: str) -> Rule:
    """A list whose every item *rule* allows; *expected* names such a list."""

    def listed(value: object) -> list[SettingProblem]:
        if not is_list(value):
            return [SettingProblem((), value, expected)]
        return [p for item in value for p in rule(item)]

    return listed


def matching(pattern: str, expected: str, advice: str = "") -> Rule:
    """Text that *pattern* matches as a whole."""
    compiled = re.compile(pattern)

    def rule(value: object) -> list[SettingProblem]:
        if isinstance(value, str) and compiled.fullmatch(value):
            return []
        return [SettingProblem((), value, expected, advice)]

    return rule


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Whether *value* is a list or a tuple: text is a sequence too, but nobody means it as one."""
    return isinstance(value, list | tuple)


def command(value: object) -> list[SettingProblem]:
    """A program and its arguments: a list of texts, or one text for `shlex.split`."""
    expected = 'a program and its arguments, like "python app.py" or ["python", "app.py"]'
    wrong = [SettingProblem((), value, expected)]
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            reason = str(error).lower()
            return [SettingProblem((), wrong[0].got, expected, f"{reason}: close it or write a list")]
    if not is_list(value) or not value or not all(isinstance(part, str) for part in value) or not value[0]:
        return wrong
    return wrong if any("\0" in cast("str", part) for part in value) else []


def environment(value: object) -> list[SettingProblem]:
    """A table of names and texts that the system can hand to a program."""
    if not isinstance(value, Mapping):
        return [SettingProblem((), value, 'a table of texts, like { LANG = "C.UTF-8" }')]
    found: list[SettingProblem] = []
    for name, content in cast("Mapping[object, object]", value).items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            found.append(SettingProblem((str(name),), content, "a variable's name without '=' before it", "rename it"))
        elif not isinstance(content, str) or "\0" in content:
            found.append(SettingProblem((name,), content, "text", "put it in quotes"))
    return found


def signal_name(value: object) -> list[SettingProblem]:
    """The name of a signal that this machine knows, as `SIGTERM`."""
    names = [s.name for s in signal.Signals]
    if value in names:
        return []
    advice = did_you_mean(value, names) if isinstance(value, str) else ""
    return [SettingProblem((), value, 'a signal\'s name, like "SIGTERM" or "SIGINT"', advice)]


def zone_name(value: object) -> list[SettingProblem]:
    """A time zone of the IANA database, as `Asia/Seoul`."""
    expected = 'a time zone of the IANA database, like "Asia/Seoul" or "UTC"'
    if not isinstance(value, str):
        return [SettingProblem((), value, expected)]
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # OSError: a directory of zones ("Asia") opens as one.
        return [SettingProblem((), value, expected, did_you_mean(value, available_timezones()))]
    return []


def some(rule: Rule, expected: str) -> Rule:
    """A list that is not empty, whose every item *rule* allows; *expected* names such a list."""

    def listed(value: object) -> list[SettingProblem]:
        if not is_list(value) or not value:
            return [SettingProblem((), value, expected)]
        return [p for item in value for p in rule(item)]

    return listed


def byte_size(least: int) -> Rule:
    """A whole number of bytes, *least* or more; text such as "64M" has been turned into one before."""

    def rule(value: object) -> list[SettingProblem]:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return []
        return [SettingProblem((), value, f'bytes, {least:,} or more, or text like "64M"')]

    return rule


def resource_limits(names: Collection[str]) -> Rule:
    """A table of limits of setrlimit(2) and numbers, -1 or "unlimited" for none."""

    def rule(value: object) -> list[SettingProblem]:
        if not isinstance(value, Mapping):
            return [SettingProblem((), value, "a table of limits, like { nofile = 4096 }")]
        found: list[SettingProblem] = []
        for name, limit in cast("Mapping[str, object]", value).items():
            if name not in names:
                expected = "one of " + ", ".join(names)
                found.append(
                    SettingProblem((name,), Nothing.UNKNOWN, expected, did_you_mean(name, names) or "remove it")
                )
            elif limit != "unlimited" and (not isinstance(limit, int) or isinstance(limit, bool) or limit < -1):
                found.append(SettingProblem((name,), limit, 'a whole number of 0 or more, or "unlimited"', "change it"))
        return found

    return rule


def cron_expression(value: object) -> list[SettingProblem]:
    """Five fields as cron has them: minute, hour, day of month, month, day of week."""
    expected = 'a cron expression of five fields, like "30 3 * * *"'
    if not isinstance(value, str):
        return [SettingProblem((), value, expected)]
    try:
        CronSim(value, datetime(2000, 1, 1))  # noqa: DTZ001 - only read, never compared
    except CronSimError as error:
        return [SettingProblem((), value, expected, str(error).lower())]
    return []


def clock_time(value: object) -> list[SettingProblem]:
    """A time of day without a zone, as TOML has them, or text such as "15:40"."""
    expected = 'a time of day, like "15:40" or 15:40:00'
    if isinstance(value, str) and re.fullmatch(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2})?", value):
        try:
            value = time.fromisoformat(value)
        except ValueError as error:
            return [SettingProblem((), value, expected, str(error))]
    right = isinstance(value, time) and value.tzinfo is None
    return [] if right else [SettingProblem((), value, expected)]


def file_pattern(value: object) -> list[SettingProblem]:
    """A pattern of paths below a directory: `*`, `?` and `[...]` within a name, `**` for any directories."""
    expected = 'a pattern of paths below the root, like "*.json" or "data/**/*.csv"'
    if not isinstance(value, str) or "\0" in value:
        return [SettingProblem((), value, expected)]
    parts = value.split("/")
    return [] if all(part and part not in (".", "..") for part in parts) else [SettingProblem((), value, expected)]


def expression(value: object) -> list[SettingProblem]:
    """A regular expression."""
    if not isinstance(value, str) or not value:
        return [SettingProblem((), value, "a regular expression that is not empty")]
    try:
        re.compile(value)
    except re.error as error:
        return [SettingProblem((), value, "a regular expression", str(error))]
    return []


def http_address(value: object) -> list[SettingProblem]:
    """An address of http or https with a host."""
    expected = 'an address like "https://example.com/"'
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return [SettingProblem((), value, expected)]
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        right = False
    return [] if right else [SettingProblem((), value, expected)]


LONGEST_WEBHOOK = 2_048
"""Characters of the address of a webhook; real ones have some 150, and no proxy in between takes many more."""


def webhook_address(value: object) -> list[SettingProblem]:
    """An address of http or https of at most `LONGEST_WEBHOOK` characters."""
    if isinstance(value, str) and len(value) > LONGEST_WEBHOOK:
        got = f"{len(value):,} characters"  # and not the value: it is long, and may be a secret
        return [SettingProblem((), got, f"an address of at most {LONGEST_WEBHOOK:,} characters")]
    return http_address(value)


def host_and_port(value: object) -> list[SettingProblem]:
    """`host:port`, an IPv6 address in brackets."""
    expected = 'a host and a port, like "127.0.0.1:5432" or "[::1]:5432"'
    found = re.fullmatch(r"(?:[^\s:/\[\]]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})", value) if isinstance(value, str) else None
    return [] if found and 1 <= int(found[1]) <= 65535 else [SettingProblem((), value, expected)]


def status_codes(value: object) -> list[SettingProblem]:
    """A list of HTTP status codes and ranges of them."""
    expected = 'a list of status codes and ranges, like [200, "300-399"]'
    if not is_list(value) or not value:
        return [SettingProblem((), value, expected)]
    return [SettingProblem((), item, expected) for item in value if not _is_status(item)]


def _is_status(item: object) -> bool:
    if isinstance(item, int) and not isinstance(item, bool):
        return 100 <= item <= 599
    if not isinstance(item, str) or not (found := re.fullmatch(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", item)):
        return False
    return found[2] is None or int(found[1]) <= int(found[2])
