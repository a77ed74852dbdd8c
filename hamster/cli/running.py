"""What `serve` and `demo` have in common: from the data directory to the last closed socket."""

import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import attrs
import trio

from actors.services.keeper import KeeperUnavailable
from hamster.cli.common import fail, run
from hamster.config import HamsterConfig
from hamster.console import Console, is_terminal
from hamster.data_dir import DataDirError, DataDirLock, prepare_data_dir
from hamster.http.frontend import NoFrontend
from hamster.http.times import zone_of
from hamster.open_files import raise_soft_limit
from hamster.own_log import own_log
from hamster.product import Hamster, open_product
from hamster.runtime_file import RuntimeFile, RuntimeFileError, published
from hamster.security import VaultError
from hamster.server import BindError, StartupFailed, bind_sockets
from hamster.version import product_version

log = logging.getLogger("hamster")

EXPECTED = (NoFrontend, BindError, StartupFailed, RuntimeFileError, KeeperUnavailable, VaultError)
"""Errors that are one sentence for the user, never a traceback."""

SWITCH_SECONDS = 0.001
"""After which a thread that searches or parses gives way to the event loop; all who wait would feel Python's 5 ms."""
HANGUP = getattr(signal, "SIGHUP", None)
"""None on Windows, which has none."""
SIGNALS = tuple(number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number is not None)


@attrs.frozen
class Running:
    """A WatchHamster that was started from the command line."""

    hamster: Hamster
    data_dir: Path
    console: Console
    """For lines on stdout."""


class Orders:
    """What signals and the parent say; they may come before there is a WatchHamster to tell."""

    def __init__(self) -> None:
        self.stop = trio.Event()
        """Set: end."""
        self.kill: Callable[[], None] | None = None
        """Kills what the services run."""
        self.reload: trio.Event | None = None
        """To be set to have the configuration read again; None where a hangup means the end, as of a terminal."""


Work = Callable[[Running], Awaitable[int]]


def hold_sigterm() -> None:
    """Keep a SIGTERM until there is somebody to take it: by itself it would end us and leave behind what was begun.

    A SIGHUP, too. Call it before anything is made; `run_until_told` lets it through.
    """
    _mask_sigterm(held=True)


def _mask_sigterm(*, held: bool) -> None:
    if sys.platform != "win32":
        how = signal.SIG_BLOCK if held else signal.SIG_UNBLOCK
        signal.pthread_sigmask(how, {signal.SIGTERM, signal.SIGHUP})


