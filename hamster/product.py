"""The whole product for the time of a block: the actors, and the server in front of them."""

import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import trio
from werkzeug.routing import Map

from actors.runtime.groups import unwrapping
from actors.settings import SystemSettings
from actors.system import System, open_system
from hamster.config import HamsterConfig
from hamster.config_watch import watch_if_configured
from hamster.http import (
    actors,
    alerts,
    auth,
    auth_keys,
    log_files,
    log_retention,
    log_streams,
    logs,
    metrics,
    news,
    posco,
    reloading,
    rolling,
    scraping,
    service_changes,
    service_history,
    service_input,
    service_reloads,
    services,
    settings,
    webhook_enhanced,
    webhook_receivers,
    webhook_singular,
    webhook_templates,
    webhooks,
    ws,
)
from hamster.http import system as system_routes
from hamster.http.alert_texts import korean
from hamster.http.app import Registration, make_app
from hamster.http.enforcing import Enforcement
from hamster.http.frames import FrameMaker
from hamster.http.frontend import Frontend
from hamster.http.gate import Gate, GateSettings
from hamster.http.gate_asgi import StoppingSwitch, wire_error
from hamster.http.live import Hub
from hamster.http.local_token import LocalToken
from hamster.http.openapi import pages
from hamster.http.snapshots import Key, Snapshots
from hamster.http.times import Stamp, stamper, zone_of
from hamster.open_files import Room, room, soft_limit
from hamster.reloading import Reloader
from hamster.security import Security, open_security
from hamster.security.settings import SecuritySettings
from hamster.server import Server, ServerLimits, open_server, refuse_exposed
from hamster.server_settings import ServerSettings
from hamster.settings.run_time import RunTimeSettings

log = logging.getLogger("hamster")


@attrs.frozen
class Hamster:
    """A running WatchHamster."""

    url: str
    """Where it listens, without a trailing slash; the first of its addresses."""
    system: System
    server: Server
    token: LocalToken
    """What lets a client of this machine's user have commands run; for the run-time file."""
    reloader: Reloader
    routes: Map = attrs.field(repr=False)
    """What is answered at all."""
    _stopping: StoppingSwitch

    async def stop_services(self) -> None:
        """Answer changes with 503 from now on, and stop all services, in parallel; reads and sockets go on.

        Leaving the block does it, too. Takes at most the longest grace of a service and some seconds.
        """
        if not self._stopping.on:
            self._stopping.on = True
            await self.system.stop_services()


@asynccontextmanager
async def open_product(
    system: SystemSettings,
    server: ServerSettings,
    *,
    sockets: Sequence[socket.socket],
    config: HamsterConfig | None = None,
    open_files: int | None = None,
    security: SecuritySettings | None = None,
) -> AsyncGenerator[Hamster, None]:
    """A WatchHamster that serves on *sockets*; leaving the block ends it in order, within a bound.

    First changes are answered with 503 while reads and sockets go on; the services stop, in parallel; then sockets
    are told and closed, the server ends, and the actors last. It installs no signal handlers and configures no
    logging, so that any Trio program can have one, or several.

    Args:
        system: What to run.
        server: Whom to answer; its host and port are those of *sockets*.
        sockets: Listening, of `hamster.server.bind_sockets`; closed when the block is left.
        config: What both were made from, to be read again on command and when its file changes; None: nothing is.
        open_files: Soft limit of open files that services get; None: ours.
        security: Who may do what; None: everybody who reaches *sockets*, which must be loopback then.

    Raises:
        Exposed: Somebody else reaches them.
        VaultError: The keys and sessions cannot be used.
    """
    stopping = StoppingSwitch()
    with ExitStack() as opened:
        for listener in sockets:
            opened.callback(listener.close)  # the server closes them, too; but only if we come that far
        token = LocalToken()
        async with (
            _secured(security, system, sockets, token) as secured,
            _open_hamster(system, server, sockets, config, stopping, open_files, token, secured) as hamster,
        ):
            yield hamster


@asynccontextmanager
async def _secured(
    settings: SecuritySettings | None, system: SystemSettings, sockets: Sequence[socket.socket], token: LocalToken
) -> AsyncGenerator[Security | None, None]:
    """Security, if it is on; else nobody else may reach *sockets*."""
    if settings is None:
        refuse_exposed(sockets)
        yield None
        return
    async with open_security(
        settings, data_dir=system.data_dir, logs_dir=system.logs_dir, local_token=token.value
    ) as security:
        yield security


