"""Tables for the terminal."""

import io
import sys
from collections.abc import Sequence

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hamster.client import Service

COLUMNS = ("ID", "STATUS", "PID", "UPTIME", "RESTARTS", "CPU %", "MEMORY", "LAST ERROR")
COLOURS = {"running": "green", "starting": "yellow", "stopping": "yellow", "error": "red"}
WIDTH_WITHOUT_TERMINAL = 200
"""Columns: wide enough that nothing is folded when another program reads it."""


@attrs.frozen
class Row:
    """One service."""

    id: str
    status: str
    state: str
    pid: int | None
    uptime: int | None
    restarts: int
    cpu_percent: float | None
    memory_bytes: int | None
    last_error: str | None


def client_row(service: Service) -> Row:
    """A row from what the server answered."""
    return Row(
        service.id,
        service.status,
        service.state,
        service.pid,
        service.uptime,
        service.restarts,
        service.cpu_percent,
        service.memory_bytes,
        service.last_error,
    )


def table(rows: Sequence[Row]) -> str:
    """*rows* as text, without colours."""
    return plain(rich_table(rows))


def plain(found: Table) -> str:
    """A table as text, without colours."""
    out = io.StringIO()
    Console(file=out, width=WIDTH_WITHOUT_TERMINAL, color_system=None).print(found)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def show(found: Table) -> None:
    """Print a table: in colours on a terminal, plain for another program."""
    if sys.stdout.isatty():
        Console().print(found)
    else:
        print(plain(found))


def rich_table(rows: Sequence[Row]) -> Table:
    """*rows* for a terminal."""
    found = Table(*COLUMNS, box=None, pad_edge=False)
    for row in rows:
        state = row.status if row.status == row.state else f"{row.status} ({row.state})"
        found.add_row(
            row.id,
            Text(state, style=COLOURS.get(row.status, "dim")),
            "-" if row.pid is None else str(row.pid),
            duration(row.uptime),
            str(row.restarts),
            "-" if row.cpu_percent is None else f"{row.cpu_percent:.1f}",
            size(row.memory_bytes),
            Text(row.last_error or "-"),
        )
    return found


def duration(seconds: int | None) -> str:
    """Seconds in the two largest units, such as `3h 25m`."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count}{unit}" for count, unit in parts[first : first + 2])


def size(count: int | None) -> str:
    """Bytes in a fitting unit, such as `23.4 MiB`."""
    if count is None:
        return "-"
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
