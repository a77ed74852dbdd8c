"""What becomes of a source's alert when it is looked at. Pure."""

import datetime as dt

import attrs

from actors.services.monitors.feed.expectation import (
    Expectation,
    Status,
    Verdict,
    arrival_delay,
    slot_at_or_before,
)
from actors.services.monitors.feed.table import SourceRow

LATE = (Status.DELAYED, Status.OUTDATED)


@attrs.frozen
class Lateness:
    """What is to be remembered, and whether something came after all."""

    row: SourceRow
    came: bool = False
    """News came for the slot that was told to be late."""
    dropped: bool = False
    """Nobody waits for it any more: it is expected at another time, or not at all."""


def follow(row: SourceRow, verdict: Verdict, expectation: Expectation | None) -> Lateness:
    """What *verdict* on a source changes in what is remembered of it: each slot is late once, and comes once."""
    slot = None if row.late_slot is None else dt.datetime.fromtimestamp(row.late_slot, dt.UTC)
    published = None if row.published is None else dt.datetime.fromtimestamp(row.published, dt.UTC)
    came = dropped = False
    if slot is not None:
        if expectation is None or slot_at_or_before(expectation, slot) != slot:
            row, dropped = attrs.evolve(row, late_slot=None), True
        elif published is not None and expectation.satisfied(slot, published):
            row, came = attrs.evolve(row, late_slot=None, delay=arrival_delay(slot, published)), True
    if verdict.status in LATE and verdict.slot is not None:
        row = attrs.evolve(row, late_slot=verdict.slot.timestamp())
    return Lateness(row, came, dropped)
