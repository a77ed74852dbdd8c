"""The command line: `hamster`."""

import click

from hamster.cli.actors import actors
from hamster.cli.config import config
from hamster.cli.demo import demo
from hamster.cli.serve import serve
from hamster.cli.services import restart, start, status, stop
from hamster.cli.watch import watch
from hamster.product import product_version

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(product_version(), prog_name="hamster")
def cli() -> None:
    """WatchHamster: supervises services, samples the machine, and tells you the moment something happens."""


for command in (serve, demo, status, start, stop, restart, watch, actors, config):
    cli.add_command(command)


def main() -> None:
    """What the `hamster` command runs."""
    cli()
