"""`hamster reload`."""

from pathlib import Path

import click

from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import FAILED, data_dir_option
from hamster.cli.services import DEFAULT_WAIT, carry_out, ids_argument
from hamster.client import HamsterClient, Reloaded


@click.command()
@ids_argument
@url_option
@data_dir_option
def reload(ids: tuple[str, ...], url: str | None, data_dir: Path | None) -> None:
    """Read the configuration file again. Only what changed is restarted; a file with a mistake changes nothing.

    With IDs (* and ? match, tag:NAME has a tag) those services are told to read their own again.
    """

    async def work(client: HamsterClient) -> int:
        if ids:
            return await carry_out(client, "reload", ids, DEFAULT_WAIT)
        done = await client.reload()
        for line in lines(done):
            click.echo(line)
        for warning in done.warnings:
            click.echo(f"warning: {warning}", err=True)
        for service, why in done.failed.items():
            click.echo(f"hamster: {service}: {why}", err=True)
        return FAILED if done.failed else 0

    run(lambda: with_client(url, data_dir, work))


def lines(done: Reloaded) -> list[str]:
    """What was done, a line for each kind of change."""
    kinds = {
        "added": done.added,
        "removed": done.removed,
        "restarted": done.restarted,
        "changed": done.changed,
        "counts from their next start": done.later,
        "needs a restart of WatchHamster": done.needs_restart,
    }
    said = [f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
    return [f"{done.source}: " + ("read again" if said else "nothing changed"), *said]
