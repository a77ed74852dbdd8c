"""`hamster import`."""

from pathlib import Path

import click

from hamster.cli.common import FAILED, PATH, USAGE, fail
from hamster.config import ConfigError
from hamster.importing import FORMATS, ImportRefused, import_file, toml_of, write_new


@click.command("import")
@click.argument("file", type=PATH)
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), help="What it is; by its name and content unless given."
)
@click.option("-o", "--output", type=PATH, help="The hamster.toml to write; printed unless given.")
@click.option("--force", is_flag=True, help="Put it in the place of a file that is there.")
def import_(file: Path, format_: str | None, output: Path | None, force: bool) -> None:
    """Make a hamster.toml of another supervisor's file.

    Reads supervisord.conf, a PM2 ecosystem as JSON, and a Procfile. Nothing is started and the file stays as it is;
    what could not be carried over is said line by line.
    """
    try:
        imported = import_file(file, format_)
        text, config = toml_of(imported)
    except ImportRefused as error:
        fail(str(error), USAGE)
    except ConfigError as error:
        fail(
            f"what was made of {file} is no configuration, which is a mistake of ours; please report it:\n{error}",
            FAILED,
        )
    for note in imported.notes:
        click.echo(f"note: {note}", err=True)
    for warning in config.warnings:
        setting = warning.setting
        click.echo(f"warning: {setting if setting is not None else warning.text}", err=True)
    count, notes = len(imported.services), len(imported.notes)
    told = f"{count} service{'s' if count != 1 else ''}, {notes} note{'s' if notes != 1 else ''}"
    if output is None:
        click.echo(text, nl=False)
        click.echo(f"{file}: {told}", err=True)
        return
    try:
        write_new(output, text, force=force)
    except ImportRefused as error:
        fail(str(error), FAILED)
    click.echo(f"{output}: {told}; start it: hamster serve --config {output}")
