"""`hamster config`."""

from pathlib import Path

import click

from hamster.cli.common import USAGE, config_option
from hamster.config import ConfigError, default_source, load_config


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
@config_option
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(config_file: Path | None, file: Path | None) -> None:
    """Say everything that is wrong with a hamster.toml, each with its line."""
    path = file or config_file or default_source()
    if path is None:
        click.echo("no hamster.toml: the defaults are used")
        return
    try:
        loaded = load_config(path)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        count = len(error.problems)
        click.echo(f"{path}: {count} mistake{'s' if count > 1 else ''}", err=True)
        raise SystemExit(USAGE) from None
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{path}: ok, {len(loaded.services)} services")
