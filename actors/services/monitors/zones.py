"""The zone that calendars are read in."""

import datetime as dt
import os
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOCALTIME = Path("/etc/localtime")


def calendar_zone(name: str | None) -> dt.tzinfo:
    """The zone called *name*; for None the machine's own, with its changes to summer time where they can be known."""
    for found in (name, os.environ.get("TZ", "").removeprefix(":"), _machine()):
        if not found:
            continue
        try:
            return ZoneInfo(found)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue  # a TZ such as "KST-9", or a path
    return dt.datetime.now().astimezone().tzinfo or dt.UTC


def _machine() -> str | None:
    try:
        target = str(LOCALTIME.resolve())
    except OSError:
        return None
    return target.rpartition("/zoneinfo/")[2] if "/zoneinfo/" in target else None
