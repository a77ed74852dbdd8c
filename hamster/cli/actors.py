"""`hamster actors`."""

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from rich.table import Table

from hamster.actor_models import ActorNode
from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import data_dir_option
from hamster.cli.tables import duration, show
from hamster.client import HamsterClient

COLUMNS = ("ACTOR", "STATE", "UPTIME", "RESTARTS", "HANDLED", "QUEUED", "PEAK", "WAIT P50", "WAIT P99", "LOST")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The server's JSON instead of a table.")
@url_option
@data_dir_option
def actors(as_json: bool, url: str | None, data_dir: Path | None) -> None:
    """Show the tree of actors: state, restarts and queues.

    LOST counts messages that nobody handled: abandoned by their caller, out of time, without room or too late.
    """

    async def work(client: HamsterClient) -> int:
        root = await client.actors()
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(root), indent=2).decode())
        else:
            show(tree_table(root))
        return 0

    run(lambda: with_client(url, data_dir, work))


def tree_table(root: ActorNode) -> Table:
    """The tree, one row a node."""
    found = Table(*COLUMNS, box=None, pad_edge=False)
    for depth, node in walk(root):
        statistics = node.statistics
        row = [f"{'  ' * depth}{node.name}", node.state, duration(None if node.uptime is None else int(node.uptime))]
        row.append(str(node.restarts))
        if statistics is None:
            row += ["-"] * 6
        else:
            lost = statistics.abandoned + statistics.expired + statistics.dead_lettered + statistics.interrupted
            row += [str(statistics.handled), f"{statistics.queued}/{statistics.capacity}", str(statistics.peak)]
            row += [milliseconds(statistics.wait_p50), milliseconds(statistics.wait_p99), str(lost)]
        found.add_row(*row)
    return found


def walk(node: ActorNode, depth: int = 0) -> Iterator[tuple[int, ActorNode]]:
    """*node* and all beneath it with their depths, in order."""
    yield depth, node
    for child in node.children:
        yield from walk(child, depth + 1)


def milliseconds(seconds: float | None) -> str:
    """A duration under which most are, such as `<0.5 ms`."""
    return "-" if seconds is None else f"<{seconds * 1000:.3g} ms"
