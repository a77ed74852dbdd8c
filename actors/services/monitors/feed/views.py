"""What is shown of a source. Pure."""

import datetime as dt

import attrs

from actors.services.monitors.feed.expectation import Status, Verdict, slot_after
from actors.services.monitors.feed.lateness import LATE
from actors.services.monitors.feed.messages import SourceView
from actors.services.monitors.feed.sources import Source
from actors.services.monitors.feed.table import SourceRow
from actors.services.monitors.feed.telling import instant


def viewed(
    source: Source, view: SourceView, row: SourceRow, verdict: Verdict, *, now: dt.datetime, down: bool
) -> SourceView:
    """*view* as it is after a look.

    Args:
        source: Whose view.
        view: Before.
        row: What is remembered of it now.
        verdict: What can be said of it now.
        now: The time.
        down: Its document failed too often, and has not been well for long enough since.
    """
    late = verdict.status in LATE
    expected = verdict.slot if late else None
    if expected is None and source.expectation is not None:
        expected = slot_after(source.expectation, now)
    return attrs.evolve(
        view,
        status=Status.ERROR if down else verdict.status,
        last_update=None if row.published is None else instant(row.published),
        title=row.title,
        url=row.url,
        expected_time=expected,
        delay=verdict.delay if late else row.delay,
    )