@asynccontextmanager
async def _open_hamster(
    system: SystemSettings,
    server: ServerSettings,
    sockets: Sequence[socket.socket],
    config: HamsterConfig | None,
    stopping: StoppingSwitch,
    open_files: int | None,
    token: LocalToken,
    security: Security | None,
) -> AsyncGenerator[Hamster, None]:
    space = room_for_clients(server)
    frontend = None if server.frontend is None else await trio.to_thread.run_sync(Frontend, Path(server.frontend))
    run_time = await load_run_time(system, config)
    async with open_system(run_time.effective, sentences=korean, open_files=open_files) as running:
        run_time.attach(running)
        zone = zone_of(system.zone)
        stamp = stamper(zone)
        reloader = Reloader(config, running, run_time)
        reloader.settled()
        hub = Hub(running, FrameMaker(running, stamp), most=space.websockets)
        app = make_app(
            [
                partial(services.register, system=running, stamp=stamp),
                partial(service_reloads.register, system=running),
                partial(service_changes.register, system=running, stamp=stamp, token=token, reloader=reloader),
                partial(service_input.register, system=running, token=token),
                partial(rolling.register, system=running),
                partial(reloading.register, reloader=reloader, token=token),
                partial(service_history.register, system=running, stamp=stamp),
                partial(metrics.register, system=running, stamp=stamp, zone=zone),
                partial(logs.register, system=running, stamp=stamp, zone=zone),
                partial(log_files.register, system=running, stamp=stamp),
                partial(log_retention.register, system=running, run_time=run_time),
                partial(settings.register, run_time=run_time, stamp=stamp, token=token),
                partial(log_streams.register, system=running, stamp=stamp),
                partial(alerts.register, system=running, stamp=stamp, zone=zone),
                partial(webhooks.register, system=running, stamp=stamp, zone=zone),
                partial(webhook_templates.register, system=running, stamp=stamp),
                partial(webhook_enhanced.register, system=running, stamp=stamp, zone=zone),
                partial(webhook_receivers.register, system=running, stamp=stamp, zone=zone),
                partial(webhook_singular.register, system=running),
                partial(news.register, system=running, stamp=stamp),
                partial(system_routes.register, system=running, stamp=stamp),
                partial(posco.register, system=running, stamp=stamp),
                partial(scraping.register, system=running, hub=hub),
                partial(actors.register, system=running),
                partial(ws.register, system=running, hub=hub, stopping=stopping, stamp=stamp, security=security),
                *_ways_in(security, stamp),
                pages.register,
            ],
            gate=Gate(gate_settings(server)),
            stopping=stopping,
            frontend=frontend,
            snapshots=Snapshots(snapshot_keys(running)),
            enforcement=None if security is None else Enforcement(security),
        )
        async with (
            background(hub.run, name="websocket hub"),
            background(hub.run_logs, name="logs of the websocket hub"),
            open_server(
                app,
                sockets=sockets,
                limits=ServerLimits(max_connections=space.connections),
                error_answer=wire_error,
                fast_lane=server.fast_lane,
                ready=app.ready,
            ) as serving,
            background(partial(watch_if_configured, reloader), name="config watch"),
        ):
            hamster = Hamster(serving.url, running, serving, token, reloader, app.url_map, stopping)
            try:
                yield hamster
            finally:
                with trio.CancelScope(shield=True):  # bounded by the longest grace of a service
                    await hamster.stop_services()
                    await hub.settle()  # who is connected hears how the services ended


def _ways_in(security: Security | None, stamp: Stamp) -> list[Registration]:
    if security is None:
        return []
    return [
        partial(auth.register, security=security),
        partial(auth_keys.register, security=security, stamp=stamp),
    ]


def snapshot_keys(system: System) -> Mapping[str, Key]:
    """What the answers are made from that many ask for again and again."""
    services, metrics, deployments = system.services, system.metrics, system.deployments

    def listed() -> Hashable:
        # How long a service has been running is shown in seconds.
        return services.board.version, metrics.readings.version, int(trio.current_time())

    def deploying() -> Hashable:
        return deployments.state.version, deployments.git.version, services.board.version

    return {
        "/api/services": listed,
        "/api/metrics": lambda: metrics.readings.version,
        "/api/posco/status": deploying,
        "/api/posco/deployment/status": lambda: deployments.state.version,
    }


async def load_run_time(system: SystemSettings, config: HamsterConfig | None) -> RunTimeSettings:
    """What was set at run time, over *system*."""
    config = config or HamsterConfig()
    return await RunTimeSettings.load(system, config.given, config.source)


@asynccontextmanager
async def background(task: Callable[[], Awaitable[None]], *, name: str) -> AsyncGenerator[None, None]:
    """Run *task* beside the block and cancel it at its end."""
    with unwrapping():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task, name=name)
            yield
            nursery.cancel_scope.cancel()


def room_for_clients(server: ServerSettings) -> Room:
    """What clients may take; says so if it is less than configured."""
    limit = soft_limit()
    found = room(server, limit)
    if found.websockets < server.max_websockets:
        log.warning(
            "server.few_files limit=%d max_websockets=%d configured=%d; raise the limit of open files (ulimit -n)",
            limit,
            found.websockets,
            server.max_websockets,
        )
    return found


def gate_settings(server: ServerSettings) -> GateSettings:
    """Who may ask, by the configuration."""
    return GateSettings(allowed_origins=server.allowed_origins, allowed_hosts=server.allowed_hosts)
