"""Apply the retention policy to the archives of logs."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from actors.logs.files.catalogue import Catalogue
from actors.logs.files.packing import pack, take_out
from actors.logs.files.retention import DAY, Kept, Plan, plan
from actors.logs.known import OWN_LOG, KnownLog
from actors.logs.parsing import Parser
from actors.logs.records import LogRecord
from actors.settings import RetentionOptions

log = logging.getLogger("actors.logs")


@attrs.frozen(kw_only=True)
class Cleaned:
    """What a clean-up did, or would do."""

    deleted: Sequence[tuple[str, str]]
    """Names of files, each with why: `age`, `count` or `size`."""
    packed: Sequence[str]
    thinned: Mapping[str, int]
    """Names of files, with how many records were taken out of each."""
    freed: int
    """Bytes; what packing frees is known only once it is done."""
    failed: Mapping[str, str]
    """What could not be done, and why."""


def archives(catalogue: Catalogue) -> list[Kept]:
    """The archives in the directory of logs. Blocking."""
    places: Counter[str] = Counter()
    found: list[Kept] = []
    for file in catalogue.files():
        if not file.is_archive or file.path.parent != catalogue.directory:
            continue
        # The keeper packs those of services, and would not find them under another name.
        ours = file.log == OWN_LOG or (file.service is not None and not catalogue.captures(file.service))
        packed = file.path.suffix == ".gz"
        found.append(Kept(file.name, file.log, file.size, file.modified, places[file.log], packed, ours))
        places[file.log] += 1
    return found


def what_to_do(catalogue: Catalogue, policy: RetentionOptions) -> Plan:
    """What `clean` would do now. Blocking."""
    return plan(archives(catalogue), policy, time.time())


def clean(
    catalogue: Catalogue,
    policy: RetentionOptions,
    parser_of: Callable[[KnownLog], Parser],
    *,
    dry_run: bool = False,
    between: Callable[[], None] = lambda: None,
) -> Cleaned:
    """Do what *policy* wants of the archives in the directory of logs; nothing else is touched. Blocking.

    Args:
        catalogue: Of that directory.
        policy: How long they are kept.
        parser_of: How a log is read, for what goes by level.
        dry_run: Only say what would be done; records that would go by level are not counted.
        between: Called between two files; it may raise to end.
    """
    wanted = what_to_do(catalogue, policy)
    if dry_run:
        return Cleaned(
            deleted=[(archive.name, why) for archive, why in wanted.delete],
            packed=[archive.name for archive in wanted.pack],
            thinned={},
            freed=wanted.freed,
            failed={},
        )
    done = _Done()
    for archive, why in wanted.delete:
        between()
        if done.tried(archive.name, (catalogue.directory / archive.name).unlink):
            done.deleted.append((archive.name, why))
            done.freed += archive.size
    if policy.level_based_retention:
        _thin(catalogue, policy, parser_of, done, between)
    for archive in wanted.pack:
        between()
        _pack(catalogue.directory / archive.name, done)
    found = done.cleaned()
    log.info(
        "logs.cleaned deleted=%d packed=%d thinned=%d freed=%d failed=%d",
        *(len(found.deleted), len(found.packed), len(found.thinned), found.freed, len(found.failed)),
    )
    return found


@attrs.define(eq=False)
class _Done:
    deleted: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])
    packed: list[str] = attrs.field(factory=list[str])
    thinned: dict[str, int] = attrs.field(factory=dict[str, int])
    failed: dict[str, str] = attrs.field(factory=dict[str, str])
    freed: int = 0

    def tried(self, name: str, work: Callable[[], object]) -> bool:
        try:
            work()
        except FileNotFoundError:
            return False  # gone by itself
        except OSError as error:
            self.failed[name] = str(error)
            log.warning("logs.not_cleaned name=%s error=%r next=try_again_later", name, str(error))
            return False
        return True

    def cleaned(self) -> Cleaned:
        return Cleaned(
            deleted=self.deleted, packed=self.packed, thinned=self.thinned, freed=self.freed, failed=self.failed
        )


def _pack(path: Path, done: _Done) -> None:
    def work() -> None:
        done.freed += pack(path).freed
        done.packed.append(path.name)

    done.tried(path.name, work)


def _thin(
    catalogue: Catalogue,
    policy: RetentionOptions,
    parser_of: Callable[[KnownLog], Parser],
    done: _Done,
    between: Callable[[], None],
) -> None:
    now = time.time()
    limits = {level: now - days * DAY for level, days in policy.level_based_retention.items()}
    for archive in archives(catalogue):
        if archive.place == 0:
            continue  # who follows the log may still read it
        between()

        def expired(record: LogRecord) -> bool:
            limit = limits.get(record.level)
            return limit is not None and record.timestamp is not None and record.timestamp.timestamp() < limit

        def work(name: str = archive.name, of: str = archive.log) -> None:
            smaller = take_out(catalogue.directory / name, parser_of(catalogue.of_directory(of)), expired)
            if smaller is not None:
                done.thinned[name] = smaller.removed
                done.freed += smaller.freed

        done.tried(archive.name, work)
