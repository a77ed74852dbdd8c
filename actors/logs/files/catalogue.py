"""Which logs there are."""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from actors.logs.files.names import UnknownLog, bare_name
from actors.logs.files.parts import archive_of
from actors.logs.known import OWN_LOG, KnownLog
from actors.logs.records import Origin

SUFFIX = ".log"

FILES = 10_000
"""Of a directory are looked at: there is a mistake somewhere when there are more."""


@attrs.frozen
class LogFile:
    """A file that a log is in."""

    name: str
    path: Path
    log: str
    """The name of the log that it belongs to; its own, unless it is an archive."""
    service: str | None
    size: int
    modified: float
    """Seconds since 1970."""

    @property
    def is_archive(self) -> bool:
        """Whether it was put aside of its log."""
        return self.name != self.log


@attrs.frozen
class Catalogue:
    """The logs of a directory, and those that were configured.

    `captures` says of a service's id whether its log is what a process wrote.
    """

    directory: Path
    captures: Callable[[str], bool]
    outside: Mapping[str, KnownLog] = attrs.field(factory=dict[str, KnownLog])

    def of_directory(self, name: str) -> KnownLog:
        """The log in the file *name* of the directory, whether it is there or not."""
        path = self.directory / name
        if name == OWN_LOG:
            return KnownLog(name=name, path=path, origin=Origin.OURS, service=OWN_LOG.removesuffix(SUFFIX))
        service = name.removesuffix(SUFFIX)
        origin = Origin.CAPTURED if self.captures(service) else Origin.OURS
        return KnownLog(name=name, path=path, origin=origin, service=service)

    def is_log(self, name: str) -> bool:
        """Whether a file of the directory is one, rather than an archive or something else."""
        return name.endswith(SUFFIX) and not name.startswith(".")

    def find(self, name: str) -> KnownLog:
        """The log *name*. Blocking.

        Raises:
            InvalidLogName: It can be no log's name.
            UnknownLog: There is none.
        """
        bare_name(name)
        there = _regular(self.directory / name) is not None
        if name in self.outside and not (there and self.is_log(name)):
            return self.outside[name]
        if name != OWN_LOG and not there:
            raise UnknownLog(name)
        owner = next((log for log in self._owners(name) if archive_of(log, name) is not None), None)
        if owner is not None:
            return attrs.evolve(self.of_directory(owner), name=name, path=self.directory / name)
        if not self.is_log(name):
            raise UnknownLog(name)
        return self.of_directory(name)

    def logs(self) -> Sequence[KnownLog]:
        """All of them, our own first; one from outside gives way to a log of the directory of its name. Blocking."""
        there = self._names()
        names = {name for name in there if self.is_log(name)}
        # Of a service that is gone only archives may be left.
        names |= {log for name in there for log in self._owners(name) if archive_of(log, name) is not None}
        others = sorted(names - {OWN_LOG})
        outside = [log for name, log in self.outside.items() if name not in names]
        return [self.of_directory(OWN_LOG), *map(self.of_directory, others), *outside]

    def files(self) -> Sequence[LogFile]:
        """All files that are there, each log followed by its archives. Blocking."""
        found: list[LogFile] = []
        names = self._names()
        for log in self.logs():
            inside = log.path.parent == self.directory
            siblings = names if inside else _names_of(log.path.parent)
            archives = [(about[1], name) for name in siblings if (about := archive_of(log.path.name, name)) is not None]
            for name in [log.path.name, *(name for _, name in sorted(archives))]:
                path = log.path.parent / name
                if (at := _regular(path)) is not None:
                    shown = log.name if name == log.path.name else name
                    found.append(LogFile(shown, path, log.name, log.service, at.st_size, at.st_mtime))
        return found

    def _owners(self, name: str) -> Sequence[str]:
        """The logs that *name* may be an archive of."""
        at = name.find(SUFFIX)
        return [] if at < 0 or name.startswith(".") or name.endswith(SUFFIX) else [name[: at + len(SUFFIX)]]

    def _names(self) -> Sequence[str]:
        return _names_of(self.directory)


def _names_of(directory: Path) -> Sequence[str]:
    with suppress(OSError), os.scandir(directory) as entries:
        return sorted(entry.name for entry, _ in zip(entries, range(FILES), strict=False))
    return []


def _regular(path: Path) -> os.stat_result | None:
    with suppress(OSError, ValueError):
        found = path.stat(follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            return found
    return None
