"""`hamster watch`."""

from pathlib import Path

import click
import msgspec

from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import data_dir_option
from hamster.client import Frame, HamsterClient


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The frames as they come, one a line.")
@click.option("--type", "types", multiple=True, help="Only frames of this type; may be given several times.")
@url_option
@data_dir_option
def watch(as_json: bool, types: tuple[str, ...], url: str | None, data_dir: Path | None) -> None:
    """Print what happens, the moment it happens, until Ctrl-C or the server's end."""

    async def work(client: HamsterClient) -> int:
        async with client.events(*types) as events:
            async for frame in events:
                click.echo(msgspec.json.encode(frame).decode() if as_json else line_of(frame))
        click.echo("the server has closed the connection", err=True)
        return 0

    run(lambda: with_client(url, data_dir, work))


def line_of(frame: Frame) -> str:
    """One frame in one line."""
    data = frame.data
    match frame.type:
        case "service_event":
            text = f"{data.get('service_id')}: {data.get('event_type')}: {data.get('message')}"
        case "status_update":
            text = f"{data.get('service_id')}: {data.get('state')}, pid {data.get('pid') or '-'}"
        case "metrics_update":
            text = (
                f"cpu {data.get('cpu_percent')} %, memory {data.get('memory_percent')} %, {data.get('system_health')}"
            )
        case "alert":
            text = f"{data.get('level')}: {data.get('message')}"
        case _:
            text = msgspec.json.encode(data).decode()
    time = frame.timestamp[11:23]  # of 2024-01-01T12:00:00.250+09:00
    return f"{time}  {frame.type:<16} {text}"
