"""`hamster events`: what happened to the services."""

from pathlib import Path

import click
import msgspec
from rich.table import Table
from rich.text import Text

from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import data_dir_option
from hamster.cli.tables import show
from hamster.client import HamsterClient, ServiceHappened

COLUMNS = ("TIME", "ID", "WHAT", "WAS", "BECAME", "REASON", "DETAIL")


@click.command()
@click.argument("service_id", required=False, metavar="[ID]")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many, the newest of them."
)
@click.option(
    "--what",
    help="Only these kinds, with commas between: state, health, wanted, configured, monitored.",
)
@click.option("--json", "as_json", is_flag=True, help="The server's JSON instead of a table, the newest first.")
@url_option
@data_dir_option
def events(
    service_id: str | None, limit: int, what: str | None, as_json: bool, url: str | None, data_dir: Path | None
) -> None:
    """Show what happened to the services: to all of them, or to the one named, the newest last."""

    async def work(client: HamsterClient) -> int:
        found = await client.service_events(service_id, limit=limit, what=what)
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        else:
            show(table_of(found))
        return 0

    run(lambda: with_client(url, data_dir, work))


def table_of(found: list[ServiceHappened]) -> Table:
    """*found*, which begins with the newest, as a table that ends with it: there the eye is in a terminal."""
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for event in reversed(found):
        table.add_row(
            event.timestamp[:19].replace("T", " "),
            event.service_id,
            event.what,
            event.old or "-",
            event.new or "-",
            event.reason,
            Text(event.detail or "-"),
        )
    return table
