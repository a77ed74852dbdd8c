"""`hamster status`, `start`, `stop` and `restart`."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

import click
import msgspec
import trio
from click.core import ParameterSource

from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import FAILED, NOT_RUNNING, data_dir_option, fail
from hamster.cli.tables import client_row, rich_table, show
from hamster.client import HamsterClient, RequestRefused, ServerUnreachable, Service

DEFAULT_WAIT = 15.0
"""Seconds a command waits for its end: a service has 10 to stop and a second to start."""
ROLLING_WAIT = 300.0
"""The same for a rolling restart; the most that can be asked for."""

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
    """Show the services: all of them, or those named (* and ? match, tag:NAME has a tag)."""

    async def work(client: HamsterClient) -> int:
        if as_json:
            chosen = {service.id for service in await named(client, ids)}
            shown = [row for row in await client.services_json() if row.get("id") in chosen]
            click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
            return 0
        show(rich_table([client_row(service) for service in await named(client, ids)]))
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


NAMED = "those named (* and ? match, tag:NAME has a tag)"

start = _command("start", f"Start services: {NAMED}, or all that can run here.")
stop = _command("stop", f"Stop services: {NAMED}, or all.")


@click.command(help=f"Restart services: {NAMED}, or all that can run here.")
@ids_argument
@click.option("--rolling", is_flag=True, help="One after another, each only when the one before is ready again.")
@click.option("--parallel", type=click.IntRange(1, 1000), help="With --rolling: so many at a time; 1 unless given.")
@wait_option
@url_option
@data_dir_option
@click.pass_context
def restart(
    context: click.Context,
    ids: tuple[str, ...],
    rolling: bool,
    parallel: int | None,
    wait: float,
    url: str | None,
    data_dir: Path | None,
) -> None:
    if not rolling:
        if parallel is not None:
            raise click.UsageError("--parallel is for --rolling; give that, too")
        run(lambda: with_client(url, data_dir, lambda client: carry_out(client, "restart", ids, wait)))
    if context.get_parameter_source("wait") is ParameterSource.DEFAULT:
        wait = ROLLING_WAIT
    run(lambda: with_client(url, data_dir, lambda client: roll(client, ids or ("*",), parallel or 1, wait)))


async def roll(client: HamsterClient, targets: Sequence[str], parallel: int, wait: float) -> int:
    """Restart the targets one after another, each one's services one behind the other; the exit code."""
    for target in targets:
        answer = await client.roll(target, parallel=parallel, wait=wait)
        click.echo(answer.message)
    return 0


async def named(client: HamsterClient, targets: Sequence[str]) -> list[Service]:
    """The services that *targets* name, all without. Exits for one that names none."""
    try:
        return await client.services(*targets)
    except RequestRefused as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        ids = [service.id for service in await client.services()]
        fail(f"{error.detail}; the services are: {', '.join(ids)}")


async def carry_out(client: HamsterClient, action: str, patterns: Sequence[str], wait: float) -> int:
    """Give the command to all chosen services at the same time and print each answer; the exit code."""
    services = await named(client, patterns)
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
