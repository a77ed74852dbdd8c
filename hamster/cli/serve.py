"""`hamster serve`."""

from pathlib import Path

import attrs
import click
import trio

from actors.setting_rules import SettingsError
from hamster.cli.common import USAGE, config_option, data_dir_option, fail
from hamster.cli.running import Running, hold_sigterm, run_until_told
from hamster.config import ConfigError, HamsterConfig, default_source, load_config
from hamster.runtime_file import resolve_data_dir
from hamster.security.settings import SecuritySettings
from hamster.server_settings import exposed, is_loopback
from hamster.trace_log import log_messages


@click.command()
@config_option
@data_dir_option
@click.option("--host", help="Address to listen on; both loopback addresses unless given or configured.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 8000 unless given or configured, 0 for any."
)
@click.option(
    "--frontend",
    type=click.Path(file_okay=False, path_type=Path),
    help="A directory with a built single-page application to serve beside the API.",
)
@click.option(
    "--production",
    is_flag=True,
    help="Turn security on; refuses to listen where others reach it unless the configuration has a table [security].",
)
@click.option(
    "--fast-lane/--no-fast-lane",
    default=None,
    help="Whether plain HTTP/1 is spoken by WatchHamster's own protocol (the default) or by Hypercorn's.",
)
@click.option("--exit-with-parent", is_flag=True, help="End when stdin is closed, as the sidecar of another program.")
@click.option("--trace", is_flag=True, help="Log every message between actors, with the request that caused it.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log on stderr, too.")
def serve(
    config_file: Path | None,
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    frontend: Path | None,
    production: bool,
    fast_lane: bool | None,
    exit_with_parent: bool,
    trace: bool,
    verbose: bool,
) -> None:
    """Run WatchHamster in the foreground until Ctrl-C or SIGTERM.

    With --port 0, or when stdout is no terminal, the first line on stdout is one JSON object:
    {"event": "listening", "url": "http://127.0.0.1:PORT"}.
    """
    hold_sigterm()
    config = configured(config_file, host, port, frontend, production=production, fast_lane=fast_lane)
    work = _trace if trace else _wait
    directory = resolve_data_dir(data_dir)
    run_until_told(config, directory, work, verbose=verbose, exit_with_parent=exit_with_parent, reloads=True)


def configured(
    config_file: Path | None,
    host: str | None,
    port: int | None,
    frontend: Path | None = None,
    *,
    production: bool = False,
    fast_lane: bool | None = None,
) -> HamsterConfig:
    """The configuration, with what the command line says over it; exits with every mistake in it."""
    try:
        config = load_config(config_file or default_source())
    except ConfigError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(USAGE) from None
    pages = None if frontend is None else str(frontend.absolute())
    said = (("host", host), ("port", port), ("frontend", pages), ("fast_lane", fast_lane))
    given = {name: value for name, value in said if value is not None}
    try:
        server = attrs.evolve(config.server, **given)
    except SettingsError as error:
        fail(str(error), USAGE)
    if config.security is None and not is_loopback(server.host):
        flag = "--production: " if production else ""
        fail(f"{flag}{exposed(server.host).within('server')}", USAGE)
    security = SecuritySettings() if production and config.security is None else config.security
    return attrs.evolve(config, server=server, security=security, over=given)


async def _trace(running: Running) -> int:
    await log_messages(running.hamster.system)
    return 0


async def _wait(_: Running) -> int:
    await trio.sleep_forever()
    return 0
