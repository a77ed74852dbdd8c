"""What monitors are given."""

from collections.abc import Callable
from datetime import UTC, tzinfo
from random import Random

import attrs

from actors.services.causes import Cause
from actors.store import Store


def _nobody(_: str, __: Cause) -> None:
    """Where there is no other service."""


@attrs.frozen
class Surroundings:
    """What monitors are given."""

    random: Random
    """For the jitter of first looks."""
    store: Store | None = None
    """For what must outlive us."""
    zone: tzinfo = UTC
    """Of calendars and times of day whose settings name none."""
    ours: tuple[str, ...] = ()
    """Directories of WatchHamster's, which no monitor cleans up."""
    start_other: Callable[[str, Cause], object] = _nobody
    """Has another service started, by its id; never waits."""
