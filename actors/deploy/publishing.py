"""What was built, put where its readers are: as a commit of a branch at the remote, or as a directory behind a link."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import attrs
import trio

from actors.deploy.git import Git, GitFailed
from actors.deploy.messages import Publication

FILES = 100_000
"""Of a release in a directory; more is a mistake, like a build that put everything there."""


class PublishFailed(Exception):
    """It could not be published, or not be taken back; says why, in English."""


@attrs.frozen
class Release:
    """What is to be published."""

    deployment: str
    commit: str
    built: Path
    """The directory that the build left."""


class Publishing(Protocol):
    """A way to publish."""

    async def plan(self, release: Release) -> Publication:
        """What publishing would change; nothing is changed yet that anybody sees."""
        ...

    async def publish(self, publication: Publication) -> str:
        """Do it; what it came to, in English."""
        ...

    async def take_back(self, publication: Publication) -> bool:
        """Have there again what was there before; False: it was not published, or somebody published since."""
        ...


def require_built(built: Path) -> None:
    """
    Raises:
        PublishFailed: The build left nothing. Blocks.
    """
    if not built.is_dir():
        raise PublishFailed(f"the build left no directory {built}; see output in [posco]")
    if next((name for name in os.listdir(built) if name != ".git"), None) is None:  # noqa: PTH208 - one name is enough
        raise PublishFailed(f"the build left nothing in {built}")


@attrs.frozen
class BranchPublishing:
    """Pushes what was built as a commit on top of a branch at the remote; taking it back is one more commit."""

    git: Git
    remote: str
    branch: str
    network_seconds: float

    async def plan(self, release: Release) -> Publication:
        await trio.to_thread.run_sync(require_built, release.built)
        before = await self._tip()
        tree = await self._tree_of(release.built)
        if before is not None and await self._tree(before) == tree:
            return Publication("branch", before, before)
        subject = (await self.git.text("log", "-1", "--no-show-signature", "--format=%s", release.commit))[:200]
        message = f"{subject}\n\nBuilt from {release.commit} by {release.deployment}.\n"
        return Publication("branch", before, await self._commit(tree, before, message))

    async def publish(self, publication: Publication) -> str:
        if publication.after == publication.before:
            return f"{self.branch} has exactly this already"
        await self._push(publication.after, publication.before)
        return f"{self.branch} is at {publication.after[:10]}"

    async def take_back(self, publication: Publication) -> bool:
        if publication.after == publication.before or await self._tip() != publication.after:
            return False
        if publication.before is None:
            await self._push("", publication.after)
            return True
        tree = await self._tree(publication.before)
        message = f"Back to {publication.before[:10]}\n\nWhat {publication.after} published did not work.\n"
        await self._push(await self._commit(tree, publication.after, message), publication.after)
        return True

    @property
    def _ref(self) -> str:
        return f"refs/remotes/{self.remote}/{self.branch}"

    async def _tip(self) -> str | None:
        """Where the branch is at the remote now; None: there is none."""
        refspec = f"+refs/heads/{self.branch}:{self._ref}"
        try:
            await self.git.ask("fetch", "--no-tags", "--", self.remote, refspec, seconds=self.network_seconds)
        except GitFailed as error:
            if "couldn't find remote ref" in error.said:
                return None
            raise
        return await self.git.commit_of(self._ref)

    async def _push(self, commit: str, expected: str | None) -> None:
        """Have the branch at *commit*, if it still is where it is *expected* to be; no commit: no branch."""
        ref = f"refs/heads/{self.branch}"
        lease = f"--force-with-lease={ref}:{expected or ''}"
        await self.git.ask("push", "--quiet", lease, "--", self.remote, f"{commit}:{ref}", seconds=self.network_seconds)

    async def _tree(self, commit: str) -> str:
        return await self.git.text("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")

    async def _tree_of(self, built: Path) -> str:
        """All files of a directory as git keeps them, whatever `.gitignore` says."""
        with tempfile.TemporaryDirectory(prefix="hamster-index-", ignore_cleanup_errors=True) as scratch:
            env = {"GIT_INDEX_FILE": str(Path(scratch) / "index"), "GIT_WORK_TREE": str(built)}
            env["GIT_DIR"] = str(await self.git.directory())
            await self.git.ask(
                "add", "--all", "--force", "--", ".", env=env, seconds=self.network_seconds, cwd=str(built)
            )
            return (await self.git.ask("write-tree", env=env, cwd=str(built))).output.decode("ascii").strip()

    async def _commit(self, tree: str, parent: str | None, message: str) -> str:
        parents = () if parent is None else ("-p", parent)
        ran = await self.git.ask("commit-tree", tree, *parents, given=message.encode(), env=await self._who())
        return ran.output.decode("ascii").strip()

    async def _who(self) -> Mapping[str, str]:
        """Who commits: whoever git was told, or we."""
        if (await self.git.ask("config", "user.email", good=(0, 1))).code == 0:
            return {}
        name, email = "WatchHamster", "watchhamster@localhost"
        return {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }


@attrs.frozen
class DirectoryPublishing:
    """Copies what was built beside a link and has the link point there, in one step; older ones stay for a while."""

    link: Path
    keep: int

    @property
    def releases(self) -> Path:
        """Where the releases are, each in a directory of its own."""
        return self.link.with_name(f"{self.link.name}.releases")

    async def plan(self, release: Release) -> Publication:
        await trio.to_thread.run_sync(require_built, release.built)
        before = await trio.to_thread.run_sync(self._target)
        after = self.releases / f"{release.deployment}-{release.commit[:10]}"
        await trio.to_thread.run_sync(self._copy, release.built, after, abandon_on_cancel=True)
        return Publication("directory", before, str(after))

    async def publish(self, publication: Publication) -> str:
        await trio.to_thread.run_sync(self._point, publication.after)
        await trio.to_thread.run_sync(self._trim, publication)
        return f"{self.link} points to {publication.after}"

    async def take_back(self, publication: Publication) -> bool:
        return await trio.to_thread.run_sync(self._take_back, publication)

    # -- in a thread

    def _target(self) -> str | None:
        if self.link.is_symlink():
            return str(self.link.readlink())
        if self.link.exists():
            raise PublishFailed(f"{self.link} is no link; expected a link or nothing; move it away")
        return None

    def _copy(self, built: Path, to: Path) -> None:
        try:
            self.releases.mkdir(parents=True, exist_ok=True)
            if to.exists():
                shutil.rmtree(to)
            count = 0

            def one(source: str, destination: str) -> str:
                nonlocal count
                count += 1
                if count > FILES:
                    raise PublishFailed(f"{built} has more than {FILES:,} files; see output in [posco]")
                return shutil.copy2(source, destination)

            shutil.copytree(built, to, symlinks=True, copy_function=one, ignore=shutil.ignore_patterns(".git"))
        except (OSError, shutil.Error) as error:
            shutil.rmtree(to, ignore_errors=True)
            raise PublishFailed(f"cannot copy {built} to {to}: {error}") from None

    def _point(self, to: str) -> None:
        fresh = self.link.with_name(f".{self.link.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(to, target_is_directory=True)
            fresh.replace(self.link)
        except OSError as error:
            raise PublishFailed(f"{self.link} cannot be made to point to {to}: {error.strerror or error}") from None

    def _take_back(self, publication: Publication) -> bool:
        if self._target() != publication.after:
            shutil.rmtree(publication.after, ignore_errors=True)
            return False
        if publication.before is None:
            self.link.unlink()
        else:
            self._point(publication.before)
        shutil.rmtree(publication.after, ignore_errors=True)
        return True

    def _trim(self, publication: Publication) -> None:
        """Remove the oldest releases; never the one that is read, nor the one before."""
        needed = {publication.after, publication.before}
        found = sorted(
            (path for path in self.releases.iterdir() if path.is_dir() and not path.is_symlink()),
            key=lambda path: path.stat().st_ctime_ns,
            reverse=True,
        )
        for path in found[self.keep :]:
            if str(path) not in needed:
                shutil.rmtree(path, ignore_errors=True)
