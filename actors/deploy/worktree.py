"""The working tree: brought to what is to be deployed, and back to where it was. No work in it is ever lost."""

import logging
from pathlib import Path

import attrs
import psutil
import trio

from actors.deploy.git import Git, GitFailed
from actors.deploy.messages import Place, RepositoryUnusable, UncommittedChanges, UnknownBranch
from actors.deploy.reading import LISTED, Changes, changes_of

log = logging.getLogger("actors.deploy")

UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG", "rebase-merge", "rebase-apply")
"""Of git's directory: something is in the middle of being done by somebody."""
LOCK_SECONDS = 5.0
"""How long another git is waited for."""
LOOK_SECONDS = 0.1
LOCK_TRIES = 5


def saved_ref(deployment: str, when: str = "before") -> str:
    """The ref that holds the uncommitted work which a deployment found, or (`after`) that was there when it failed."""
    return f"refs/hamster/saved/{deployment}/{when}"


@attrs.frozen
class Worktree:
    """One working tree."""

    git: Git
    remote: str
    network_seconds: float
    """How long a command may take that talks to the remote."""

    def remote_ref(self, branch: str) -> str:
        """Where git remembers the remote's branch."""
        return f"refs/remotes/{self.remote}/{branch}"

    async def fetch(self, branch: str) -> str:
        """Hear of the remote how far *branch* is there; the commit.

        Raises:
            UnknownBranch: The remote has none.
            GitFailed: The remote does not answer.
        """
        ref = self.remote_ref(branch)
        for left in reversed(range(LOCK_TRIES)):
            try:
                await self._fetch(f"+refs/heads/{branch}:{ref}")
                break
            except GitFailed as error:
                if "couldn't find remote ref" in error.said:
                    raise UnknownBranch(branch) from None
                if not left or "cannot lock ref" not in error.said:
                    raise
                await trio.sleep(LOOK_SECONDS)  # somebody else fetches the same
        commit = await self.git.commit_of(ref)
        if commit is None:
            raise UnknownBranch(branch)
        return commit

    async def _fetch(self, refspec: str) -> None:
        options = ("--no-tags", "--no-recurse-submodules")
        await self.git.ask("fetch", *options, "--", self.remote, refspec, seconds=self.network_seconds)

    async def require_calm(self) -> Changes:
        """What is changed, with nothing in the way of a switch but that.

        Raises:
            RepositoryUnusable: Something is under way in it, or there is no commit yet.
        """
        directory = await self.git.directory()
        busy = [name for name in UNDER_WAY if (directory / name).exists()]
        if busy:
            raise RepositoryUnusable(f"a merge, rebase or the like is under way ({', '.join(busy)}); finish it first")
        await self._wait_for_lock(directory)
        changes = await changes_of(self.git)
        if changes.commit is None:
            raise RepositoryUnusable("the working tree has no commit yet; commit or check out something")
        if changes.conflicts:
            raise RepositoryUnusable("files have unresolved conflicts: " + ", ".join(changes.files))
        return changes

    async def _wait_for_lock(self, directory: Path) -> None:
        lock = directory / "index.lock"
        with trio.move_on_after(LOCK_SECONDS):
            while lock.exists():  # noqa: ASYNC110 - another program's file
                await trio.sleep(LOOK_SECONDS)
        if lock.exists():
            raise RepositoryUnusable(f"another git is at work; remove {lock} if there is none")

    async def require_clean(self) -> Changes:
        """As `require_calm`, and nothing is changed.

        Raises:
            UncommittedChanges: Something is.
        """
        changes = await self.require_calm()
        if changes.count:
            raise UncommittedChanges(changes.files, changes.count)
        return changes

    async def require_room(self, commit: str) -> None:
        """What git does not track must not be where *commit* has files: then all that is there later is from git.

        Raises:
            RepositoryUnusable: Names the files.
        """
        theirs = set(await self._names("ls-tree", "-r", "--name-only", "-z", commit))
        loose = [name for name in await self._names("ls-files", "--others", "-z") if name in theirs]
        if loose:
            shown = ", ".join(loose[:LISTED]) + (f" and {len(loose) - LISTED} more" if len(loose) > LISTED else "")
            raise RepositoryUnusable(f"files that git does not track are in the way: {shown}; move them away")

    async def save(self, ref: str, message: str) -> bool:
        """Keep what is changed under *ref*, and have it changed no more; False: nothing was.

        Raises:
            GitFailed: It could not be kept. Nothing was changed.
        """
        commit = await self.git.text("stash", "create", message)
        if not commit:
            return False
        await self.git.ask("update-ref", "--", ref, commit)
        await self.git.ask("reset", "--hard", "--quiet", "HEAD")
        return True

    async def switch(self, branch: str) -> None:
        """Check *branch* out; one that only the remote has becomes one of ours that follows it.

        Raises:
            GitFailed: It cannot be, as where a file that git does not track is in the way.
            UnknownBranch: There is none.
        """
        here = await self.git.commit_of(f"refs/heads/{branch}")
        if here is not None:
            await self.git.ask("switch", "--quiet", "--no-guess", "--no-overwrite-ignore", branch)
            return
        theirs = self.remote_ref(branch)
        if await self.git.commit_of(theirs) is None:
            raise UnknownBranch(branch)
        await self.git.ask("switch", "--quiet", "--no-overwrite-ignore", "--create", branch, "--track", theirs)

    async def forward(self, branch: str) -> str:
        """Bring the branch that is checked out to where the remote's is; the commit it is at.

        Raises:
            GitFailed: It has commits of its own, or a file that git does not track is in the way.
        """
        await self.git.ask("merge", "--ff-only", "--quiet", "--no-overwrite-ignore", self.remote_ref(branch))
        return await self._head()

    async def _head(self) -> str:
        commit = await self.git.commit_of("HEAD")
        if commit is None:
            raise RepositoryUnusable("the working tree has no commit")
        return commit

    # -- and back

    async def put_back(self, place: Place, deployment: str, target: str) -> str | None:
        """Bring everything back to *place*; the ref of work that was in the way, if there was some.

        Looks at how things are, and takes nothing for granted: we may have been killed in the middle of any of it.

        Raises:
            GitFailed, RepositoryUnusable: It could not be done; says how far it came.
        """
        await self._clear_lock()
        kept = await self._keep_what_came(deployment)
        await self._make_way(place, deployment, target)
        await self._go_back(place, target)
        await self._restore_target(place, target)
        await self._restore_work(deployment)
        return kept

    async def _clear_lock(self) -> None:
        """Have no lock in the way of a git that was killed with us; one of a git that lives is waited for."""
        directory = await self.git.directory()
        lock = directory / "index.lock"
        with trio.move_on_after(LOCK_SECONDS):
            while lock.exists():
                if not await trio.to_thread.run_sync(_somebody_is_at_work, self.git.worktree):
                    log.warning("deploy.lock_left_behind path=%s next=remove reason=its_git_is_gone", lock)
                    lock.unlink(missing_ok=True)
                await trio.sleep(LOOK_SECONDS)
        if lock.exists():
            raise RepositoryUnusable(f"another git is at work and does not end; see {lock}")

    async def _keep_what_came(self, deployment: str) -> str | None:
        """Keep what is changed now: half a switch, what a build did to tracked files, or what somebody worked on."""
        changes = await changes_of(self.git)
        if not changes.count:
            return None
        ref = saved_ref(deployment, "after")
        if changes.conflicts or not await self.save(ref, f"found when {deployment} was rolled back"):
            raise RepositoryUnusable("files have changes that cannot be kept: " + ", ".join(changes.files))
        return ref

    async def _make_way(self, place: Place, deployment: str, target: str) -> None:
        """Move aside what git does not track and the place has files for; what is as in the target is just removed."""
        here = set(await self._names("ls-tree", "-r", "--name-only", "-z", place.commit))
        there: dict[str, str] = {}
        theirs = place.target_after or await self.git.commit_of(f"refs/heads/{target}")
        if theirs is not None:
            for entry in await self._names("ls-tree", "-r", "-z", theirs):
                info, _, name = entry.partition("\t")
                there[name] = info.split(" ")[-1]
        loose = await self._names("ls-files", "--others", "-z")
        concerned = [name for name in loose if name in here or name in there]
        if concerned:
            hashes = await self._hashes(concerned)
            aside = await self.git.directory() / "hamster-aside" / deployment
            await trio.to_thread.run_sync(_clear, Path(self.git.worktree), concerned, hashes, there, aside)

    async def _names(self, *arguments: str) -> list[str]:
        ran = await self.git.ask(*arguments)
        return [name for name in ran.output.decode("utf-8", "surrogateescape").split("\0") if name]

    async def _hashes(self, names: list[str]) -> dict[str, str]:
        plain = [name for name in names if "\n" not in name and _is_plain(Path(self.git.worktree) / name)]
        given = "".join(f"{name}\n" for name in plain).encode("utf-8", "surrogateescape")
        ran = await self.git.ask("hash-object", "--stdin-paths", given=given)
        return dict(zip(plain, ran.output.decode("ascii").split(), strict=True))

    async def _go_back(self, place: Place, target: str) -> None:
        branch = await self.git.branch()
        if place.branch is None:
            await self.git.ask("switch", "--quiet", "--detach", place.commit)
            return
        if branch != place.branch:
            await self.git.ask("switch", "--quiet", "--no-guess", place.branch)
        now = await self._head()
        if now == place.commit:
            return
        if place.branch == target and now == place.target_after:
            await self.git.ask("reset", "--keep", "--quiet", place.commit)  # by fast-forward it came, by this it goes
            return
        raise RepositoryUnusable(f"{place.branch} is at {now[:10]} and not at {place.commit[:10]}: somebody moved it")

    async def _restore_target(self, place: Place, target: str) -> None:
        """Have the target's local branch where it was, unless somebody else has moved it since."""
        ref = f"refs/heads/{target}"
        now = await self.git.commit_of(ref)
        if target == place.branch or now is None or now == place.target_before:
            return
        if place.target_before is not None:
            if now == place.target_after:
                await self.git.ask("update-ref", "--", ref, place.target_before, now)
        elif now == place.target_after:
            await self.git.ask("branch", "--quiet", "--delete", "--force", target)

    async def _restore_work(self, deployment: str) -> None:
        """Put the uncommitted work back that was in the way; its ref goes once all of it is there again."""
        ref = saved_ref(deployment)
        saved = await self.git.commit_of(ref)
        if saved is None:
            return
        await self.git.ask("stash", "apply", "--index", "--quiet", saved)
        again = await self.git.text("stash", "create", "compared")
        if again and await self._tree(again) == await self._tree(saved):
            await self.git.ask("update-ref", "-d", ref, saved)

    async def _tree(self, commit: str) -> str:
        return await self.git.text("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")


def _somebody_is_at_work(worktree: str) -> bool:
    """Whether a git runs in the working tree that is none of ours: those only look, and take no lock for long."""
    ours = {child.pid for child in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter(["pid", "name", "cwd"]):
        cwd, is_git = process.info["cwd"], process.info["name"] == "git"
        if is_git and cwd and process.info["pid"] not in ours and Path(cwd).is_relative_to(worktree):
            return True
    return False


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _clear(root: Path, names: list[str], hashes: dict[str, str], there: dict[str, str], aside: Path) -> None:
    for name in names:
        if hashes.get(name) is not None and hashes.get(name) == there.get(name):
            (root / name).unlink(missing_ok=True)  # all of it is in git
        else:
            kept = aside / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            (root / name).replace(kept)
            log.warning("deploy.file_moved_aside file=%r to=%s reason=in_the_way_of_the_rollback", name, kept)
