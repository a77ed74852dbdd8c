"""Timestamps of the contract: ISO 8601 with the offset of the configured zone."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import trio

Stamp = Callable[[datetime], str]
"""Renders an aware instant."""


def zone_of(name: str | None) -> tzinfo | None:
    """The zone of that name; None for the machine's own, whatever its offset is at an instant."""
    return None if name is None else ZoneInfo(name)


def local_zone(zone: tzinfo | None) -> tzinfo:
    """*zone*, or the machine's own as it is now."""
    return zone or datetime.now().astimezone().tzinfo or UTC


def stamper(zone: tzinfo | None) -> Stamp:
    """Renders aware instants in *zone* to the millisecond, such as `2024-01-01T12:00:00.250+09:00`."""

    def stamp(instant: datetime) -> str:
        return instant.astimezone(zone).isoformat(timespec="milliseconds")

    return stamp


def seconds_since(clock_time: float | None) -> int | None:
    """Whole seconds since *clock_time* on Trio's clock; None for None."""
    return None if clock_time is None else int(trio.current_time() - clock_time)
