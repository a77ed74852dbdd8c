"""What the deployer can be told and asked, what is known of deployments, and the events they cause."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, get_args

import attrs
import trio

from actors.runtime import Message
from actors.store_errors import StoreError

Step: TypeAlias = Literal["fetch", "check", "backup", "switch", "fast_forward", "build", "publish", "verify"]
STEPS: tuple[Step, ...] = get_args(Step)
"""In their order."""

Status: TypeAlias = Literal[
    "preparing", "switching_branch", "building", "deploying", "success", "failed", "rolling_back"
]
SwitchStatus: TypeAlias = Literal["idle", "checking", "switching", "verifying", "completed", "failed"]
RemoteStatus: TypeAlias = Literal["up-to-date", "ahead", "behind", "diverged", "unknown"]

STATUS_OF: dict[Step, Status] = {
    "fetch": "preparing",
    "check": "preparing",
    "backup": "preparing",
    "switch": "switching_branch",
    "fast_forward": "switching_branch",
    "build": "building",
    "publish": "deploying",
    "verify": "deploying",
}


@attrs.frozen
class StepDone:
    """A step that a deployment has behind it."""

    name: Step
    seconds: float
    detail: str = ""
    """English: what it came to."""


@attrs.frozen
class Place:
    """Where a working tree was before anything was changed in it, and what was about to be changed."""

    branch: str | None
    """None: no branch was checked out."""
    commit: str
    target_before: str | None = None
    """The tip of the target's local branch; None: there was none."""
    target_after: str | None = None
    """What that tip was about to become."""


@attrs.frozen
class Publication:
    """What was about to be published, and what stood there before."""

    way: Literal["branch", "directory"]
    before: str | None
    """A commit, or a path; None: there was nothing."""
    after: str


@attrs.frozen(kw_only=True)
class Deployment:
    """A deployment, and how far it is. It is kept like this before each of its steps."""

    id: str
    """`deployment_1`, ..."""
    target: str
    """The branch."""
    started_at: datetime
    status: Status = "preparing"
    came_from: str = ""
    """The branch that was checked out before; empty until that is known."""
    force: bool = False
    backup: bool = True
    started_by: str = ""
    step: Step | None = None
    """The one that it is in, or that failed."""
    steps: tuple[StepDone, ...] = ()
    ended_at: datetime | None = None
    commit: str | None = None
    """What is deployed."""
    error: str | None = None
    """English: why it failed."""
    cancelled: bool = False
    interrupted: bool = False
    """We ended in the middle of it."""
    rolled_back: bool | None = None
    """Whether what was changed was put back; None: nothing was changed, or there was nothing to put back."""
    rollback_error: str | None = None
    saved: str | None = None
    """The ref that holds uncommitted work which was in the way."""
    url: str | None = None
    """Where the site is."""
    place: Place | None = None
    publication: Publication | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in ("success", "failed")

    @property
    def progress(self) -> float:
        """Percent of its steps."""
        return 100.0 if self.status == "success" else round(100.0 * len(self.steps) / len(STEPS), 1)


@attrs.frozen
class GitState:
    """What a repository is like; the texts are `unknown` or `-` where it cannot be said."""

    current_branch: str = "unknown"
    """`HEAD` while no branch is checked out."""
    commit: str = "unknown"
    message: str = "-"
    author: str = "-"
    committed_at: datetime | None = None
    changed: tuple[str, ...] = ()
    """Tracked files with changes that are not committed: the first few."""
    changes: int = 0
    conflicts: int = 0
    remote_status: RemoteStatus = "unknown"
    ahead: int = 0
    behind: int = 0
    error: str | None = "the repository was not looked at yet"
    """Why this is not known; None when it is."""


@attrs.frozen
class BranchSwitch:
    """The last switch of branches."""

    status: SwitchStatus = "idle"
    branch: str | None = None
    error: str | None = None


@attrs.frozen
class DeployState:
    """All that is known of deployments at one moment."""

    current: Deployment | None = None
    """The one that runs, or the last one."""
    history: tuple[Deployment, ...] = ()
    """Those that are over, newest first."""
    switch: BranchSwitch = BranchSwitch()

    @property
    def running(self) -> Deployment | None:
        """The one that runs."""
        return None if self.current is None or self.current.is_over else self.current


