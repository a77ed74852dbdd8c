"""The actor that deploys: one deployment or switch of branches at a time."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import attrs
import trio

from actors.deploy import rows
from actors.deploy.course import Course, keep_end, roll_back
from actors.deploy.git import GitFailed
from actors.deploy.messages import (
    BadBranch,
    BranchSwitch,
    BranchSwitched,
    Deployment,
    DeploymentChanged,
    DeploymentPaused,
    DeploymentRuns,
    DeployState,
    NotConfigured,
    RepositoryUnusable,
    StepDone,
    SwitchStatus,
    SwitchTicket,
    UncommittedChanges,
    UnknownBranch,
    What,
)
from actors.deploy.repository import Repository
from actors.deploy.site import Outside, Site
from actors.deploy.steps import Progress
from actors.runtime import Actor, Bus, Cell
from actors.settings.branches import branch_problem
from actors.settings.posco import PoscoSettings
from actors.store import Store, StoreError

log = logging.getLogger("actors.deploy")

HISTORY = 100
"""Deployments that are at hand; all are in the database, up to `rows.KEPT`."""
SWITCH_SECONDS = 60.0
"""How long a switch of branches may take in all."""
LEAVE_SECONDS = 4.0
"""How long the deployment that runs may take to put everything back when we end; the next start does the rest."""


@attrs.define(eq=False)
class DeployRecord:
    """What outlives a crash of the actor."""

    store: Store
    bus: Bus
    outside: Outside
    settings: PoscoSettings
    enabled: Cell[bool]
    """The switch of the service `deployment`."""
    state: Cell[DeployState] = attrs.field(factory=lambda: Cell(DeployState()))
    busy: str | None = None
    """What is being done."""

    @property
    def site(self) -> Site | None:
        """The site as it is configured now; None: none is."""
        return None if self.settings.worktree is None else Site(self.settings, self.outside)

    # -- the journal of a course

    async def keep(self, deployment: Deployment) -> None:
        await self.store.write(lambda connection: rows.put(connection, deployment))
        self.show(deployment)

    def tell(self, what: What, deployment: Deployment, step: StepDone | None = None) -> None:
        self.show(deployment)
        self.bus.publish(DeploymentChanged(what, deployment, datetime.now(UTC), step))

    def show(self, deployment: Deployment) -> None:
        """Have *deployment* known as it is."""
        state = self.state.value
        history = state.history
        if deployment.is_over:
            history = (deployment, *(old for old in history if old.id != deployment.id))[:HISTORY]
        self.state.set(attrs.evolve(state, current=deployment, history=history))

    def show_switch(self, status: SwitchStatus, branch: str, error: str | None = None) -> None:
        """Have a switch of branches known as it is."""
        switch = BranchSwitch(status, branch, error)
        self.state.set(attrs.evolve(self.state.value, switch=switch))
        self.bus.publish(BranchSwitched(switch, datetime.now(UTC)))


class DeployActor(Actor):
    """Deploys in a task of its own, so that it can be asked and told meanwhile."""

    def __init__(self, record: DeployRecord, repository: Repository) -> None:
        self._record = record
        self._repository = repository
        self._course: Course | None = None
        self._idle = trio.Event()
        self._idle.set()
        self._hold = trio.CancelScope(shield=True)
        """Nothing but `on_stop` ends what is within: neither a deployment nor its rollback is left half way."""

    async def on_start(self) -> None:
        self._record.busy = "what an earlier life left"
        self._idle = trio.Event()
        self.context.start_soon(self._recover)

    async def on_stop(self) -> None:
        course = self._course
        if course is not None:
            course.progress.note(interrupted=True)
            course.cancel()
        with trio.move_on_after(LEAVE_SECONDS):
            await self._idle.wait()
        self._hold.cancel()  # the next start does what is left

    # -- commands

    async def deploy(self, target: str | None, *, force: bool, backup: bool, by: str) -> Deployment:
        record = self._record
        site = self._site()
        branch = record.settings.branch if target is None else target
        _require_branch(branch)
        self._require_idle()
        now = datetime.now(UTC)
        url = site.settings.health_url
        draft = Deployment(id="", target=branch, started_at=now, force=force, backup=backup, started_by=by, url=url)
        record.busy = f"the deployment of {branch}"
        self._idle = trio.Event()
        try:
            deployment = await record.store.write(lambda connection: rows.begun(connection, draft))
        except BaseException:
            self._at_rest()
            raise
        self._course = Course(site, record, Progress(site, deployment))
        record.busy = deployment.id
        record.tell("started", deployment)
        self.context.start_soon(self._run, self._course)
        return deployment

    def cancel(self) -> Deployment | None:
        course = self._course
        if course is None:
            return None
        course.cancel()
        return course.deployment

    def switch(self, branch: str) -> SwitchTicket:
        site = self._site()
        _require_branch(branch)
        self._require_idle()
        self._record.busy = f"the switch to {branch}"
        self._idle = trio.Event()
        ticket = SwitchTicket()
        self.context.start_soon(self._run_switch, site, branch, ticket)
        return ticket

    async def _run_switch(self, site: Site, branch: str, ticket: SwitchTicket) -> None:
        error: Exception | None = RepositoryUnusable("WatchHamster ended in the middle of it")
        try:
            error = await self._why_not_switched(site, branch)
        finally:
            if error is not None:
                self._record.show_switch("failed", branch, str(error))
            self._at_rest()
            ticket.end(error)
            self._repository.look_soon()

    async def _why_not_switched(self, site: Site, branch: str) -> Exception | None:
        try:
            with trio.fail_after(SWITCH_SECONDS):
                await self._switch(site, branch)
        except trio.TooSlowError:
            return RepositoryUnusable(f"it did not end within {SWITCH_SECONDS:g} s")
        except (GitFailed, OSError) as error:
            return RepositoryUnusable(str(error))
        except (UncommittedChanges, UnknownBranch, RepositoryUnusable) as error:
            return error
        return None

    async def _switch(self, site: Site, branch: str) -> None:
        record, tree = self._record, site.worktree
        record.show_switch("checking", branch)
        if await site.git.commit_of(f"refs/heads/{branch}") is None:
            await tree.fetch(branch)
        changes = await tree.require_clean()
        commit = await site.git.commit_of(f"refs/heads/{branch}") or await site.git.commit_of(tree.remote_ref(branch))
        if commit is not None:
            await tree.require_room(commit)
        record.show_switch("switching", branch)
        if changes.branch != branch:
            await tree.switch(branch)
        record.show_switch("verifying", branch)
        now = await site.git.branch()
        if now != branch:
            raise RepositoryUnusable(f"{now} is checked out after the switch, and not {branch}")
        await self._repository.look()
        record.show_switch("completed", branch)

    # -- work

    def _site(self) -> Site:
        site = self._record.site
        if site is None:
            raise NotConfigured
        if not self._record.enabled.value:
            raise DeploymentPaused
        return site

    def _require_idle(self) -> None:
        if self._record.busy is not None:
            raise DeploymentRuns(self._record.busy)

    def _at_rest(self) -> None:
        self._course = None
        self._record.busy = None
        self._idle.set()

    async def _run(self, course: Course) -> None:
        try:
            with self._hold:  # bounded by the deadlines of the deployment and of its rollback
                ended = await course.run()
                log.info("deploy.ended deployment=%s status=%s error=%s", ended.id, ended.status, ended.error)
        finally:
            self._hold = trio.CancelScope(shield=True)
            self._at_rest()
            self._repository.look_soon()

    async def _recover(self) -> None:
        """End what an earlier life left in the middle: put back what it changed, and say so."""
        try:
            with self._hold:  # bounded by the rollback's deadline
                for deployment in await self._left():
                    await self._end_of(deployment)
        finally:
            self._hold = trio.CancelScope(shield=True)
            self._at_rest()
            self._repository.look_soon()

    async def _left(self) -> Sequence[Deployment]:
        """Those that nobody ended; what is over is shown."""
        record = self._record
        try:
            left = await record.store.read(rows.not_over)
            known = await record.store.read(lambda connection: rows.newest(connection, HISTORY))
        except StoreError as error:
            log.error("deploy.history_not_read error=%s next=go_on_without", error)
            return ()
        over = tuple(one for one in known if one.is_over)
        record.state.set(DeployState(known[0] if known else None, over, record.state.value.switch))
        return left

    async def _end_of(self, deployment: Deployment) -> None:
        record, site = self._record, self._record.site
        log.warning("deploy.interrupted deployment=%s step=%s next=roll_back", deployment.id, deployment.step)
        why = deployment.error or f"WatchHamster ended in the middle of step {deployment.step or 'start'}"
        deployment = attrs.evolve(deployment, interrupted=True, error=why)
        if site is None:
            if deployment.place is not None:
                deployment = attrs.evolve(
                    deployment, rolled_back=False, rollback_error="worktree is not configured any more"
                )
        else:
            progress = Progress(site, deployment)
            await roll_back(site, progress, record)
            deployment = progress.deployment
        deployment = attrs.evolve(deployment, status="failed", ended_at=datetime.now(UTC))
        await keep_end(record, deployment)
        record.tell("failed", deployment)
        if site is not None:
            await site.outside.log.write()


def _require_branch(name: str) -> None:
    why = branch_problem(name)
    if why is not None:
        raise BadBranch(name, why)
