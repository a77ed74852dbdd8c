"""The way of the backend that was replaced: read all lines, parse each, filter, and cut out a page."""

import re
import time
from pathlib import Path

_LINE = re.compile(r"(?P<timestamp>\S+) (?P<level>[A-Z]+) (?P<logger>\S+) \[[^\]]*\] (?P<message>.*)")


def newest_of_level(file: Path, level: str, limit: int) -> tuple[float, int]:
    """Seconds for the newest *limit* records of *level*, and how many there were."""
    begun = time.perf_counter()
    found = [entry for entry in _entries(file) if entry["level"] == level]
    page = found[::-1][:limit]
    return time.perf_counter() - begun, len(page)


def with_text(file: Path, text: str) -> tuple[float, int]:
    """Seconds to count the records with *text*, caseless, and how many there are."""
    begun = time.perf_counter()
    wanted = text.lower()
    count = sum(wanted in entry["message"].lower() or wanted in entry["level"].lower() for entry in _entries(file))
    return time.perf_counter() - begun, count


def statistics(file: Path) -> tuple[float, int]:
    """Seconds to count by level and hour, and how many records there are."""
    begun = time.perf_counter()
    levels: dict[str, int] = {}
    hours: dict[str, int] = {}
    for entry in _entries(file):
        levels[entry["level"]] = levels.get(entry["level"], 0) + 1
        hour = entry["timestamp"][:13]
        hours[hour] = hours.get(hour, 0) + 1
    return time.perf_counter() - begun, sum(levels.values())


def _entries(file: Path) -> list[dict[str, str]]:
    lines = file.read_text("utf-8").splitlines()
    return [found.groupdict() for line in lines if (found := _LINE.fullmatch(line)) is not None]
