"""The site that is deployed, and all that deploying it needs."""

import logging
from pathlib import Path
from typing import Protocol

import attrs

from actors.deploy.git import Git, RunCommand
from actors.deploy.publishing import BranchPublishing, DirectoryPublishing, Publishing
from actors.deploy.worktree import Worktree
from actors.masking import mask_secrets
from actors.settings.posco import PoscoSettings


@attrs.frozen
class Visit:
    """What a look at a page found."""

    good: bool
    detail: str
    """English."""


class VisitPage(Protocol):
    """Looks at a page, within *seconds*; what is wrong with it is an answer, never an exception."""

    async def __call__(self, url: str, *, text: str | None, seconds: float) -> Visit: ...


class DeployLog(Protocol):
    """`deployment.log`."""

    def line(self, level: int, message: str) -> None:
        """Say *message*, which is one line; never waits."""
        ...

    async def write(self) -> None:
        """Return once everything that was said is written."""
        ...


@attrs.frozen
class Outside:
    """What a deployment needs of the world, so that this domain depends on no other."""

    run: RunCommand
    visit: VisitPage
    log: DeployLog


@attrs.frozen
class Site:
    """The site as it is configured."""

    settings: PoscoSettings
    outside: Outside

    @property
    def git(self) -> Git:
        """Of its working tree."""
        assert self.settings.worktree is not None  # noqa: S101 - whoever has none has no site
        return Git(self.settings.worktree, self.outside.run)

    @property
    def worktree(self) -> Worktree:
        """Its working tree."""
        return Worktree(self.git, self.settings.remote, self.settings.git_timeout)

    @property
    def built(self) -> Path:
        """Where its build leaves what is to be published."""
        return Path(self.settings.worktree or "") / self.settings.output

    @property
    def publishing(self) -> Publishing | None:
        """How it is published; None: it is not."""
        settings = self.settings
        if settings.publish_branch is not None:
            return BranchPublishing(self.git, settings.remote, settings.publish_branch, settings.git_timeout)
        if settings.publish_dir is not None:
            return DirectoryPublishing(Path(settings.publish_dir), settings.keep_releases)
        return None


class BuildOutput:
    """Writes what a build prints into the deployment's log, line by line; the build waits while the disk does."""

    LONGEST = 8192
    """Bytes of a line."""

    def __init__(self, log: DeployLog) -> None:
        self._log = log
        self._rest = b""

    async def take(self, data: bytes) -> None:
        """Write the lines that are whole."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line)
        while len(self._rest) > self.LONGEST:
            self._say(self._rest[: self.LONGEST])
            self._rest = self._rest[self.LONGEST :]
        await self._log.write()

    def end(self) -> None:
        """Write a last line that has no end."""
        if self._rest:
            self._say(self._rest)
            self._rest = b""

    def _say(self, line: bytes) -> None:
        text = mask_secrets(line.decode("utf-8", "replace").replace("\r", " ").rstrip())
        self._log.line(logging.INFO, f"build: {text}")
