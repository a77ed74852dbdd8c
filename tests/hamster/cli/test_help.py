"""The group of commands: what it lists, and what it does not import."""

import importlib.metadata
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from hamster.cli import COMMANDS, cli


def test_the_help_lists_every_command_without_importing_one() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from hamster.cli import cli;"
        "print(CliRunner().invoke(cli, ['--help']).output);"
        "print([name for name in ('trio', 'quart', 'httpx', 'actors') if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    for name, (_, line) in COMMANDS.items():
        assert f"  {name}" in ended.stdout
        assert line in ended.stdout
    assert ended.stderr == "[]\n"


def test_a_clients_command_imports_no_server() -> None:
    program = (
        "import sys, hamster.cli.services, hamster.cli.watch; print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    heavy = ["quart", "hypercorn", "actors", "trio_websocket"]
    ended = subprocess.run(
        [sys.executable, "-c", program, *heavy], capture_output=True, text=True, timeout=30, check=True
    )
    assert ended.stdout == "[]\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_the_beginning_of_its_own_help(name: str) -> None:
    with click.Context(cli) as context:
        command = cli.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").startswith(COMMANDS[name][1].rstrip("."))
    ended = CliRunner().invoke(cli, [name, "--help"])
    assert ended.exit_code == 0, ended.output


def test_a_command_that_is_not_there_is_a_usage_error() -> None:
    ended = CliRunner().invoke(cli, ["explode"])
    assert ended.exit_code == 2
    assert "No such command 'explode'" in ended.output


def test_the_version_is_that_of_the_package() -> None:
    ended = CliRunner().invoke(cli, ["--version"])
    assert ended.output == f"hamster, version {importlib.metadata.version('watchhamster')}\n"
