"""`hamster alerts`."""

from pathlib import Path

import click
import msgspec
from rich.table import Table
from rich.text import Text

from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import data_dir_option
from hamster.cli.tables import duration, show
from hamster.client import HamsterClient
from hamster.client_alerts import Alert, fetch_alerts, fetch_alerts_json

COLUMNS = ("ID", "LEVEL", "STATE", "SINCE", "LASTED", "ALERT", "MESSAGE")
COLOURS = {"critical": "red", "warning": "yellow"}


@click.command()
@click.option("--all", "every", is_flag=True, help="Also those that are over, newest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="The server's JSON instead of a table.")
@url_option
@data_dir_option
def alerts(every: bool, limit: int, as_json: bool, url: str | None, data_dir: Path | None) -> None:
    """Show the alerts that last, or all of them."""

    async def work(client: HamsterClient) -> int:
        if as_json:
            rows = await fetch_alerts_json(client, every=every, limit=limit)
            click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
            return 0
        found = await fetch_alerts(client, every=every, limit=limit)
        if found:
            show(rich_table(found))
        else:
            click.echo("no alerts")
        return 0

    run(lambda: with_client(url, data_dir, work))


def rich_table(found: list[Alert]) -> Table:
    """*found* for a terminal."""
    made = Table(*COLUMNS, box=None, pad_edge=False)
    for alert in found:
        words = [
            alert.state,
            *(["acknowledged"] if alert.acknowledged else []),
            *([alert.muted] if alert.muted else []),
        ]
        lasted = None if alert.duration_seconds is None else int(alert.duration_seconds)
        made.add_row(
            alert.id,
            Text(alert.level, style="dim" if alert.state == "resolved" else COLOURS.get(alert.level, "")),
            ", ".join(words),
            alert.since[:19].replace("T", " "),
            duration(lasted),
            f"{alert.source}/{alert.key}",
            alert.message,
        )
    return made
