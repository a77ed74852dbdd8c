"""`hamster deploy`."""

from collections.abc import Sequence
from pathlib import Path

import click
import trio
from rich.table import Table

from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import FAILED, data_dir_option
from hamster.cli.tables import show
from hamster.client import HamsterClient
from hamster.client_posco import PoscoClient, RemoteDeployment

POLL_SECONDS = 0.2
"""Between two looks how far it is."""


@click.command()
@click.argument("branch", required=False)
@click.option("--force", is_flag=True, help="Also with uncommitted changes: they are kept under a ref.")
@click.option("--no-wait", is_flag=True, help="Only begin it.")
@click.option("--cancel", is_flag=True, help="Stop the deployment that runs; what it changed is put back.")
@click.option("--history", is_flag=True, help="List the deployments so far.")
@url_option
@data_dir_option
def deploy(
    branch: str | None, force: bool, no_wait: bool, cancel: bool, history: bool, url: str | None, data_dir: Path | None
) -> None:
    """Deploy the site, and follow it step by step: BRANCH of it, or the configured one."""
    if cancel and history:
        raise click.UsageError("give either --cancel or --history")

    async def work(client: HamsterClient) -> int:
        posco = PoscoClient(client)
        if history:
            show(_table(await posco.history(20)))
            return 0
        if cancel:
            click.echo((await posco.stop()).message)
            return 0
        begun = await posco.deploy(branch, force=force)
        click.echo(f"{begun.deployment_id}: {begun.message}")
        return 0 if no_wait or begun.deployment_id is None else await _follow(posco, begun.deployment_id)

    run(lambda: with_client(url, data_dir, work))


async def _follow(posco: PoscoClient, deployment: str) -> int:
    """Print each step as it is done; the exit code."""
    said = 0
    while True:
        current = await posco.current()
        if current is None or current.session_id != deployment:
            click.echo("another deployment has begun since; see --history", err=True)
            return FAILED
        for step in current.steps[said:]:
            click.echo(f"  {step.name:<13} {step.duration_seconds:7.2f} s  {step.detail}")
        said = len(current.steps)
        if current.is_over:
            return _end(current)
        await trio.sleep(POLL_SECONDS)


def _end(ended: RemoteDeployment) -> int:
    if ended.status == "success":
        click.echo(f"deployed {(ended.commit_hash or '')[:10]} of {ended.target_branch}")
        if ended.saved_changes is not None:
            click.echo(f"uncommitted changes are kept: git stash apply {ended.saved_changes}")
        return 0
    click.echo(f"failed in step {ended.current_step}: {ended.error_message}", err=True)
    if ended.rolled_back is not None:
        how = "everything is as it was" if ended.rolled_back else f"not put back: {ended.rollback_error}"
        click.echo(how, err=True)
    return FAILED


def _table(deployments: Sequence[RemoteDeployment]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("ID", "STATUS", "BRANCH", "COMMIT", "BEGAN", "ROLLED BACK", "ERROR"):
        table.add_column(column)
    for one in deployments:
        back = "-" if one.rolled_back is None else "yes" if one.rolled_back else "NO"
        commit = (one.commit_hash or "-")[:10]
        table.add_row(
            one.session_id, one.status, one.target_branch, commit, one.start_time, back, (one.error_message or "")[:60]
        )
    return table
