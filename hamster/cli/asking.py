"""What the commands share that ask a server. Apart from the rest: the server itself needs no client."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import click

from hamster.cli import common
from hamster.client import HamsterClient, RequestRefused, ServerUnreachable, UnexpectedAnswer, open_client
from hamster.runtime_file import NotRunning, RuntimeFileError, read_runtime_file, resolve_data_dir

url_option = click.option(
    "--url", envvar="HAMSTER_URL", help="The server's address, instead of looking it up in the data directory."
)

CLIENT_ERRORS = (RuntimeFileError, RequestRefused, UnexpectedAnswer)
"""Errors of a client's command that are one sentence for the user, never a traceback."""


def run(work: Callable[[], Awaitable[int]]) -> NoReturn:
    """Run *work*, which asks a server, and exit with the code it returns or with a sentence for what went wrong."""
    common.run(work, expected=CLIENT_ERRORS, unreachable=(NotRunning, ServerUnreachable))


async def with_client(url: str | None, data_dir: Path | None, work: Callable[[HamsterClient], Awaitable[int]]) -> int:
    """Run *work* with a client of the server at *url*, or of the one that runs for *data_dir*.

    Raises:
        NotRunning: None does.
        ServerUnreachable: It does not answer.
        RequestRefused: It answered with an error.
    """
    address, token = _server(url, data_dir)
    # Where security is on and the run-time file is another user's, or on another machine.
    token = token or os.environ.get("HAMSTER_TOKEN")
    async with open_client(address, token=token) as client:
        return await work(client)


def _server(url: str | None, data_dir: Path | None) -> tuple[str, str | None]:
    """Where the server is, and its token: never that of one server for another."""
    try:
        runtime = read_runtime_file(resolve_data_dir(data_dir))
    except (NotRunning, RuntimeFileError):
        if url is None:
            raise
        return url, None
    return url or runtime.url, runtime.token if url is None or url.rstrip("/") == runtime.url else None
