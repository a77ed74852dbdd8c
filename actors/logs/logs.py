"""All logs of a system: each followed, always; whoever wants lines subscribes."""

import hashlib
import logging
import os
import re
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path

import attrs
import trio

from actors.inotify import Inotify, Unavailable
from actors.logs.files.catalogue import Catalogue, LogFile
from actors.logs.files.opening import open_log
from actors.logs.files.parts import archive_of
from actors.logs.following.follower import Follower
from actors.logs.following.state import LOOK_SECONDS, Feed, LogState, Told, Wake
from actors.logs.indexing.generation import OTHERS
from actors.logs.known import KnownLog
from actors.logs.parsing import Parser
from actors.logs.reading import Reader, Source
from actors.logs.reading.source import snapshot
from actors.logs.records import LEVELS, Level, Origin
from actors.logs.threads import Threads
from actors.runtime import Actor, Backoff, ChildSpec, Subscription, Supervisor
from actors.settings import LogAlert

log = logging.getLogger("actors.logs")

LOG_INDEX = "log_index"
"""The folder of the data directory for what was counted of the logs; it can always be counted again."""
CAPACITY = 1000
"""Records that a listener may be behind."""
POLL_SECONDS = 0.25
"""Between two looks at every file where the kernel does not tell."""
THREADS = 4
PROCESSES = 1
"""Stretches that are counted at a time, each by two processes at most."""
FOLLOWERS = 1000
"""Logs that are followed at most; more files than that are a mistake somewhere."""
READY_SECONDS = 10.0
"""How long a question waits for a log to be counted that was just found; then it is answered with what there is."""
_BACKOFF = Backoff(initial=0.5, maximum=30.0)
_TOP = 20


@attrs.frozen(kw_only=True)
class LogStatistics:
    """Counts of a span of time, to the minute."""

    levels: Mapping[Level, int]
    """All five."""
    minutes: Mapping[int, int]
    """Records by minutes since 1970 (UTC), in order; those without any are left out."""
    loggers: Mapping[str, int]
    """Those with the most records of the span, to the hour; the most first."""

    @property
    def total(self) -> int:
        """Records in the span."""
        return sum(self.levels.values())


