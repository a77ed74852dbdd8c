"""Files whose change restarts a service, or reloads it: what counts as a change, and when it has settled."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

import attrs
import trio
from watchfiles import Change, DefaultFilter, watch
from watchfiles.main import FileChange

from actors.settings import FileWatchOptions

log = logging.getLogger("actors.services")

NOISE_NAMES = frozenset(DefaultFilter.ignore_dirs)
"""Directories that tools write and no program means: `.git`, `__pycache__`, `node_modules`, `.venv` and the like."""
NOISE_PATTERNS = ("*.py[co]", "*.pyd", "*.sw?", "*~", ".#*", ".DS_Store", "4913")
"""Names that editors and interpreters leave behind; the last is how vim asks whether it may write."""

LONGEST_SETTLE = 20
"""Times `settle`, but at least `LEAST_SETTLE` seconds, after which changes that never end are acted on all the same."""
LEAST_SETTLE = 10.0

STEP = (0.02, 0.2)
"""Seconds between two looks at what the kernel has told, least and most: also how long a watcher takes to end."""
BEAT_SECONDS = 1.0
"""Between two signs of life of a watcher; the first says that the kernel has been asked."""
AGAIN_SECONDS = 10.0
"""After a failure to watch, as where the machine allows no more watches."""
GONE_SECONDS = 0.5
"""After a directory went while it was about to be watched."""
RETRY_SECONDS = 0.05
"""After what changed could not be taken."""
RECENT = 3
"""Names that are told of one settled change; of the rest only how many."""


@attrs.frozen
class Roots:
    """What is watched now: directories with all below them, and directories of which only some names count."""

    deep: tuple[Path, ...]
    shallow: tuple[Path, ...]
    there: frozenset[Path]
    """Those that exist."""


def roots(paths: Sequence[Path]) -> Roots:
    """How to watch *paths* (absolute), whether they are there or not; blocks.

    A file is watched by its directory: an editor that saves puts another one in its place. So is everything that is not
    there yet, by the nearest directory that is, and a directory that is, for it may be replaced.
    """
    shallow: dict[Path, None] = {}
    for path in paths:
        above = next((each for each in path.parents if each.is_dir()), path)
        shallow[above] = None
    deep = tuple(path for path in paths if path.is_dir())
    return Roots(deep, tuple(shallow), frozenset(path for path in paths if path.exists()))


def concerns(path: Path, paths: Sequence[Path]) -> bool:
    """Whether *path* is one of *paths* or leads to one."""
    return any(wanted == path or path in wanted.parents for wanted in paths)


def counts(path: Path, roots: Iterable[Path], ignore: Sequence[str]) -> str | None:
    """How a changed file is called below the root that it belongs to; None where it does not count.

    Args:
        path: Of the file, absolute.
        roots: Watched paths; the names above them are not looked at.
        ignore: Patterns of names; one that matches a directory takes all below with it.
    """
    for root in roots:
        if path == root:
            return root.name
        if path.is_relative_to(root):
            name = path.relative_to(root)
            if not any(_is_noise(part, ignore) for part in name.parts):
                return str(name)
    return None


def _is_noise(part: str, ignore: Sequence[str]) -> bool:
    return part in NOISE_NAMES or any(fnmatchcase(part, pattern) for pattern in (*NOISE_PATTERNS, *ignore))


@attrs.define
class Settling:
    """Changes that are still coming in. Times are `trio.current_time()`."""

    settle: float
    names: dict[str, None] = attrs.field(factory=dict[str, None])
    """The first few, in order."""
    more: int = 0
    """How many changes there were beside those; the same file may be counted more than once."""
    due: float | None = None
    _last_chance: float = 0.0

    def changed(self, name: str, now: float) -> None:
        """Note a change of the file called *name*."""
        if self.due is None:
            self._last_chance = now + max(LEAST_SETTLE, LONGEST_SETTLE * self.settle)
        self.due = min(now + self.settle, self._last_chance)
        if name in self.names:
            return
        if len(self.names) < RECENT:
            self.names[name] = None
        else:
            self.more += 1

    def take(self) -> str:
        """What changed, in English; nothing has from now on."""
        told = ", ".join(self.names)
        if self.more:
            told += f" and {self.more} more"
        self.names, self.more, self.due = {}, 0, None
        return told


class FileWatch:
    """Watches the files of one service for as long as `run` runs."""

    def __init__(self, service: str, options: FileWatchOptions, settled: Callable[[str], bool]) -> None:
        self._service = service
        self._paths = tuple(Path(path).absolute() for path in options.paths)
        self._ignore = options.ignore
        self._step = min(max(STEP[0], options.settle / 3), STEP[1])
        self._settled = settled
        self._changes = Settling(options.settle)
        self._news = trio.Event()
        self._rebuild = trio.CancelScope()
        self.watching = trio.Event()
        """Set once every change is seen."""
        self._missing = 0

    async def run(self) -> None:
        """Call `settled` with what changed, once each time that changes have come to rest. Never returns.

        Where `settled` says that it could not take it, it is called again.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch)
            await self._settle()

    async def _settle(self) -> None:
        while True:
            self._news = trio.Event()
            due = self._changes.due
            if due is None:
                await self._news.wait()
            elif trio.current_time() < due:
                with trio.move_on_at(due):
                    await self._news.wait()
            else:
                what = self._changes.take()
                while not self._settled(what):  # noqa: ASYNC110 - a mailbox tells nobody that it has room again
                    await trio.sleep(RETRY_SECONDS)

    async def _watch(self) -> None:
        before: frozenset[Path] | None = None
        while True:
            found = await trio.to_thread.run_sync(roots, self._paths)
            for path in found.there ^ before if before is not None else ():
                self._changed(path.name)
            before = found.there
            with trio.CancelScope() as self._rebuild:
                await self._follow_all(found)

    async def _follow_all(self, found: Roots) -> None:
        """Until what is there is other directories, or watching them fails."""
        self._missing = 2 if found.deep else 1
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._follow, found.shallow, self._seen_above)
                if found.deep:
                    nursery.start_soon(self._follow, found.deep, self._seen_below)
        except* FileNotFoundError:
            await trio.sleep(GONE_SECONDS)  # it went in the moment between
        except* OSError as group:
            (error, *_) = group.exceptions
            log.error("service.watch_failed service=%s error=%s next=try_again", self._service, error)
            await trio.sleep(AGAIN_SECONDS)

    async def _follow(self, directories: Sequence[Path], seen: Callable[[Collection[FileChange]], None]) -> None:
        """Hand what happens in *directories* to *seen*, in Trio's thread.

        `awatch` would wait in one of the forty threads that everything here shares, for good: with forty services that
        watch, nobody else would find one.
        """
        stop = threading.Event()
        token = trio.lowlevel.current_trio_token()

        def follow() -> None:
            changes = watch(
                *directories,
                watch_filter=None,
                debounce=int(1000 * LEAST_SETTLE),
                step=int(1000 * self._step),
                stop_event=stop,
                recursive=seen == self._seen_below,
                raise_interrupt=False,
                ignore_permission_denied=True,
                rust_timeout=int(1000 * BEAT_SECONDS),
                yield_on_timeout=True,
            )
            begun = False
            for batch in changes:
                with suppress(trio.RunFinishedError):
                    if stop.is_set():
                        return
                    if not begun:
                        begun = True
                        trio.from_thread.run_sync(self._one_watches, trio_token=token)
                    if batch:
                        trio.from_thread.run_sync(seen, batch, trio_token=token)

        try:
            await trio.to_thread.run_sync(follow, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1))
        finally:
            stop.set()  # it ends at its next look

    def _one_watches(self) -> None:
        self._missing -= 1
        if not self._missing:
            self.watching.set()

    def _seen_above(self, changes: Collection[FileChange]) -> None:
        """What happened beside what is watched, or to it as a whole."""
        for change, text in changes:
            path = Path(text)
            if not concerns(path, self._paths):
                continue
            if path in self._paths:
                self._changed(path.name)
            if change is not Change.modified:  # another directory may stand there
                self._rebuild.cancel()

    def _seen_below(self, changes: Collection[FileChange]) -> None:
        for text in sorted(text for _, text in changes):
            name = counts(Path(text), self._paths, self._ignore)
            if name is not None:
                self._changed(name)

    def _changed(self, name: str) -> None:
        self._changes.changed(name, trio.current_time())
        self._news.set()
