"""The command line: `hamster`."""

import importlib
from keyword import iskeyword

import click

from hamster.console import reserve_standard_files

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS = {
    "serve": ("serve", "Run WatchHamster in the foreground."),
    "demo": ("demo", "Run WatchHamster with something to watch."),
    "status": ("services", "Show the services."),
    "start": ("services", "Start services."),
    "stop": ("services", "Stop services."),
    "restart": ("services", "Restart services."),
    "reload": ("reload", "Read the configuration file again."),
    "add": ("adding", "Add a service."),
    "remove": ("adding", "Remove a service that was added."),
    "input": ("input", "Write a line to a service's stdin."),
    "events": ("events", "Show what happened to the services."),
    "logs": ("logs", "Show what was logged, and follow it."),
    "watch": ("watch", "Print what happens, the moment it happens."),
    "alerts": ("alerts", "Show the alerts."),
    "webhook": ("webhook", "Send webhooks, and see what became of them."),
    "deploy": ("deploying", "Deploy the site, and follow it step by step."),
    "actors": ("actors", "Show the tree of actors."),
    "token": ("token", "Give out API keys, and revoke them."),
    "config": ("config", "Look at the configuration."),
    "doctor": ("doctor", "Say what is open, and what would be better."),
    "import": ("importing", "Make a hamster.toml of another supervisor's file."),
}
"""By name: the module here that has the command, and its line in the help."""


class LazyGroup(click.Group):
    """Imports a command when it is asked for: the server takes a second to import, and `status` needs none of it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which somebody new meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"hamster.cli.{COMMANDS[cmd_name][0]}")
        found: click.Command = getattr(
            module, f"{cmd_name}_" if iskeyword(cmd_name) or cmd_name == "input" else cmd_name
        )
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from hamster.version import product_version

        click.echo(f"hamster, version {product_version()}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """WatchHamster: supervises services, samples the machine, and tells you the moment something happens."""


def main() -> None:
    """What the `hamster` command runs."""
    reserve_standard_files()
    cli()
