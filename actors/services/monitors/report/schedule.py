"""When a report is due. Pure: the time is an argument."""

import datetime as dt

from cronsim import CronSim

from actors.settings import ReportOptions

NINE = "0 9 * * *"
"""When it is due if nobody says anything."""
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SEARCH = 3_000
"""Due times that are stepped over while looking for the last one; a minute's schedule has 1,440 in a day."""
LOOK_BACK = (dt.timedelta(hours=2), dt.timedelta(days=2), dt.timedelta(days=40), dt.timedelta(days=400))
"""How far back the last due time is looked for, in steps."""


def due_after(options: ReportOptions, instant: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
    """The first due time after *instant*, in UTC; None where a cron expression names none (30 February).

    Intervals count from 1970, so that a restart moves nothing.

    Args:
        options: Of the report.
        instant: Aware.
        zone: Of cron's fields.
    """
    if options.interval is not None:
        passed = int((instant - EPOCH).total_seconds() // options.interval)
        due = EPOCH + dt.timedelta(seconds=(passed + 1) * options.interval)
        return due if due > instant else due + dt.timedelta(seconds=options.interval)
    # CronSim counts in the zone's own hours, also over a change to summer time, and wants whole seconds.
    start = instant.astimezone(zone).replace(microsecond=0)
    for found in CronSim(options.cron or NINE, start):
        due = found.astimezone(dt.UTC)
        if due > instant:
            return due
    return None


def last_due(options: ReportOptions, instant: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
    """The newest due time that is not after *instant*, in UTC; None within a year before it."""
    if options.interval is not None:
        passed = int((instant - EPOCH).total_seconds() // options.interval)
        return EPOCH + dt.timedelta(seconds=passed * options.interval)
    for back in LOOK_BACK:
        due = due_after(options, instant - back, zone)
        if due is None or due > instant:
            continue
        for _ in range(SEARCH):
            following = due_after(options, due, zone)
            if following is None or following > instant:
                return due
            due = following
        return due
    return None
