"""`hamster input`."""

import sys
from pathlib import Path

import click
import trio

from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import data_dir_option
from hamster.client import HamsterClient, RequestRefused

PIECE = 16 * 1024
"""Characters that are sent at a time."""
PAUSE_SECONDS = 0.2
"""Before a service that does not read is tried again."""


@click.command(name="input")
@click.argument("service_id", metavar="ID")
@click.argument("text", required=False, metavar="[TEXT|-]")
@click.option("--eof", is_flag=True, help="End its input afterwards.")
@url_option
@data_dir_option
def input_(service_id: str, text: str | None, eof: bool, url: str | None, data_dir: Path | None) -> None:
    """Write a line to a service's stdin.

    TEXT is sent with a line feed behind it; with - all of our own stdin is sent as it is. The service needs
    stdin = "pipe".
    """
    if text is None and not eof:
        raise click.UsageError("give TEXT, - or --eof")

    async def work(client: HamsterClient) -> int:
        whole = await trio.to_thread.run_sync(sys.stdin.read) if text == "-" else "" if text is None else f"{text}\n"
        pieces = [whole[at : at + PIECE] for at in range(0, len(whole), PIECE)] or [""]
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            if piece or (last and eof):
                await _send(client, service_id, piece, end=last and eof)
        return 0

    run(lambda: with_client(url, data_dir, work))


async def _send(client: HamsterClient, service_id: str, piece: str, *, end: bool) -> None:
    while True:
        try:
            await client.send_input(service_id, piece, end=end)
        except RequestRefused as error:
            if error.status != 429:
                raise
            await trio.sleep(PAUSE_SECONDS)
        else:
            return