def run_until_told(
    config: HamsterConfig,
    data_dir: Path,
    work: Work,
    *,
    verbose: bool = False,
    exit_with_parent: bool = False,
    reloads: bool = False,
) -> NoReturn:
    """Run WatchHamster for *data_dir* until a signal, the parent or *work* ends it; exits the process.

    The first interrupt or SIGTERM shuts down in order, the second kills the services at once, the third exits. So does
    a SIGHUP that does not reload, or comes because the terminal is gone.

    Args:
        config: What was configured.
        data_dir: Made if missing, and locked.
        work: Runs beside it; its end ends everything, with its exit code.
        verbose: Show our log on stderr, not only warnings.
        exit_with_parent: End when stdin is closed.
        reloads: The configuration is read again on command, on SIGHUP and when its file changes.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    with ExitStack() as stack:
        try:
            prepare_data_dir(data_dir)
            stack.enter_context(DataDirLock(data_dir))
            settings = config.system(data_dir)
            shown = logging.INFO if verbose else logging.WARNING
            zone = zone_of(config.time.zone)
            stack.enter_context(own_log(settings.logs_dir, zone=zone, terminal=sys.stderr, shown=shown))
        except DataDirError as error:
            fail(str(error))
        except OSError as error:
            fail(f"our own log cannot be written: {error}; see the data directory's permissions and the disk")
        console = stack.enter_context(Console(sys.stdout))
        orders = Orders()
        orders.reload = trio.Event() if reloads else None
        run(
            lambda: _serve(config, data_dir, work, console, orders, exit_with_parent=exit_with_parent),
            expected=EXPECTED,
        )


async def _serve(
    config: HamsterConfig, data_dir: Path, work: Work, console: Console, orders: Orders, *, exit_with_parent: bool
) -> int:
    for warning in config.warnings:
        log.warning("config.warning %s", warning)
    code = 0
    reloaded = config if orders.reload is not None else None
    open_files = raise_soft_limit(config.server)  # services get what we got
    async with trio.open_nursery() as nursery:
        # First of all: a signal in the middle of the start ends what was started, too.
        await nursery.start(_watch_signals, orders)
        if exit_with_parent:
            nursery.start_soon(_watch_stdin, orders.stop)
        sockets = await bind_sockets(config.server.host, config.server.port)
        system = config.system(data_dir)
        async with open_product(
            system,
            config.server,
            sockets=sockets,
            config=reloaded,
            open_files=open_files,
            security=config.security,
        ) as hamster:
            running = Running(hamster, data_dir, console)
            orders.kill = hamster.system.kill_services
            nursery.start_soon(_reload_when_told, orders, hamster)
            token, now = hamster.token.value, datetime.now(UTC)
            runtime = RuntimeFile(url=hamster.url, token=token, started_at=now, version=product_version())
            with published(data_dir, runtime):
                _announce(running, config.server.port)
                code = await _until_stopped(running, work, orders.stop)
                log.info("hamster.stopping")
                # Within the block: whoever looks for us meanwhile finds us, and sees the services stop.
                await hamster.stop_services()
        nursery.cancel_scope.cancel()
    log.info("hamster.stopped exit_code=%d", code)
    return code


def _announce(running: Running, port: int) -> None:
    hamster = running.hamster
    log.info("hamster.listening url=%s pid=%d data_dir=%s", hamster.url, os.getpid(), running.data_dir)
    if port == 0 or not is_terminal(sys.stdout):
        running.console.line(json.dumps({"event": "listening", "url": hamster.url}))
    else:
        running.console.line(f"WatchHamster listens on {hamster.url}, data in {running.data_dir}; Ctrl-C ends it")


async def _until_stopped(running: Running, work: Work, stop: trio.Event) -> int:
    code = 0

    async def run_work() -> None:
        nonlocal code
        code = await work(running)
        stop.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_work)
        await stop.wait()
        nursery.cancel_scope.cancel()
    return code


async def _reload_when_told(orders: Orders, hamster: Hamster) -> None:
    while orders.reload is not None:
        await orders.reload.wait()
        orders.reload = trio.Event()  # before the reload: one that is told meanwhile comes after it
        await hamster.reloader.reload_quietly("SIGHUP")


def _reloads(number: int, *, had_terminal: bool) -> bool:
    """Whether a signal means to read the configuration again: a hangup, unless the terminal we ran in is gone."""
    return number == HANGUP and not (had_terminal and not os.isatty(0))


async def _watch_signals(orders: Orders, *, task_status: trio.TaskStatus[None]) -> None:
    count = 0
    had_terminal = os.isatty(0)
    with trio.open_signal_receiver(*SIGNALS) as signals:
        _mask_sigterm(held=False)
        task_status.started()
        async for number in signals:
            name = signal.Signals(number).name
            if orders.reload is not None and _reloads(number, had_terminal=had_terminal):
                log.info("hamster.signal signal=%s next=reload", name)
                orders.reload.set()
                continue
            count += 1
            if count == 1:
                log.info("hamster.signal signal=%s next=shut_down", name)
                orders.stop.set()
            elif count == 2 and orders.kill is not None:
                log.warning("hamster.signal signal=%s next=kill_services", name)
                orders.kill()
            else:
                os._exit(128 + number)  # the keeper sees us gone and ends what is left


async def _watch_stdin(stop: trio.Event) -> None:
    # A thread of Trio's is a daemon: one that still reads does not keep the process from ending.
    await trio.to_thread.run_sync(_read_to_the_end, abandon_on_cancel=True)
    log.info("hamster.parent_gone next=shut_down")
    stop.set()


def _read_to_the_end() -> None:
    try:
        while os.read(0, 65536):
            pass
    except OSError:
        return  # closed from the start: the same as gone
