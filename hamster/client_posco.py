"""Deployments of a running server, for programs and the command line."""

from collections.abc import Sequence

import attrs

from hamster.client import HamsterClient


@attrs.frozen
class DeployStep:
    """A step that a deployment has behind it."""

    name: str
    duration_seconds: float
    detail: str


@attrs.frozen
class RemoteDeployment:
    """A deployment, and how far it is."""

    session_id: str
    status: str
    current_branch: str
    target_branch: str
    start_time: str
    end_time: str | None
    current_step: str
    progress_percentage: float
    error_message: str | None
    commit_hash: str | None
    steps: Sequence[DeployStep]
    cancelled: bool
    interrupted: bool
    rolled_back: bool | None
    rollback_error: str | None
    saved_changes: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in ("success", "failed")


@attrs.frozen
class Begun:
    """A deployment was begun, or is being stopped."""

    message: str
    deployment_id: str | None


@attrs.frozen
class _Status:
    current_deployment: RemoteDeployment | None


@attrs.frozen
class _History:
    deployment_history: list[RemoteDeployment]


class PoscoClient:
    """What is asked of `/api/posco`. Errors are those of `HamsterClient`."""

    def __init__(self, client: HamsterClient) -> None:
        self._client = client

    async def deploy(self, branch: str | None, *, force: bool = False, backup: bool = True) -> Begun:
        """Begin a deployment of *branch*, the configured one for None."""
        body = {"branch": branch, "force": force, "backup": backup}
        return await self._client.post("/api/posco/deploy", Begun, body=body)

    async def stop(self) -> Begun:
        """Stop the one that runs."""
        return await self._client.post("/api/posco/deployment/stop", Begun)

    async def current(self) -> RemoteDeployment | None:
        """The one that runs, or the last one."""
        return (await self._client.get("/api/posco/deployment/status", _Status)).current_deployment

    async def history(self, limit: int) -> Sequence[RemoteDeployment]:
        """Those that are over, newest first."""
        path = f"/api/posco/deployment/history?limit={limit}"
        return (await self._client.get(path, _History)).deployment_history
