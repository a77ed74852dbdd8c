"""Deployments as the rest of a program uses them."""

from collections.abc import Sequence

from actors.deploy import rows
from actors.deploy.actor import HISTORY, DeployActor, DeployRecord
from actors.deploy.messages import CancelDeployment, Deploy, Deployment, DeployState, GitState, SwitchBranch
from actors.deploy.repository import Repository, RepositoryActor
from actors.deploy.site import Outside
from actors.runtime import Bus, Cell, ChildSpec, Ref, Supervisor
from actors.settings.posco import PoscoSettings
from actors.store import Store

ASK_SECONDS = 15.0
"""How long the beginning of a deployment may take: it must be safe on the disk first."""


class Deployments:
    """Deploys a site, one deployment at a time, and knows what became of each."""

    def __init__(self, record: DeployRecord, repository: Repository) -> None:
        self._record = record
        self._repository = repository
        self._ref: Ref[DeployActor] | None = None

    async def open(self, domain: Supervisor) -> None:
        """Start its actors; what an earlier life left in the middle is put back first."""
        await domain.start(ChildSpec("repository", lambda: RepositoryActor(self._repository)))
        self._ref = await domain.start(ChildSpec("deployer", lambda: DeployActor(self._record, self._repository)))

    @property
    def settings(self) -> PoscoSettings:
        """By which it goes."""
        return self._record.settings

    @property
    def enabled(self) -> Cell[bool]:
        """Whether it may deploy: the switch of the service `deployment`."""
        return self._record.enabled

    @property
    def state(self) -> Cell[DeployState]:
        """What runs, what has been, and the last switch of branches."""
        return self._record.state

    @property
    def git(self) -> Cell[GitState]:
        """What the repository is like, as of the last change in it."""
        return self._repository.state

    def configure(self, settings: PoscoSettings) -> None:
        """Go by these settings from the next deployment on."""
        if settings != self._record.settings:
            self._record.settings = settings
            self._repository.look_soon()

    async def deploy(
        self, target: str | None = None, *, force: bool = False, backup: bool = True, by: str = ""
    ) -> Deployment:
        """Begin a deployment of the branch *target*, the configured one for None.

        Raises:
            NotConfigured, DeploymentPaused, DeploymentRuns, BadBranch: It is not begun.
            StoreError: It cannot be kept, and so is not begun.
        """
        return await self._actor.ask(Deploy(target, force, backup, by), timeout=ASK_SECONDS)

    async def cancel(self) -> Deployment | None:
        """Stop the deployment that runs, and have put back what it changed; None: none runs."""
        return await self._actor.ask(CancelDeployment(), timeout=ASK_SECONDS)

    async def switch(self, branch: str) -> str:
        """Check *branch* out and return it once that is done.

        Raises:
            NotConfigured, DeploymentPaused, DeploymentRuns, BadBranch, UnknownBranch: It is not even tried.
            UncommittedChanges, RepositoryUnusable: It cannot be done; nothing was changed.
        """
        ticket = await self._actor.ask(SwitchBranch(branch), timeout=ASK_SECONDS)
        await ticket.wait()
        return branch

    async def history(self, limit: int = HISTORY) -> Sequence[Deployment]:
        """The newest, newest first.

        Raises:
            StoreError: The database does not answer.
        """
        return await self._record.store.read(lambda connection: rows.newest(connection, limit))

    @property
    def _actor(self) -> Ref[DeployActor]:
        assert self._ref is not None  # noqa: S101 - `open` comes first
        return self._ref


def new_deployments(
    settings: PoscoSettings, store: Store, bus: Bus, enabled: Cell[bool], outside: Outside
) -> Deployments:
    """Deployments by *settings*, not begun yet."""
    record = DeployRecord(store, bus, outside, settings, enabled)
    return Deployments(record, Repository(bus, lambda: record.site))
