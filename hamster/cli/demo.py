"""`hamster demo`."""

import socket
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click
import trio

from actors.metrics import Usage
from actors.runtime import Lagged
from actors.services import ServiceChanged, ServiceEvent, ServiceView, State
from actors.settings import PoscoSettings
from hamster.cli.common import FAILED, data_dir_option
from hamster.cli.running import Running, hold_sigterm, run_until_told
from hamster.cli.tables import Row, table
from hamster.config import HamsterConfig
from hamster.demo.repositories import DemoSite, NoGit
from hamster.demo.services import demo_services, demo_webhooks
from hamster.server_settings import PORT, ServerSettings

UP_SECONDS = 30.0
"""How long `--once` waits for the demo's services to run."""


@click.command()
@data_dir_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 8000, or any free one, unless given.")
@click.option("--once", is_flag=True, help="Bring everything up, print what is running, stop cleanly and exit.")
def demo(data_dir: Path | None, port: int | None, once: bool) -> None:
    """Run WatchHamster with something to watch: a small news site, and a program that crashes now and then.

    It needs no network. Without --data-dir everything is in a temporary directory, which is removed at the end.
    """
    hold_sigterm()
    with directory(data_dir) as path:
        newsroom = free_port()
        site = demo_site(path.absolute() / "site")
        config = HamsterConfig(
            server=ServerSettings(port=free_port_unless_given(port)),
            services=demo_services(
                newsroom_port=newsroom,
                directory=path.absolute() / "reports",
                published=None if site is None else site.published,
            ),
            webhooks=demo_webhooks(newsroom),
            posco=PoscoSettings() if site is None else site.settings(f"http://127.0.0.1:{newsroom}/site"),
        )
        run_until_told(config, path.absolute(), print_once if once else narrate)


def demo_site(directory: Path) -> DemoSite | None:
    """A site to deploy; None where there is no git to do it with."""
    site = DemoSite(directory)
    try:
        site.make()
    except (NoGit, OSError) as error:
        click.echo(f"there is no site to deploy in this demo: {error}", err=True)
        return None
    return site


@contextmanager
def directory(given: Path | None) -> Generator[Path, None, None]:
    """The directory given, or one for the time of the block."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="hamster-demo-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def free_port() -> int:
    """A port of 127.0.0.1 that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_port_unless_given(port: int | None) -> int:
    """The port asked for; without one the contract's, or any if something listens there already."""
    if port is not None:
        return port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            click.echo(f"port {PORT} is in use; taking a free one (--port chooses)", err=True)
            return 0
    return PORT


async def print_once(running: Running) -> int:
    """Wait until all that should run does, print it; the exit code."""
    services = running.hamster.system.services
    ours = [view.id for view in services.board.value.values() if view.settings.autostart and view.available]
    with trio.move_on_after(UP_SECONDS) as patience:
        # `flaky` may have a crash behind it already; it counts once it has been up.
        for service in ours:
            await services.wait_for(service, State.RUNNING)
    usage = running.hamster.system.metrics.readings.value.usage
    rows = [service_row(view, usage.get(view.id)) for view in services.board.value.values()]
    running.console.line(table(rows))
    if patience.cancelled_caught:
        running.console.line(f"not everything was running after {UP_SECONDS:g} s")
        return FAILED
    return 0


async def narrate(running: Running) -> int:
    """Tell what there is to try, and then what happens, line by line, for as long as it runs."""
    hamster, console = running.hamster, running.console
    with hamster.system.bus.subscribe(ServiceChanged, ServiceEvent) as events:
        for line in introduction(hamster.url, running.data_dir):
            console.line(line)
        async for event in events:
            line = story(event)
            if line is not None:
                console.line(line)
    return 0


def service_row(view: ServiceView, usage: Usage | None) -> Row:
    """A row from what the actors know."""
    since = view.running_since_clock
    return Row(
        id=view.id,
        status=view.state.value,
        state=view.state.value,
        pid=view.pid,
        uptime=None if since is None else int(trio.current_time() - since),
        restarts=view.restarts,
        cpu_percent=None if usage is None else usage.cpu_percent,
        memory_bytes=None if usage is None else usage.memory_bytes,
        last_error=None if view.last_failure is None else view.last_failure.detail,
    )


def introduction(url: str, data_dir: Path) -> list[str]:
    """What a new user can do now."""
    hamster = Path(sys.argv[0]).name if sys.argv[0].endswith("hamster") else "hamster"
    return [
        "",
        f"WatchHamster runs at {url} and keeps its data in {data_dir}.",
        "It supervises a news site (newsroom) and a program that crashes now and then (flaky), and watches the site's",
        "feed (posco_news), the pages that are deployed (github_pages) and its reports on the disk (cache_monitor).",
        "In another terminal:",
        "",
        f"  curl {url}/api/services/                        every service, as the desktop app sees it",
        f"  {hamster} status --url {url}          the same, as a table",
        f"  {hamster} watch --url {url}           what happens, over the WebSocket",
        f"  {hamster} restart newsroom --url {url}",
        f"  {hamster} events newsroom --url {url}          what happened to it, and why",
        f"  {hamster} alerts --url {url}          what is wrong at the moment",
        f"  {hamster} deploy redesign --url {url}          deploy another branch of the site",
        f"  {hamster} deploy broken --url {url}            one that does not build: it is rolled back",
        "  kill -9 PID                                     kill one of the processes, and see it come back",
        "",
        "Ctrl-C ends it; nothing is left behind.",
        "",
    ]


def story(event: ServiceChanged | ServiceEvent | Lagged) -> str | None:
    """A line about *event*, if it is worth one."""
    match event:
        case ServiceChanged(old, new) if new.pid is not None and old.pid != new.pid:
            return f"  {new.id:<12} process {new.pid} started"
        case ServiceEvent(kind, view, _, failure):
            told = kind if failure is None else f"{kind}: {failure.detail}"
            return f"  {view.id:<12} {told}{_what_next(view)}"
        case Lagged(missed):
            return f"  ({missed} events were not shown)"
        case _:
            return None


def _what_next(view: ServiceView) -> str:
    if view.state is State.BACKOFF and view.next_restart_at is not None:
        return f"; starts again at {view.next_restart_at.astimezone():%H:%M:%S}"
    return f" (pid {view.pid}, restarts {view.restarts})" if view.pid is not None else ""
