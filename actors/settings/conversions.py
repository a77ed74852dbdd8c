"""What a setting is turned into from the ways it may be written in."""

import datetime as dt
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import TypeVar

from actors import setting_rules as rules
from actors.setting_rules import SettingsError

T = TypeVar("T")
V = TypeVar("V")

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def words(command: str | Iterable[str]) -> tuple[str, ...]:
    """*command* as a tuple; text is split as a shell would, without running one."""
    if not isinstance(command, str):
        return tuple(command)
    wrong = rules.command(command)
    if wrong:
        raise SettingsError("command", wrong)
    return tuple(shlex.split(command))


def optional_words(command: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """`words`, or None for none."""
    return None if command is None else words(command)


def as_tuple(items: Iterable[T]) -> tuple[T, ...]:
    """*items*, which cannot change any more. Text is left to the rule, which refuses it."""
    return items if isinstance(items, str) else tuple(items)  # type: ignore[return-value]  # the rule says it better


def copied(table: Mapping[str, V]) -> Mapping[str, V]:
    """*table*, which nobody else changes."""
    return dict(table)


def byte_number(size: int | str) -> int:
    """`byte_count` of what must be there."""
    return byte_count(size)  # type: ignore[return-value]  # None only for None


def byte_count(size: int | str | None) -> int | None:
    """*size* in bytes; text is a number with K, M, G or T of 1024, as "64M" or "64 MiB"."""
    if not isinstance(size, str):
        return size
    found = re.fullmatch(r"([0-9]+) ?([KMGT]?)(?:i?B)?", size)
    return int(found[1]) * UNITS[found[2]] if found else size  # type: ignore[return-value]  # the rule refuses it


def clock_time(value: dt.time | str | None) -> dt.time | None:
    """*value* as a time of day; text is hours and minutes, perhaps seconds, as "15:40"."""
    if not isinstance(value, str) or rules.clock_time(value):
        return value  # type: ignore[return-value]  # text that is none: the rule refuses it
    return dt.time.fromisoformat(value)


def clock_times(values: Iterable[dt.time | str]) -> tuple[dt.time, ...]:
    """Each of *values* as a time of day."""
    items = as_tuple(values)
    # Text is left to the rule, as in `as_tuple`; so is what is no time.
    return items if isinstance(items, str) else tuple(map(clock_time, items))  # type: ignore[return-value]