class Logs:
    """What is known of all logs, and how to read and follow them."""

    def __init__(self, catalogue: Catalogue, index_dir: Path, zone: tzinfo | None) -> None:
        """Know the logs of *catalogue*; their indexes are kept in *index_dir*. *zone* None is the machine's."""
        self.catalogue = catalogue
        self.reader = Reader()
        self._index_dir = index_dir
        self._zone = zone
        self._states: dict[str, LogState] = {}
        self._by_path: dict[Path, LogState] = {}
        self._refused: set[str] = set()
        self._feeds: dict[Subscription[Told], Feed] = {}
        self.threads = Threads(THREADS, PROCESSES)
        self.alert_rules: Mapping[str, LogAlert] = {}
        """By which alerts are raised from lines."""
        self.configured = Wake()
        """For the clerk: there are other logs from outside."""

    @property
    def followed(self) -> Mapping[str, LogState]:
        """By name; for the followers."""
        return self._states

    def at(self, path: Path) -> LogState | None:
        """The log whose file is, or would be, at *path*."""
        return self._by_path.get(path)

    def is_strange(self, name: str) -> bool:
        """Whether a file *name* of the directory is a log that nobody knows yet."""
        return self.catalogue.is_log(name) and name not in self._states and name not in self._refused

    async def find(self, name: str) -> KnownLog:
        """The log *name*.

        Raises:
            InvalidLogName: It can be no log's name.
            UnknownLog: There is none.
        """
        return await self.threads.run(self.catalogue.find, name)

    async def files(self) -> Sequence[LogFile]:
        """All files that logs are in, each log followed by its archives."""
        return await self.threads.run(self.catalogue.files)

    async def source(self, name: str) -> Source:
        """The log *name* as it is now, for the `reader`. Raises as `find`."""
        found = await self.find(name)
        state = self._states.get(name)
        if state is None:
            parser = Parser(found, self._zone)
            await self.threads.run(_learn, parser, found.path)
            return Source(found, parser, ())
        with trio.move_on_after(READY_SECONDS):
            await state.ready.wait()
        return snapshot(state)

    async def sources(self) -> Sequence[Source]:
        """All logs that are followed, as they are now."""
        return [await self.source(name) for name in list(self._states)]

    async def statistics(self, name: str, hours: float) -> LogStatistics:
        """Counts of the last *hours* of the log *name*. Raises as `find`.

        In time of the minutes there are, whatever the size of the log.
        """
        await self.find(name)
        state = self._states.get(name)
        if state is None:
            return LogStatistics(levels=dict.fromkeys(LEVELS, 0), minutes={}, loggers={})
        with trio.move_on_after(READY_SECONDS):
            await state.ready.wait()
        return _statistics(state, time.time() - hours * 3600)

    @contextmanager
    def feed(
        self, names: Collection[str] | None, *, levels: Collection[Level] | None = None, capacity: int = CAPACITY
    ) -> Generator[Subscription[Told], None, None]:
        """What is written to the logs *names* (None: to all of them, later ones included) from now on.

        Nobody waits for a listener: one that is more than *capacity* records behind finds a `Lagged` with the count of
        those that it missed.

        Args:
            names: Of logs, also of those that are not there yet.
            levels: Only records of these.
            capacity: How many records it may be behind.
        """
        subscription = Subscription[Told](capacity=capacity)
        feed = Feed(subscription, levels, None if names is None else frozenset(names))
        self._feeds[subscription] = feed
        for name, state in self._states.items():
            if feed.is_of(name):
                state.feeds[subscription] = feed
        try:
            with subscription:
                yield subscription
        finally:
            del self._feeds[subscription]
            for state in self._states.values():
                state.feeds.pop(subscription, None)

    async def truncate(self, name: str) -> None:
        """Empty the log *name*; who writes to it writes on. Raises as `find`, and OSError if it cannot be done."""
        found = await self.find(name)
        await self.threads.run(_truncate, found.path)
        if name in self._states:
            self._states[name].wake.set()

    def parser_of(self, found: KnownLog) -> Parser:
        """How a log is read."""
        return Parser(found, self._zone)

    def rewritten(self, name: str) -> None:
        """Count the archives of the log again of which *name* is one: it was written anew."""
        for state in self._states.values():
            if archive_of(state.log.path.name, name) is not None:
                state.archives_rewritten = state.archives_changed = True
                state.wake.set()

    def configure(self, outside: Mapping[str, KnownLog], alerts: Mapping[str, LogAlert]) -> None:
        """Know these logs from outside, and look for these lines, from now on; the clerk sees to the followers."""
        self.catalogue = attrs.evolve(self.catalogue, outside=outside)
        if alerts != self.alert_rules:
            self.alert_rules = alerts
        self.configured.set()

    def drop(self, name: str) -> None:
        """Know the log *name* no more, or as another one."""
        state = self._states.pop(name)
        self._by_path.pop(state.log.path, None)

    # -- for the clerk

    def add(self, found: KnownLog, *, fresh: bool) -> LogState | None:
        """Have a state for *found*; None if there is one, or there are too many. *fresh*: it was not there before."""
        if found.name in self._states or found.name in self._refused:
            return None
        if len(self._states) >= FOLLOWERS:
            log.warning("logs.not_followed log=%s limit=%d next=read_only_when_asked", found.name, FOLLOWERS)
            self._refused.add(found.name)
            return None
        sidecar = self._index_dir / f"{found.name}.index"
        state = LogState(found, Parser(found, self._zone), sidecar, fresh=fresh)
        state.feeds = {subscription: feed for subscription, feed in self._feeds.items() if feed.is_of(found.name)}
        self._states[found.name] = state
        self._by_path[found.path] = state
        return state


def _learn(parser: Parser, path: Path) -> None:
    fd = open_log(path)
    try:
        parser.learn(os.pread(fd, 64 * 1024, 0))
    finally:
        os.close(fd)


