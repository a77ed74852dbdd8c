"""Counts of durations by size: cheap to keep, good enough to say where most of them are."""

import attrs

BUCKETS = 64
"""Powers of two of a microsecond: more than any clock can count, so that no bucket needs a check."""


@attrs.frozen
class Latency:
    """How long something took, over many times. Bucket *n* counts durations under 2**n microseconds."""

    counts: tuple[int, ...]

    @property
    def count(self) -> int:
        """Of all durations."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """Seconds under which *share* (0.0 to 1.0) of the durations are, at most doubled; None without any."""
        wanted = share * self.count
        reached = 0
        for power, count in enumerate(self.counts):
            reached += count
            if count and reached >= wanted:
                return 2**power / 1e6
        return None


def bucket(seconds: float) -> int:
    """Where a duration of 0 or more is counted. The mailbox's loop has this written out, for speed."""
    return int(seconds * 1e6).bit_length()
