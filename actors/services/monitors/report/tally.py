"""What a report counts between two reports. Pure, and kept in the store as it is."""

import attrs
import msgspec

NAMES = 200
"""Services whose failures are counted each by itself."""


@attrs.define(slots=False)
class Figure:
    """One figure of the machine over a while."""

    count: int = 0
    total: float = 0.0
    highest: float = 0.0

    def add(self, value: float) -> None:
        """One more sample."""
        self.highest = value if self.count == 0 else max(self.highest, value)
        self.count += 1
        self.total += value

    def plus(self, other: "Figure") -> "Figure":
        """Both together."""
        highest = max((one.highest for one in (self, other) if one.count), default=0.0)
        return Figure(self.count + other.count, self.total + other.total, highest)

    @property
    def mean(self) -> float | None:
        """None without a sample."""
        return None if self.count == 0 else self.total / self.count


@attrs.define(slots=False)
class Tally:
    """Everything since the last report."""

    since: float
    """Seconds since 1970."""
    restarts: int = 0
    failures: dict[str, int] = attrs.field(factory=dict[str, int])
    """By service."""
    recoveries: int = 0
    alerts: int = 0
    alerts_over: int = 0
    cpu: Figure = attrs.field(factory=Figure)
    memory: Figure = attrs.field(factory=Figure)
    disk: Figure = attrs.field(factory=Figure)

    def fail(self, service: str) -> None:
        """*service* failed once more."""
        if service in self.failures or len(self.failures) < NAMES:
            self.failures[service] = self.failures.get(service, 0) + 1

    def plus(self, later: "Tally") -> "Tally":
        """This one and a later one together."""
        found = Tally(
            self.since,
            self.restarts + later.restarts,
            dict(self.failures),
            self.recoveries + later.recoveries,
            self.alerts + later.alerts,
            self.alerts_over + later.alerts_over,
            self.cpu.plus(later.cpu),
            self.memory.plus(later.memory),
            self.disk.plus(later.disk),
        )
        for service, times in later.failures.items():
            if service in found.failures or len(found.failures) < NAMES:
                found.failures[service] = found.failures.get(service, 0) + times
        return found

    def encoded(self) -> str:
        """For the store."""
        return msgspec.json.encode(self).decode()


def decoded(text: str) -> Tally | None:
    """A tally out of the store; None where an other version wrote something else."""
    try:
        return msgspec.json.decode(text, type=Tally)
    except msgspec.DecodeError:  # a ValidationError is one
        return None