def _truncate(path: Path) -> None:
    fd = open_log(path, os.O_WRONLY)
    try:
        os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def _statistics(state: LogState, since: float) -> LogStatistics:
    first = int(since // 60)
    totals = [0] * len(LEVELS)
    minutes: dict[int, int] = {}
    loggers: dict[str, int] = {}
    for generation in state.generations:
        for minute, counts in generation.minutes.items():
            if minute >= first:
                minutes[minute] = minutes.get(minute, 0) + sum(counts)
                totals = [total + count for total, count in zip(totals, counts, strict=True)]
        for hour, names in generation.loggers.items():
            if hour >= first // 60:
                for name, count in names.items():
                    loggers[name] = loggers.get(name, 0) + count
    top = sorted(((n, c) for n, c in loggers.items() if n != OTHERS), key=lambda pair: (-pair[1], pair[0]))[:_TOP]
    return LogStatistics(
        levels=dict(zip(LEVELS, totals, strict=True)), minutes=dict(sorted(minutes.items())), loggers=dict(top)
    )


class FollowerActor(Actor):
    """Follows one log. What it knows outlives it."""

    def __init__(self, logs: Logs, state: LogState) -> None:
        self._follower = Follower(state, logs.threads)

    async def on_start(self) -> None:
        self.context.start_soon(self._follower.run)


class ClerkActor(Actor):
    """Finds the logs, has each followed, and passes on what the kernel says of their directories."""

    def __init__(self, logs: Logs, supervisor: Supervisor) -> None:
        self._logs = logs
        self._supervisor = supervisor
        self._looked = bool(logs.followed)
        self._unwatched: set[Path] = set()

    async def on_start(self) -> None:
        self.context.start_soon(self._work)

    async def _work(self) -> None:
        try:
            inotify = Inotify()
        except Unavailable as error:
            log.warning("logs.no_inotify error=%r next=poll", str(error))
            await self._poll()
            return
        try:
            while True:
                await self._find_logs()
                self._watch(inotify)
                await self._listen(inotify)
        finally:
            inotify.close()

    def _watch(self, inotify: Inotify) -> None:
        """Have every directory watched; what is in one that cannot be is looked at often instead."""
        before, unwatched = inotify.watched, set[Path]()
        for directory in {state.log.path.parent for state in self._logs.followed.values()} - set(before):
            try:
                inotify.watch(directory)
            except Unavailable as error:
                unwatched.add(directory)
                if directory not in self._unwatched:
                    log.warning("logs.not_watched directory=%s error=%r next=poll", directory, str(error))
        for state in self._logs.followed.values():
            if state.log.path.parent not in before:  # what was written until now, nobody was told of
                state.poll_seconds = POLL_SECONDS if state.log.path.parent in unwatched else LOOK_SECONDS
                state.archives_changed = True
                state.wake.set()
        self._unwatched = unwatched

    async def _listen(self, inotify: Inotify) -> None:
        """Pass on what the kernel says, until there may be logs that nobody follows."""
        async with trio.open_nursery() as nursery:

            async def be_told() -> None:
                await self._logs.configured.wait(LOOK_SECONDS)
                nursery.cancel_scope.cancel()

            nursery.start_soon(be_told)
            while not self._pass_on(inotify):
                await trio.lowlevel.wait_readable(inotify.fd)
            nursery.cancel_scope.cancel()

    async def _poll(self) -> None:
        while True:
            await self._find_logs()
            for state in self._logs.followed.values():
                if state.poll_seconds != POLL_SECONDS:
                    state.poll_seconds = POLL_SECONDS
                    state.wake.set()
            await self._logs.configured.wait(LOOK_SECONDS)

    async def _find_logs(self) -> None:
        known = await self._logs.threads.run(self._logs.catalogue.logs)
        outside = {found.name: found for found in known if found.origin is Origin.OUTSIDE}
        for name, state in list(self._logs.followed.items()):
            if state.log.origin is Origin.OUTSIDE and outside.get(name) != state.log:
                await self._supervisor.stop(follower_name(name))
                self._logs.drop(name)
        for found in known:
            # A file of the directory that was not there before is new; one from outside may be as old as it likes.
            state = self._logs.add(found, fresh=self._looked and found.origin is not Origin.OUTSIDE)
            if state is not None:
                await self._start(state)
        self._looked = True

    async def _start(self, state: LogState) -> None:
        logs = self._logs
        await self._supervisor.start(
            ChildSpec(follower_name(state.log.name), lambda: FollowerActor(logs, state), backoff=_BACKOFF)
        )

    def _pass_on(self, inotify: Inotify) -> bool:
        """Wake the followers of what has changed; whether there may be a log that nobody follows yet."""
        strange = False
        for path in inotify.read():
            if path is None:
                for state in self._logs.followed.values():
                    state.archives_changed = True
                    state.wake.set()
                return True
            if (state := self._logs.at(path)) is not None:
                state.wake.set()
            elif (owner := self._owner(path)) is not None:
                owner.archives_changed = True
                owner.wake.set()
            elif path.parent == self._logs.catalogue.directory:
                strange = strange or self._logs.is_strange(path.name)
        return strange

    def _owner(self, archive: Path) -> LogState | None:
        """The log that the file *archive* was put aside of."""
        for state in self._logs.followed.values():
            path = state.log.path
            if path.parent == archive.parent and archive_of(path.name, archive.name) is not None:
                return state
        return None


def follower_name(name: str) -> str:
    """What the follower of the log *name* is called."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-")[:50]
    return plain if plain == name else f"{plain or 'log'}-{hashlib.sha256(name.encode()).hexdigest()[:10]}"


async def open_logs(logs: Logs, supervisor: Supervisor) -> None:
    """Have all logs followed, under *supervisor*."""
    await supervisor.start(ChildSpec("clerk", lambda: ClerkActor(logs, supervisor)))
