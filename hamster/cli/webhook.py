"""`hamster webhook`."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec
import trio
from rich.table import Table

from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import FAILED, data_dir_option
from hamster.cli.tables import show
from hamster.client import HamsterClient
from hamster.client_webhooks import SentWebhook, WebhookClient

COLUMNS = ("ID", "STATUS", "TYPE", "TO", "TRIES", "ANSWER", "TOOK", "WHEN", "MESSAGE")
TYPES = ("discord", "slack", "dooray", "generic")
SHOWN = 40
"""Characters of a message in the table."""


@click.group(name="webhook")
def webhook() -> None:
    """Send webhooks, and see what became of them."""


@webhook.command()
@click.argument("url_to", metavar="URL")
@click.argument("text", required=False, metavar="[TEXT|-]")
@click.option(
    "--type", "kind", type=click.Choice(["discord", "slack", "dooray", "generic"]), help="What it understands."
)
@click.option("--template", help="Send this template, with --var for its names.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="A value for the template.")
@click.option("--wait", is_flag=True, help="Until it is sent, or given up.")
@url_option
@data_dir_option
def send(
    url_to: str,
    text: str | None,
    kind: str | None,
    template: str | None,
    variables: tuple[str, ...],
    wait: bool,
    url: str | None,
    data_dir: Path | None,
) -> None:
    """Send TEXT (with -: our own stdin), or a template, to URL."""
    if (text is None) is (template is None):
        raise click.UsageError("give either TEXT or --template")
    values = _values(variables)

    async def work(client: HamsterClient) -> int:
        message = await trio.to_thread.run_sync(sys.stdin.read) if text == "-" else text
        body = {"url": url_to, "message": message, "webhook_type": kind, "template_id": template, "variables": values}
        given = {name: value for name, value in body.items() if value}
        started = await WebhookClient(client).send(given, wait=wait)
        click.echo(f"{started.webhook_id}: {started.message}")
        if started.webhook is None:
            return 0
        _say(started.webhook)
        return 0 if started.webhook.status == "success" else FAILED

    run(lambda: with_client(url, data_dir, work))


@webhook.command()
@click.argument("url_to", metavar="URL")
@url_option
@data_dir_option
def test(url_to: str, url: str | None, data_dir: Path | None) -> None:
    """Send a test to URL, once, and say how it went."""

    async def work(client: HamsterClient) -> int:
        tested = await WebhookClient(client).test(url_to)
        answer = "" if tested.response_status is None else f" ({tested.response_status})"
        click.echo(f"{tested.message}{answer}" + (f": {tested.error_message}" if tested.error_message else ""))
        return 0 if tested.success else FAILED

    run(lambda: with_client(url, data_dir, work))


@webhook.command()
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many at most.")
@click.option("--status", type=click.Choice(["pending", "success", "failed"]), help="Only these.")
@click.option("--type", "kind", type=click.Choice(TYPES), help="Only to these.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@url_option
@data_dir_option
def history(
    limit: int, status: str | None, kind: str | None, as_json: bool, url: str | None, data_dir: Path | None
) -> None:
    """Show what was sent, the newest first."""

    async def work(client: HamsterClient) -> int:
        found = await WebhookClient(client).history(limit, status=status, webhook_type=kind)
        if as_json:
            click.echo(msgspec.json.encode(found).decode())
            return 0
        made = Table(*COLUMNS, box=None, pad_edge=False)
        for one in found:
            took = "-" if one.response_time_ms is None else f"{one.response_time_ms:.0f} ms"
            answer = one.error_message or ("-" if one.response_code is None else str(one.response_code))
            message = " ".join(one.message.split())[:SHOWN]
            made.add_row(
                one.id, one.status, one.webhook_type, one.url, str(one.attempts), answer, took, one.sent_at, message
            )
        show(made)
        return 0

    run(lambda: with_client(url, data_dir, work))


@webhook.command()
@click.argument("webhook_id", metavar="ID")
@url_option
@data_dir_option
def retry(webhook_id: str, url: str | None, data_dir: Path | None) -> None:
    """Send one again that was given up."""

    async def work(client: HamsterClient) -> int:
        click.echo((await WebhookClient(client).retry(webhook_id)).message)
        return 0

    run(lambda: with_client(url, data_dir, work))


def _values(variables: tuple[str, ...]) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for variable in variables:
        name, equals, value = variable.partition("=")
        if not equals:
            raise click.UsageError(f"--var {variable!r} has no value; write NAME=VALUE")
        values[name] = value
    return values


def _say(sent: SentWebhook) -> None:
    answer = "" if sent.response_code is None else f" {sent.response_code}"
    error = f": {sent.error_message}" if sent.error_message else ""
    click.echo(f"{sent.id}: {sent.status}{answer} after {sent.attempts} attempts{error}")
