"""What the commands share: their options, their exit codes, and how they say what went wrong."""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn, cast

import click
import trio

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


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say *message* on stderr and exit."""
    click.echo(f"hamster: {message}", err=True)
    sys.exit(code)


def run(
    work: Callable[[], Awaitable[int]],
    *,
    expected: tuple[type[Exception], ...],
    unreachable: tuple[type[Exception], ...] = (),
) -> NoReturn:
    """Run *work* in Trio and exit with the code it returns, or with a sentence for an error that is *expected*.

    Of one that is *unreachable* the code says that there is no server.
    """
    try:
        code = trio.run(work)
    except BaseException as error:
        _explain(error, expected, unreachable)
        raise
    sys.exit(code)


def _explain(
    error: BaseException, expected: tuple[type[Exception], ...], unreachable: tuple[type[Exception], ...]
) -> None:
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
    if isinstance(single, unreachable):
        fail(str(single), NOT_RUNNING)
    if isinstance(single, expected):
        fail(str(single))
