"""`hamster add` and `hamster remove`: services that the server keeps, beside those of the configuration file."""

from pathlib import Path

import click
import msgspec

from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import data_dir_option
from hamster.client import HamsterClient

id_argument = click.argument("service_id", metavar="ID")


@click.command()
@id_argument
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option("--name", help="What people see.")
@click.option("--kind", help="What it is, if not a command: http, tcp, exec, feed, files or report.")
@click.option("--cwd", type=click.Path(path_type=Path), help="Its working directory; relative to the present one.")
@click.option("--env", "variables", multiple=True, metavar="NAME=VALUE", help="A variable for it.")
@click.option("--tag", "tags", multiple=True, help="A word by which commands find it.")
@click.option("--restart", type=click.Choice(["always", "on-failure", "never"]), help="When it is started again.")
@click.option("--instances", type=click.IntRange(1, 1000), help="How many of it run.")
@click.option("--no-autostart", is_flag=True, help="It starts only on command.")
@click.option(
    "--set", "others", multiple=True, metavar="KEY=VALUE", help="Any other key of hamster.toml; VALUE in JSON, or text."
)
@click.option("--change", is_flag=True, help="Change the service of this id that was added before.")
@url_option
@data_dir_option
def add(
    service_id: str,
    command: tuple[str, ...],
    name: str | None,
    kind: str | None,
    cwd: Path | None,
    variables: tuple[str, ...],
    tags: tuple[str, ...],
    restart: str | None,
    instances: int | None,
    no_autostart: bool,
    others: tuple[str, ...],
    change: bool,
    url: str | None,
    data_dir: Path | None,
) -> None:
    """Add a service. It is there until it is removed, also after a restart of WatchHamster.

    For example: hamster add site --cwd public -- python3 -m http.server 8080
    """
    keys: dict[str, object] = {
        "id": service_id,
        "name": name,
        "kind": kind,
        "command": list(command) or None,
        "cwd": None if cwd is None else str(cwd.absolute()),
        "env": dict(_pair(each, "--env") for each in variables) or None,
        "tags": list(tags) or None,
        "restart": restart,
        "instances": instances,
        "autostart": False if no_autostart else None,
    }
    given = {key: value for key, value in keys.items() if value is not None}
    given |= {key: _value(text) for key, text in (_pair(each, "--set") for each in others)}

    async def work(client: HamsterClient) -> int:
        click.echo(await (client.change_service(given) if change else client.add_service(given)))
        return 0

    run(lambda: with_client(url, data_dir, work))


@click.command()
@id_argument
@url_option
@data_dir_option
def remove(service_id: str, url: str | None, data_dir: Path | None) -> None:
    """Remove a service that was added. It is stopped; its logs stay."""

    async def work(client: HamsterClient) -> int:
        click.echo(await client.remove_service(service_id))
        return 0

    run(lambda: with_client(url, data_dir, work))


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"{option} is {text!r}; expected NAME=VALUE")
    return name, value


def _value(text: str) -> object:
    """*text* as JSON, where it is some: numbers, true, lists, tables; else as it is."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
