"""`hamster status`, `start`, `stop` and `restart`."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click
import msgspec
import trio

from hamster.cli.common import FAILED, NOT_RUNNING, data_dir_option, fail, run, url_option, with_client
from hamster.cli.tables import client_row, rich_table, show
from hamster.client import HamsterClient, RequestRefused, ServerUnreachable, Service

DEFAULT_WAIT = 15.0
"""Seconds a command waits for its end: a service has 10 to stop and a second to start."""

ids_argument = click.argument("ids", nargs=-1, metavar="[ID]...")
wait_option = click.option(
    "--wait",
    type=click.FloatRange(0, 300),
    default=DEFAULT_WAIT,
    show_default=True,
    help="Seconds to wait for the service to be there; 0: do not wait.",
)


@click.command()
@ids_argument
@click.option("--json", "as_json", is_flag=True, help="The server's JSON instead of a table.")
@url_option
@data_dir_option
def status(ids: tuple[str, ...], as_json: bool, url: str | None, data_dir: Path | None) -> None:
    """Show the services: all of them, or those named (* and ? match)."""

    async def work(client: HamsterClient) -> int:
        if as_json:
            rows = {str(row.get("id")): row for row in await client.services_json()}
            shown = [rows[service_id] for service_id in chosen(tuple(rows), ids)]
            click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
            return 0
        services = of_ids(await client.services(), ids)
        show(rich_table([client_row(service) for service in services]))
        return 0

    run(lambda: with_client(url, data_dir, work))


def _command(action: str, doc: str) -> click.Command:
    @click.command(action, help=doc)
    @ids_argument
    @wait_option
    @url_option
    @data_dir_option
    def command(ids: tuple[str, ...], wait: float, url: str | None, data_dir: Path | None) -> None:
        run(lambda: with_client(url, data_dir, lambda client: carry_out(client, action, ids, wait)))

    return command


start = _command("start", "Start services: those named (* and ? match), or all that can run here.")
stop = _command("stop", "Stop services: those named (* and ? match), or all.")
restart = _command("restart", "Restart services: those named (* and ? match), or all that can run here.")


def chosen(ids: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Those of *ids* that *patterns* name, in their order; all without patterns. Exits for one that names none."""
    for pattern in patterns:
        if not any(fnmatchcase(service_id, pattern) for service_id in ids):
            fail(f"there is no service {pattern!r}; the services are: {', '.join(ids)}")
    if not patterns:
        return list(ids)
    return [service_id for service_id in ids if any(fnmatchcase(service_id, pattern) for pattern in patterns)]


def of_ids(services: Sequence[Service], patterns: Sequence[str]) -> list[Service]:
    """Those of *services* that *patterns* name, as `chosen`."""
    ids = chosen([service.id for service in services], patterns)
    return [service for service in services if service.id in ids]


async def carry_out(client: HamsterClient, action: str, patterns: Sequence[str], wait: float) -> int:
    """Give the command to all chosen services at the same time and print each answer; the exit code."""
    services = of_ids(await client.services(), patterns)
    if not patterns:
        services = [service for service in services if service.available]
    code = 0

    async def one(service: Service) -> None:
        nonlocal code
        try:
            answer = await client.command(action, service.id, wait=wait)
            click.echo(answer.message)
        except RequestRefused as error:
            click.echo(f"hamster: {error}", err=True)
            code = code or FAILED
        except ServerUnreachable as error:
            click.echo(f"hamster: {service.id}: {error}", err=True)
            code = NOT_RUNNING

    async with trio.open_nursery() as nursery:
        for service in services:
            nursery.start_soon(one, service)
    return code
