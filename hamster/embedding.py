"""WatchHamster inside another Trio program: everything but the command line."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import trio

from hamster.config import HamsterConfig, load_config
from hamster.data_dir import DataDirLock, prepare_data_dir
from hamster.product import Hamster, open_product
from hamster.runtime_file import RuntimeFile, published
from hamster.server import bind_sockets
from hamster.version import product_version


@asynccontextmanager
async def open_hamster(
    config: HamsterConfig | Path | str | None = None, *, data_dir: Path | str
) -> AsyncGenerator[Hamster, None]:
    """A whole WatchHamster for the time of the block: its services, and its HTTP API on the configured address.

    Leaving the block ends it in order, within a bound: changes are answered with 503, the services stop, in parallel,
    sockets are told and closed, then the server and the actors end. That holds when the block is left by an exception,
    too, which passes as it is, or by a cancellation. It installs no signal handlers and configures no logging; what it
    logs goes to the loggers `hamster` and `actors`. Several can be open at a time, each with its own data directory
    and port.

    Args:
        config: What to run: a configuration, the path of a `hamster.toml` (read again on command, and when it changes),
            or None for the defaults. Port 0 takes a free one, which `Hamster.url` says.
        data_dir: Where its data lives; made if missing, and locked. `hamster --data-dir` finds it there, as it would
            one that was started from the command line.

    Raises:
        ConfigError: The file at *config* cannot be used; names every mistake in it.
        DataDirError: The data directory cannot be used; `DataDirInUse` if another WatchHamster uses it.
        BindError: The address is taken, or others reach it and security is off.
        VaultError: The keys and sessions of the data directory cannot be used.
        NoFrontend: The configured frontend is none.
        OSError: Something cannot be written.
    """
    if isinstance(config, HamsterConfig):
        found = config
    else:
        found = await trio.to_thread.run_sync(load_config, None if config is None else Path(config))
    directory = await trio.to_thread.run_sync(_prepared, data_dir)
    lock = DataDirLock(directory)
    with ExitStack() as stack:
        await trio.to_thread.run_sync(stack.enter_context, lock)
        system = found.system(directory)
        sockets = await bind_sockets(found.server.host, found.server.port)
        async with open_product(
            system, found.server, sockets=sockets, config=found, security=found.security
        ) as hamster:
            now = datetime.now(UTC)
            runtime = RuntimeFile(url=hamster.url, token=hamster.token.value, started_at=now, version=product_version())
            with published(directory, runtime):
                yield hamster


def _prepared(data_dir: Path | str) -> Path:
    return prepare_data_dir(Path(data_dir).absolute())
