"""The course of one deployment: step by step to its end, or back to where it began."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Literal, Protocol

import attrs
import trio

from actors.deploy import steps
from actors.deploy.git import GitFailed
from actors.deploy.messages import STATUS_OF, STEPS, Deployment, RepositoryUnusable, Step, StepDone, What
from actors.deploy.publishing import PublishFailed
from actors.deploy.site import Site
from actors.deploy.steps import EXPECTED, Progress
from actors.store import StoreError

log = logging.getLogger("actors.deploy")

ROLLBACK_SECONDS = 300.0
"""How long putting everything back may take; a site that is large must be checked out again."""


class Journal(Protocol):
    """Where it is kept how far a deployment is."""

    async def keep(self, deployment: Deployment) -> None:
        """Keep it, so that the next of our lives knows.

        Raises:
            StoreError: It cannot be kept.
        """
        ...

    def tell(self, what: What, deployment: Deployment, step: StepDone | None = None) -> None:
        """Let everybody know."""
        ...


@attrs.define(eq=False)
class Course:
    """One deployment on its way."""

    site: Site
    journal: Journal
    progress: Progress
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    cancelled: bool = False

    @property
    def deployment(self) -> Deployment:
        """As it is now."""
        return self.progress.deployment

    def cancel(self) -> None:
        """Stop where it is, and put everything back."""
        self.cancelled = True
        self.scope.cancel()

    async def run(self) -> Deployment:
        """Go through all steps; the deployment as it ended."""
        why = await self._why_not()
        if why is None:
            return await self._end("success")
        self.progress.note(error=why, cancelled=self.cancelled)
        self._say(logging.ERROR, f"deployment.failed step={self.deployment.step} error={why}")
        await roll_back(self.site, self.progress, self.journal)
        return await self._end("failed")

    async def _why_not(self) -> str | None:
        """Go through all steps; why it failed, None if it did not."""
        self.scope.deadline = trio.current_time() + self.site.settings.deadline
        try:
            with self.scope:
                for step in STEPS:
                    await self._step(step)
                return None
        except EXPECTED as error:
            return str(error)
        except StoreError as error:
            return f"how far it is could not be kept: {error}"
        except Exception as error:  # a mistake of ours must not leave a working tree half way
            log.exception("deploy.step_crashed deployment=%s step=%s", self.deployment.id, self.deployment.step)
            return f"{type(error).__name__} in our own code; see the log"
        if self.cancelled:
            return "it was cancelled"
        return f"it did not end within {self.site.settings.deadline:g} s"

    async def _step(self, step: Step) -> None:
        progress = self.progress
        progress.note(step=step, status=STATUS_OF[step])
        self._say(logging.INFO, f"deployment.step step={step}")
        await self.journal.keep(self.deployment)  # before anybody hears of it
        self.journal.tell("step_started", self.deployment)
        began = trio.current_time()
        if step == "publish":
            await steps.plan(progress)
            await self.journal.keep(self.deployment)
        detail = await steps.RUN[step](progress)
        done = StepDone(step, round(trio.current_time() - began, 3), detail)
        progress.note(steps=(*self.deployment.steps, done))
        self._say(logging.INFO, f"deployment.step_done step={step} seconds={done.seconds:g} {detail}")
        self.journal.tell("step_done", self.deployment, done)

    async def _end(self, status: Literal["success", "failed"]) -> Deployment:
        now = datetime.now(UTC)
        step = None if status == "success" else self.deployment.step
        self.progress.note(status=status, step=step, ended_at=now)
        await keep_end(self.journal, self.deployment)
        self._say(logging.INFO, f"deployment.{status}")
        await self.site.outside.log.write()
        self.journal.tell("succeeded" if status == "success" else "failed", self.deployment)
        return self.deployment

    def _say(self, level: int, message: str) -> None:
        self.site.outside.log.line(level, f"{message} deployment={self.deployment.id}")


async def keep_end(journal: Journal, deployment: Deployment) -> None:
    """Keep how it ended; a store that does not take it has the next start look at the deployment once more."""
    try:
        await journal.keep(deployment)
    except StoreError as error:
        log.error("deploy.end_not_kept deployment=%s error=%s next=looked_at_at_the_next_start", deployment.id, error)


async def roll_back(site: Site, progress: Progress, journal: Journal) -> None:
    """Put back what the deployment changed, as far as that is possible, and note in it what came of it."""
    deployment = progress.deployment
    if deployment.place is None or not _touched(deployment):
        return
    progress.note(status="rolling_back")
    journal.tell("rolling_back", progress.deployment)
    failed: list[str] = []
    with trio.move_on_after(ROLLBACK_SECONDS) as scope:
        await keep_end(journal, progress.deployment)
        for what in (_take_back, _put_back):
            why = await _tried(what, site, progress)
            if why is not None:
                failed.append(why)
    if scope.cancelled_caught:
        failed.append(f"it did not end within {ROLLBACK_SECONDS:g} s")
    for why in failed:
        site.outside.log.line(logging.ERROR, f"deployment.not_rolled_back error={why} deployment={deployment.id}")
    if not failed:
        site.outside.log.line(logging.WARNING, f"deployment.rolled_back deployment={deployment.id}")
    progress.note(rolled_back=not failed, rollback_error="; ".join(failed) or None)


def _touched(deployment: Deployment) -> bool:
    """Whether it came so far that something may have been changed."""
    return deployment.step not in (None, "fetch", "check")


async def _tried(what: Callable[[Site, Progress], Awaitable[None]], site: Site, progress: Progress) -> str | None:
    try:
        await what(site, progress)
    except (GitFailed, PublishFailed, RepositoryUnusable, OSError) as error:
        return str(error)
    except Exception:  # the other half of the rollback must still be tried
        log.exception("deploy.rollback_crashed deployment=%s", progress.deployment.id)
        return "a mistake in our own code; see the log"
    return None


async def _take_back(site: Site, progress: Progress) -> None:
    publishing, publication = site.publishing, progress.deployment.publication
    if publishing is not None and publication is not None and await publishing.take_back(publication):
        site.outside.log.line(logging.WARNING, f"deployment.taken_back before={publication.before}")


async def _put_back(site: Site, progress: Progress) -> None:
    deployment = progress.deployment
    assert deployment.place is not None  # noqa: S101 - looked at by `roll_back`
    kept = await site.worktree.put_back(deployment.place, deployment.id, deployment.target)
    if kept is not None:
        progress.note(saved=kept)
