"""What deployments need of the other domains, put together: commands that are guarded, looks at pages, a log."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from actors.deploy.deploy import Deployments, new_deployments
from actors.deploy.git import OUTPUT, CommandFailed, Ran, Said
from actors.deploy.site import Outside, Visit
from actors.runtime import Bus, Cell, RestartIntensity, Supervisor, SupervisorSpec
from actors.runtime.backoff import Backoff
from actors.services.monitors.journal import Journal
from actors.services.probing import running
from actors.services.probing.http import look_http
from actors.services.probing.looks import LookFailed
from actors.settings import HttpOptions, LogOptions, PoscoSettings
from actors.store import Store

LOG = "deployment.log"
GUARDED_FIRST = ("sh", "-c", 'read -r _ || exit 125; exec "$@"', "sh")
"""Runs the command that follows once a line comes, given when its guardian knows it: should we be killed before that,
none comes, and nothing runs that nobody would end."""
INTENSITY = RestartIntensity(restarts=20, period=60.0)
BACKOFF = Backoff(initial=5.0, maximum=60.0, at_once=0, reset_after=600.0)
"""Never down for good."""


async def open_deployments(
    root: Supervisor, settings: PoscoSettings, store: Store, bus: Bus, enabled: Cell[bool], logs: Path
) -> Deployments:
    """Deployments by *settings*, beside the other domains of *root*."""
    outside = Outside(run_command, visit_page, Journal(logs / LOG, LogOptions(), "deployment"))
    deployments = new_deployments(settings, store, bus, enabled, outside)
    domain = await root.start_supervisor(SupervisorSpec("deployer", intensity=INTENSITY, backoff=BACKOFF))
    await deployments.open(domain)
    return deployments


async def run_command(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    given: bytes | None = None,
    said: Said | None = None,
    apart: bool = False,
    kept: int = OUTPUT,
) -> Ran:
    """A command of a deployment; it is killed, with its group, should we die meanwhile.

    Raises:
        CommandFailed: It could not be started.
    """
    errors = bytearray() if apart else None
    if sys.platform != "win32":
        argv, given = (*GUARDED_FIRST, *argv), b"\n" + (given or b"")
    where = running.Whereabouts(env=env, cwd=cwd)
    try:
        ended = await running.run(argv, where=where, given=given, errors=errors, said=said, kept=kept)
    except LookFailed as error:
        raise CommandFailed(error.detail) from None
    return Ran(ended.exit_code, ended.signal, ended.output, bytes(errors or b""))


async def visit_page(url: str, *, text: str | None, seconds: float) -> Visit:
    """What a look at a page found."""
    look = await look_http(HttpOptions(url=url, text=text, headers={"Cache-Control": "no-cache"}), timeout=seconds)
    return Visit(look.ok, look.detail)
