"""What the commands share: their options, their exit codes, and how they say what went wrong."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import click
import trio

from hamster.client import HamsterClient, RequestRefused, ServerUnreachable, open_client
from hamster.config import ConfigError
from hamster.data_dir import DataDirError, resolve_data_dir
from hamster.runtime_file import NotRunning, RuntimeFileError, read_runtime_file
from hamster.server import BindError, StartupFailed

F = TypeVar("F", bound=Callable[..., object])

FAILED = 1
"""Exit code: it was tried and did not work."""
USAGE = 2
"""Exit code: the command line or the configuration is wrong. Click uses it, too."""
NOT_RUNNING = 3
"""Exit code: there is no server to talk to; as `systemctl status` has it."""

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

EXPECTED = (ConfigError, DataDirError, BindError, StartupFailed, RuntimeFileError, RequestRefused)
"""Errors that are one sentence for the user, never a traceback."""


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say *message* on stderr and exit."""
    click.echo(f"hamster: {message}", err=True)
    sys.exit(code)


def run(work: Callable[[], Awaitable[int]]) -> NoReturn:
    """Run *work* in Trio and exit with the code it returns, or with a sentence for an error that is expected."""
    try:
        code = trio.run(work)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        sys.exit(USAGE)
    except (NotRunning, ServerUnreachable) as error:
        fail(str(error), NOT_RUNNING)
    except EXPECTED as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell reports an interrupted program
    sys.exit(code)


async def with_client(url: str | None, data_dir: Path | None, work: Callable[[HamsterClient], Awaitable[int]]) -> int:
    """Run *work* with a client of the server at *url*, or of the one that runs for *data_dir*.

    Raises:
        NotRunning: None does.
        ServerUnreachable: It does not answer.
        RequestRefused: It answered with an error.
    """
    address = url or read_runtime_file(resolve_data_dir(data_dir)).url
    async with open_client(address) as client:
        return await work(client)
