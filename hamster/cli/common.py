"""What the commands share: their options, their exit codes, and how they say what went wrong."""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn, cast

import click
import trio

from hamster.client import HamsterClient, RequestRefused, ServerUnreachable, UnexpectedAnswer, open_client
from hamster.runtime_file import NotRunning, RuntimeFileError, read_runtime_file, resolve_data_dir

FAILED = 1
"""Exit code: it was tried and did not work."""
USAGE = 2
"""Exit code: the command line or the configuration is wrong. Click uses it, too."""
NOT_RUNNING = 3
"""Exit code: there is no server to talk to; as `systemctl status` has it."""
INTERRUPTED = 130
"""Exit code: Ctrl-C, as a shell reports it."""

PATH = click.Path(path_type=Path)

data_dir_option = click.option(
    "--data-dir",
    type=PATH,
    envvar="HAMSTER_DATA_DIR",
    help="Where logs and data are; the user's own unless given. Also HAMSTER_DATA_DIR.",
)
config_option = click.option(
    "--config",
    "config_file",
    type=PATH,
    envvar="HAMSTER_CONFIG",
    help="The hamster.toml to read; the user's own unless given. Also HAMSTER_CONFIG.",
)
url_option = click.option(
    "--url", envvar="HAMSTER_URL", help="The server's address, instead of looking it up in the data directory."
)

CLIENT_ERRORS = (RuntimeFileError, RequestRefused, UnexpectedAnswer)
"""Errors of a client's command that are one sentence for the user, never a traceback."""


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say *message* on stderr and exit."""
    click.echo(f"hamster: {message}", err=True)
    sys.exit(code)


def run(work: Callable[[], Awaitable[int]], *, expected: tuple[type[Exception], ...] = CLIENT_ERRORS) -> NoReturn:
    """Run *work* in Trio and exit with the code it returns, or with a sentence for an error that is *expected*."""
    try:
        code = trio.run(work)
    except BaseException as error:
        _explain(error, expected)
        raise
    sys.exit(code)


def _explain(error: BaseException, expected: tuple[type[Exception], ...]) -> None:
    """Exit for what needs no traceback, wherever in a group it is."""
    single = error
    while isinstance(single, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", single).exceptions
        # Ctrl-C beside what it broke on its way: it is why we end.
        single = next((each for each in inner if isinstance(each, KeyboardInterrupt)), inner[0])
        if len(inner) > 1 and not isinstance(single, KeyboardInterrupt):
            return
    if isinstance(single, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    if isinstance(single, BrokenPipeError):
        # Whoever read our output has enough, such as `head`. Python would complain as it flushes the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    if isinstance(single, (NotRunning, ServerUnreachable)):
        fail(str(single), NOT_RUNNING)
    if isinstance(single, expected):
        fail(str(single))


async def with_client(url: str | None, data_dir: Path | None, work: Callable[[HamsterClient], Awaitable[int]]) -> int:
    """Run *work* with a client of the server at *url*, or of the one that runs for *data_dir*.

    Raises:
        NotRunning: None does.
        ServerUnreachable: It does not answer.
        RequestRefused: It answered with an error.
    """
    address, token = _server(url, data_dir)
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