What: TypeAlias = Literal["started", "step_started", "step_done", "rolling_back", "succeeded", "failed"]


@attrs.frozen
class DeploymentChanged:
    """Something happened in a deployment."""

    what: What
    deployment: Deployment
    at: datetime
    step: StepDone | None = None
    """With `step_done`."""


@attrs.frozen
class BranchSwitched:
    """A switch of branches has come further."""

    switch: BranchSwitch
    at: datetime


@attrs.frozen
class GitChanged:
    """The repository is not what it was."""

    old: GitState
    new: GitState


DeployEvent: TypeAlias = DeploymentChanged | BranchSwitched | GitChanged


class NotConfigured(Exception):
    """There is no working tree to deploy."""

    def __init__(self) -> None:
        super().__init__("there is nothing to deploy; set worktree in [posco] of the configuration")


class DeploymentPaused(Exception):
    """The service `deployment` is stopped."""

    def __init__(self) -> None:
        super().__init__("deployments are paused; start the service deployment")


class DeploymentRuns(Exception):
    """One at a time."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is running; wait for its end or stop it")
        self.what = what


class BadBranch(Exception):
    """A name that no branch can have."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name!r} cannot be a branch: {why}")
        self.name = name
        self.why = why


class UnknownBranch(Exception):
    """There is no such branch, neither here nor at the remote."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no branch {name!r}, neither here nor at the remote")
        self.name = name


class UncommittedChanges(Exception):
    """Files with changes that a switch might cost."""

    def __init__(self, files: Sequence[str], count: int) -> None:
        shown = ", ".join(files) + (f" and {count - len(files)} more" if count > len(files) else "")
        super().__init__(f"uncommitted changes in {shown}; commit them, or deploy with force and backup")
        self.files = tuple(files)
        self.count = count
        self.shown = shown


class RepositoryUnusable(Exception):
    """Git cannot do it; says why, in English, without secrets."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


DEPLOY_ERRORS = (NotConfigured, DeploymentPaused, DeploymentRuns, BadBranch, StoreError)


class Deploying(Protocol):
    """What the deployer handles."""

    def deploy(self, target: str | None, *, force: bool, backup: bool, by: str) -> Awaitable[Deployment]: ...

    def cancel(self) -> Deployment | None: ...

    def switch(self, branch: str) -> "SwitchTicket": ...


@attrs.frozen
class Deploy(Message[Deploying, Deployment]):
    """Deploy a branch, the configured one for None; answered once it is begun."""

    errors = DEPLOY_ERRORS

    target: str | None = None
    force: bool = False
    """Also with uncommitted changes, which `backup` keeps."""
    backup: bool = True
    by: str = ""
    """Who wants it."""

    def deliver(self, to: Deploying) -> Awaitable[Deployment]:
        return to.deploy(self.target, force=self.force, backup=self.backup, by=self.by)


@attrs.frozen
class CancelDeployment(Message[Deploying, Deployment | None]):
    """Stop the deployment that runs, and put back what it changed; None: none runs."""

    def deliver(self, to: Deploying) -> Deployment | None:
        return to.cancel()


class SwitchTicket:
    """A switch of branches that is on its way."""

    def __init__(self) -> None:
        self._done = trio.Event()
        self._error: Exception | None = None

    def end(self, error: Exception | None) -> None:
        """Say what came of it; the first word counts."""
        if not self._done.is_set():
            self._error = error
            self._done.set()

    async def wait(self) -> None:
        """Wait for its end.

        Raises:
            UnknownBranch, UncommittedChanges, RepositoryUnusable: It was not done; nothing was changed.
        """
        await self._done.wait()
        if self._error is not None:
            raise self._error


@attrs.frozen
class SwitchBranch(Message[Deploying, SwitchTicket]):
    """Check another branch out; answered once that is begun."""

    errors = DEPLOY_ERRORS

    branch: str

    def deliver(self, to: Deploying) -> SwitchTicket:
        return to.switch(self.branch)
