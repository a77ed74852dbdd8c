"""What a repository is like, read without changing or locking anything in it."""

from datetime import UTC, datetime

import attrs

from actors.deploy.git import Git, GitFailed
from actors.deploy.messages import GitState, RemoteStatus

LISTED = 20
"""Changed files that are named; of the rest only how many."""


@attrs.frozen
class Changes:
    """Tracked files with changes that are not committed."""

    branch: str | None
    """None: no branch is checked out."""
    commit: str | None
    """None: there is none yet."""
    files: tuple[str, ...]
    """The first few."""
    count: int
    conflicts: int


def parse_status(output: bytes) -> Changes:
    """What `git status --porcelain=v2 --branch -z` printed. Pure."""
    branch: str | None = None
    commit: str | None = None
    files: list[str] = []
    count = conflicts = 0
    entries = iter(output.decode("utf-8", "replace").split("\0"))
    for entry in entries:
        kind, _, rest = entry.partition(" ")
        match kind:
            case "#":
                name, _, value = rest.partition(" ")
                if name == "branch.head" and value != "(detached)":
                    branch = value
                elif name == "branch.oid" and value != "(initial)":
                    commit = value
            case "1" | "2" | "u":
                fields = {"1": 7, "2": 8, "u": 9}[kind]
                path = rest.split(" ", fields)[-1]
                count += 1
                conflicts += kind == "u"
                if len(files) < LISTED:
                    files.append(path)
                if kind == "2":
                    next(entries, None)  # the name before
            case _:
                continue
    return Changes(branch, commit, tuple(files), count, conflicts)


async def changes_of(git: Git) -> Changes:
    """What is changed in the working tree and not committed; files that git does not track are none of it.

    Raises:
        GitFailed: Git does not say.
    """
    ran = await git.ask("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no", "--ignore-submodules")
    return parse_status(ran.output)


def compared(ahead: int, behind: int) -> RemoteStatus:
    """Where a branch stands beside the remote's. Pure."""
    if ahead and behind:
        return "diverged"
    if ahead or behind:
        return "ahead" if ahead else "behind"
    return "up-to-date"


async def read_state(git: Git, remote: str) -> GitState:
    """What the repository is like; `error` says why where it cannot be read."""
    try:
        return await _read(git, remote)
    except GitFailed as error:
        return GitState(error=str(error))


async def _read(git: Git, remote: str) -> GitState:
    changes = await changes_of(git)
    state = GitState(
        current_branch=changes.branch or "HEAD",
        changed=changes.files,
        changes=changes.count,
        conflicts=changes.conflicts,
        error=None,
    )
    if changes.commit is None:
        return state
    told = (await git.text("log", "-1", "--no-show-signature", "--format=%H%x00%s%x00%an%x00%ct", "HEAD")).split("\0")
    commit, message, author, at = told[:4]
    state = attrs.evolve(
        state,
        commit=commit,
        message=message or "-",
        author=author or "-",
        committed_at=datetime.fromtimestamp(int(at), UTC),
    )
    if changes.branch is None:
        return state
    theirs = f"refs/remotes/{remote}/{changes.branch}"
    if await git.commit_of(theirs) is None:
        return state
    ahead, behind = map(int, (await git.text("rev-list", "--left-right", "--count", f"HEAD...{theirs}")).split())
    return attrs.evolve(state, remote_status=compared(ahead, behind), ahead=ahead, behind=behind)
