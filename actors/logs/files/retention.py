"""Which archives of logs are to go, and which to be made smaller. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import attrs

from actors.settings import RetentionOptions

MB = 1024 * 1024
DAY = 86_400.0

Why: TypeAlias = Literal["age", "count", "size"]


@attrs.frozen
class Kept:
    """An archive as it is there."""

    name: str
    log: str
    size: int
    modified: float
    """Seconds since 1970."""
    place: int
    """0 for the latest of its log, 1 for the one before it, and so on."""
    packed: bool
    ours_to_pack: bool
    """Nobody else packs the archives of this log."""


@attrs.frozen
class Plan:
    """What a clean-up does."""

    delete: Sequence[tuple[Kept, Why]]
    pack: Sequence[Kept]

    @property
    def freed(self) -> int:
        """Bytes of what is deleted."""
        return sum(archive.size for archive, _ in self.delete)


def plan(archives: Iterable[Kept], policy: RetentionOptions, now: float) -> Plan:
    """What *policy* wants of *archives* at *now*, seconds since 1970.

    First goes what is too old, then what is too many of a log, then the oldest of all until the rest fits. Of what is
    left the archives but the latest of each log are packed: who follows the log may still read that.
    """
    delete: dict[str, tuple[Kept, Why]] = {}
    everything = sorted(archives, key=lambda archive: (archive.modified, -archive.place))
    for archive in everything:
        if policy.max_days is not None and archive.modified < now - policy.max_days * DAY:
            delete[archive.name] = archive, "age"
        elif policy.max_files is not None and archive.place >= policy.max_files:
            delete[archive.name] = archive, "count"
    left = [archive for archive in everything if archive.name not in delete]
    if policy.max_size_mb is not None:
        size = sum(archive.size for archive in left)
        for archive in left:
            if size <= policy.max_size_mb * MB:
                break
            delete[archive.name] = archive, "size"
            size -= archive.size
    pack = [
        archive
        for archive in left
        if policy.compression_enabled
        and archive.name not in delete
        and archive.ours_to_pack
        and not archive.packed
        and archive.place > 0
    ]
    return Plan(tuple(delete.values()), tuple(pack))
