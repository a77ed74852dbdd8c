"""The steps of a deployment, one function each: what it needs, what it does, what it came to."""

import os
from collections.abc import Awaitable, Callable, Mapping

import attrs
import trio

from actors.deploy.git import CommandFailed, Git, GitFailed, error_text, git_environment
from actors.deploy.messages import Deployment, Place, RepositoryUnusable, Step, UncommittedChanges, UnknownBranch
from actors.deploy.publishing import PublishFailed, Publishing, Release
from actors.deploy.site import BuildOutput, Site
from actors.deploy.worktree import saved_ref

TAIL = 2_000
"""Bytes from the end of a build's output that say why it failed."""
VISIT_SECONDS = 10.0
"""For one look at the site."""


class StepFailed(Exception):
    """A step did not come to what it should; says why, in English."""


@attrs.define(eq=False)
class Progress:
    """What the steps of one deployment hand on to each other."""

    site: Site
    deployment: Deployment
    remote_commit: str | None = None
    """Where the remote's branch is."""

    @property
    def git(self) -> Git:
        """Of the site."""
        return self.site.git

    def note(self, **changes: object) -> None:
        """Know more of the deployment; kept with the next step."""
        self.deployment = attrs.evolve(self.deployment, **changes)


async def fetch(progress: Progress) -> str:
    target = progress.deployment.target
    commit = await progress.site.worktree.fetch(target)
    progress.remote_commit = commit
    return f"{target} is at {commit[:10]} at the remote"


async def check(progress: Progress) -> str:
    """Nothing may be in the way; where there is uncommitted work, whether it may be put away."""
    deployment, tree = progress.deployment, progress.site.worktree
    changes = await tree.require_calm()
    if changes.count and not (deployment.force and deployment.backup):
        raise UncommittedChanges(changes.files, changes.count)
    commit = changes.commit
    assert commit is not None  # noqa: S101 - else it is not calm
    before = await progress.git.commit_of(f"refs/heads/{deployment.target}")
    await _require_forward(progress, before)
    after = await _after(progress, before)
    if after is not None:
        await tree.require_room(after)
    place = Place(changes.branch, commit, before, after)
    progress.note(came_from=changes.branch or commit, place=place)
    return f"{changes.count} files with uncommitted changes" if changes.count else "nothing is in the way"


async def _after(progress: Progress, before: str | None) -> str | None:
    """Where the target's branch is going to be: where the remote's is, unless ours has more."""
    if before is None or progress.remote_commit is None:
        return progress.remote_commit
    ran = await progress.git.ask("merge-base", "--is-ancestor", progress.remote_commit, before, good=(0, 1))
    return before if ran.code == 0 else progress.remote_commit


async def _require_forward(progress: Progress, before: str | None) -> None:
    """Before anything is changed: a branch with commits of its own cannot be brought to the remote's."""
    theirs = progress.remote_commit
    if before is None or theirs is None:
        return
    told = await progress.git.text("rev-list", "--left-right", "--count", f"{before}...{theirs}")
    ahead, behind = map(int, told.split())
    if ahead and behind:
        target = progress.deployment.target
        raise RepositoryUnusable(
            f"{target} and the remote's {target} have parted: {ahead} commits here, {behind} there; "
            "merge or rebase first"
        )


async def backup(progress: Progress) -> str:
    """Put uncommitted work away, under a ref that says whose."""
    deployment = progress.deployment
    ref = saved_ref(deployment.id)
    if not await progress.site.worktree.save(ref, f"uncommitted work before {deployment.id}"):
        return "there is none to keep"
    progress.note(saved=ref)
    return f"uncommitted work is kept: git stash apply {ref}"


async def switch(progress: Progress) -> str:
    target, place = progress.deployment.target, progress.deployment.place
    if place is not None and place.branch == target:
        return f"{target} is checked out already"
    await progress.site.worktree.switch(target)
    return f"from {progress.deployment.came_from} to {target}"


async def fast_forward(progress: Progress) -> str:
    target, place = progress.deployment.target, progress.deployment.place
    commit = await progress.site.worktree.forward(target)
    progress.note(commit=commit)
    before = None if place is None else place.target_before
    return f"{target} is at {commit[:10]}" + (f", was at {before[:10]}" if before not in (None, commit) else "")


async def build(progress: Progress) -> str:
    """Run the build; all that it says goes to the deployment's log."""
    settings, outside, deployment = progress.site.settings, progress.site.outside, progress.deployment
    if settings.build is None:
        return "nothing is to be built"
    env = {
        **git_environment(os.environ),
        "HAMSTER_DEPLOYMENT": deployment.id,
        "HAMSTER_BRANCH": deployment.target,
        "HAMSTER_COMMIT": deployment.commit or "",
        "HAMSTER_OUTPUT": str(progress.site.built),
    }
    output = BuildOutput(outside.log)
    began = trio.current_time()
    try:
        with trio.fail_after(settings.build_timeout):
            ran = await outside.run(settings.build, cwd=settings.worktree or "", env=env, said=output.take, kept=TAIL)
    except trio.TooSlowError:
        raise StepFailed(f"the build did not end within {settings.build_timeout:g} s; it was killed") from None
    except CommandFailed as error:
        raise StepFailed(f"the build: {error}") from None
    finally:
        output.end()
    if ran.code != 0:
        how = f"was killed by {ran.signal}" if ran.code is None else f"ended with exit code {ran.code}"
        said = error_text(ran.output)
        raise StepFailed(f"the build {how}" + (f": {said}" if said else ""))
    return f"built in {trio.current_time() - began:.1f} s"


async def plan(progress: Progress) -> None:
    """Know what publishing is going to change, so that it can be taken back whatever happens."""
    publishing, deployment = progress.site.publishing, progress.deployment
    if publishing is not None:
        release = Release(deployment.id, deployment.commit or "", progress.site.built)
        progress.note(publication=await publishing.plan(release))


async def publish(progress: Progress) -> str:
    publishing: Publishing | None = progress.site.publishing
    publication = progress.deployment.publication
    if publishing is None or publication is None:
        return "nothing is to be published"
    return await publishing.publish(publication)


async def verify(progress: Progress) -> str:
    """Look at the site until it is as it should be."""
    settings, visit = progress.site.settings, progress.site.outside.visit
    if settings.health_url is None:
        return "no health_url, nobody looked"
    text = settings.health_text
    if text is not None:
        text = text.replace("{commit}", progress.deployment.commit or "")
    detail = "no answer yet"
    began = trio.current_time()
    with trio.move_on_after(settings.verify_timeout):
        while True:
            found = await visit(settings.health_url, text=text, seconds=min(VISIT_SECONDS, settings.verify_timeout))
            if found.good:
                return f"{settings.health_url} is as it should be after {trio.current_time() - began:.1f} s"
            detail = found.detail
            await trio.sleep(settings.verify_interval)
    raise StepFailed(f"{settings.health_url} was not as it should be within {settings.verify_timeout:g} s: {detail}")


RUN: Mapping[Step, Callable[[Progress], Awaitable[str]]] = {
    "fetch": fetch,
    "check": check,
    "backup": backup,
    "switch": switch,
    "fast_forward": fast_forward,
    "build": build,
    "publish": publish,
    "verify": verify,
}
"""The steps, in their order."""

EXPECTED = (StepFailed, PublishFailed, GitFailed, RepositoryUnusable, UncommittedChanges, UnknownBranch, OSError)
"""With these a step fails, and the deployment with it; anything else is a mistake of ours, and fails it too."""
