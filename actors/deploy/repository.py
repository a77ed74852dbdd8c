"""The state of the repository, looked at whenever something in it changes; whoever asks waits for nothing."""

import logging
import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import trio

from actors.deploy.git import Git, GitFailed
from actors.deploy.messages import GitChanged, GitState, UnknownBranch
from actors.deploy.reading import read_state
from actors.deploy.site import Site
from actors.deploy.worktree import Worktree
from actors.inotify import Inotify, Unavailable
from actors.runtime import Actor, Bus, Cell

log = logging.getLogger("actors.deploy")

SETTLE_SECONDS = 0.1
"""After a change: git changes several files in a row."""
LEAST_SECONDS = 0.5
"""Between two looks, however much is changed."""
NOT_CONFIGURED = GitState(error="no worktree is configured in [posco]")
WATCHED = ("", "refs/heads", "refs/remotes", "logs")
"""Directories of git's that are watched, those of the refs with all below."""
DIRECTORIES = 500
"""That are watched at most; a repository of more branches than that is looked at by the clock."""


class Repository:
    """What is known of the repository. Lives beside the actor that looks."""

    def __init__(self, bus: Bus, site: Callable[[], Site | None]) -> None:
        self.state: Cell[GitState] = Cell(GitState())
        self.site = site
        self._bus = bus
        self._wanted = trio.Event()
        self._looking = trio.Lock()

    def look_soon(self) -> None:
        """Something changed."""
        self._wanted.set()

    async def wanted(self) -> None:
        """Wait until something has changed."""
        await self._wanted.wait()
        self._wanted = trio.Event()

    async def look(self) -> GitState:
        """Look now."""
        async with self._looking:
            site = self.site()
            new = NOT_CONFIGURED if site is None else await read_state(site.git, site.settings.remote)
            old = self.state.value
            if new != old:
                self.state.set(new)
                self._bus.publish(GitChanged(old, new))
            return new


class RepositoryActor(Actor):
    """Looks when the kernel says that something changed, and now and then for files that are being worked on."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def on_start(self) -> None:
        self.context.start_soon(self._look)
        self.context.start_soon(self._watch)
        self.context.start_soon(self._fetch)

    async def _look(self) -> None:
        repository = self._repository
        while True:
            await repository.look()
            await trio.sleep(LEAST_SECONDS)
            site = repository.site()
            with trio.move_on_after(30.0 if site is None else site.settings.check_interval):
                await repository.wanted()
                await trio.sleep(SETTLE_SECONDS)

    async def _watch(self) -> None:
        """Follow git's own directory; one that is not there yet, or another one, is found by trying again."""
        while True:
            site = self._repository.site()
            if site is not None:
                try:
                    await self._follow(site)
                except (GitFailed, OSError) as error:
                    log.debug("deploy.not_watched error=%s next=look_by_the_clock", error)
            await trio.sleep(30.0 if site is None else site.settings.check_interval)

    async def _follow(self, site: Site) -> None:
        directory = await site.git.directory()
        with ExitStack() as stack:
            try:
                inotify = Inotify()
            except Unavailable:
                await trio.sleep(math.inf)
                return
            stack.callback(inotify.close)
            stack.callback(trio.lowlevel.notify_closing, inotify.fd)
            for path in await trio.to_thread.run_sync(_directories, directory):
                inotify.watch(path)
            while self._repository.site() == site:
                with trio.move_on_after(site.settings.check_interval):
                    await trio.lowlevel.wait_readable(inotify.fd)
                changed = [path for path in inotify.read() if path is None or path.suffix != ".lock"]
                if changed:
                    self._repository.look_soon()
                if any(path is None or path.is_dir() for path in changed):
                    for path in await trio.to_thread.run_sync(_directories, directory):
                        inotify.watch(path)

    async def _fetch(self) -> None:
        """Hear of the remote now and then how far it is, so that `behind` is true."""
        told: str | None = None
        while True:
            site = self._repository.site()
            every = 0.0 if site is None else site.settings.fetch_interval
            await trio.sleep(every or 60.0)
            site = self._repository.site()
            if site is None or not every:
                continue
            why = await _fetched(site.git, site.worktree)
            if why != told and why is not None:
                log.warning("deploy.remote_not_heard error=%s next=later", why)
            told = why
            self._repository.look_soon()


async def _fetched(git: Git, worktree: Worktree) -> str | None:
    """Fetch the branch that is checked out; why not, if not."""
    try:
        branch = await git.branch()
        if branch is not None:
            await worktree.fetch(branch)
    except UnknownBranch:
        return None  # one of ours alone
    except GitFailed as error:
        return str(error)
    return None


def _directories(git: Path) -> list[Path]:
    """What to watch in git's directory, the most important first."""
    found: list[Path] = []
    for name in WATCHED:
        top = git / name
        if name.startswith("refs/") and top.is_dir():
            found += [top, *(path for path in top.rglob("*") if path.is_dir())]
        elif top.is_dir():
            found.append(top)
    return found[:DIRECTORIES]
